"use strict";
// Everything shown here was sent by machines on the network. It is put into the page as text, never as
// HTML: there is no innerHTML in this file.

const WORDS = {
  "booting": "booting", "waiting": "at a menu", "handed-over": "handed over", "up": "up",
  "stopped": "stopped",
};
const SHOWN = 500;
const OUTCOMES = {
  "underway": "under way", "sent": "sent", "size-only": "asked for its size", "missing": "not there",
  "not-needed": "not there, not needed", "failed": "failed",
};

const boots = new Map();   // by number
const cards = new Map();   // by client
let filter = "all";
let skew = 0;              // the server's clock less ours

const by = id => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/// Puts children into a place only where they differ, so that focus and selection stay.
function replace(place, ...children) {
  const made = element("div", {}, ...children);
  if (!sameNodes(place, made)) place.replaceChildren(...made.childNodes);
}

function sameNodes(one, other) {
  if (one.childNodes.length !== other.childNodes.length) return false;
  return [...one.childNodes].every((node, at) => node.isEqualNode(other.childNodes[at]));
}

const amount = bytes => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
};

function ago(ms) {
  const seconds = Math.max(0, Math.round((Date.now() + skew - ms) / 1000));
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(ms).toLocaleDateString();
}

/// A file's name keeps its letters.
function sentence(text) {
  const first = text.split(" ", 1)[0];
  return /[./]/.test(first) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

/// Each client with its boots, the newest first.
function clients() {
  const all = new Map();
  for (const boot of [...boots.values()].sort((a, b) => b.id - a.id)) {
    if (!all.has(boot.client)) all.set(boot.client, []);
    all.get(boot.client).push(boot);
  }
  return [...all.values()].sort((a, b) => b[0].last_ms - a[0].last_ms || b[0].id - a[0].id);
}

function card(client) {
  const parts = {
    root: element("li", { class: "boot", id: client }),
    top: element("div", { class: "top" }),
    about: element("p", { class: "about" }),
    summary: element("p", { class: "summary" }),
    why: element("dl", { class: "why" }),
    chain: element("ol", { class: "chain", "aria-label": "The way it took" }),
    details: element("details"),
    handle: element("summary"),
    steps: element("div"),
    pill: element("span"),
    ago: element("span", { class: "ago" }),
  };
  parts.details.append(parts.handle, parts.steps);
  parts.details.addEventListener("toggle", () => load(client));
  // An address that ends in #52:54:00:00:00:01 shows that machine's steps.
  parts.details.open = decodeURIComponent(location.hash.slice(1)) === client;
  parts.top.append(element("h2", { class: "name" }, client), parts.pill, parts.ago);
  parts.root.append(parts.top, parts.about, parts.summary, parts.why, parts.chain, parts.details);
  return parts;
}

function show(list) {
  const [boot, ...earlier] = list;
  const parts = cards.get(boot.client) ?? card(boot.client);
  cards.set(boot.client, parts);
  const { status, summary, reason, remedy } = boot.verdict;
  parts.boot = boot;
  parts.earlier = earlier;
  parts.root.className = `boot ${status}`;
  parts.root.dataset.client = boot.client;
  parts.root.dataset.signature = boot.verdict.signature;
  parts.pill.className = `pill ${status}`;
  parts.pill.textContent = WORDS[status] ?? status;
  parts.ago.textContent = ago(boot.last_ms);
  const about = [boot.platform, boot.address, boot.vendor_class, boot.uuid && `UUID ${boot.uuid}`,
    boot.bytes ? `${amount(boot.bytes)} loaded` : null];
  parts.about.textContent = about.filter(Boolean).join(" · ");
  parts.summary.textContent = sentence(summary);
  const why = [];
  const [before] = earlier;
  // Firmware that was refused something tries again and again: what is under way now is not the news.
  if (status === "booting" && before?.verdict.status === "stopped") {
    why.push(element("dt", {}, "The try before"), element("dd", {}, sentence(before.verdict.summary)));
    if (before.verdict.reason) why.push(element("dt", {}, "Likely why"), element("dd", {}, before.verdict.reason));
    if (before.verdict.remedy) why.push(element("dt", {}, "What helps"), element("dd", {}, before.verdict.remedy));
  }
  if (reason) why.push(element("dt", {}, "Likely why"), element("dd", {}, reason));
  if (remedy) why.push(element("dt", {}, "What helps"), element("dd", {}, remedy));
  replace(parts.why, ...why);
  parts.why.hidden = why.length === 0;
  replace(parts.chain, ...boot.chain.map(link => {
    const text = link.percent === undefined ? link.label : `${link.label} ${link.percent} %`;
    const said = link.state === "failed" ? `${text}: failed` : text;
    return element("li", { class: link.state, title: said },
      element("span", link.state === "failed" ? { "aria-label": said } : {}, text));
  }));
  const more = earlier.length ? ` and ${earlier.length} earlier` : "";
  parts.handle.textContent = `Every step of this boot${more}`;
  if (parts.details.open) load(boot.client);
  return parts.root;
}

/// Fetches the steps of a card that is open.
async function load(client) {
  const parts = cards.get(client);
  if (!parts?.details.open || parts.loading) return;
  parts.loading = true;
  try {
    const answer = await fetch(`/api/v1/boots/${parts.boot.id}`);
    if (answer.ok) steps(parts, (await answer.json()).boot);
  } catch {
    // The connection's own mark says that it is gone.
  } finally {
    parts.loading = false;
  }
}

function steps(parts, boot) {
  const rows = boot.steps.map(step => {
    const seconds = ((step.time_ms - boot.began_ms) / 1000).toFixed(2);
    const file = step.file;
    const what = file ? `${file.protocol} ${file.name}` : step.text;
    const repeated = step.count > 1 ? ` (${step.count} times)` : "";
    let came = "";
    if (file) {
      came = file.reason ?? OUTCOMES[file.outcome] ?? file.outcome;
      if (file.bytes) came += `, ${amount(file.bytes)}`;
      if (file.outcome === "underway" && file.size) came += ` of ${amount(file.size)}`;
      if (file.millis > 0) came += ` in ${(file.millis / 1000).toFixed(2)} s, ${amount(file.bytes * 1000 / file.millis)}/s`;
      if (file.requests > 1) came += `, ${file.requests} requests`;
      if (file.stalled_at !== undefined) came += `; stalled at block ${file.stalled_at}, sent again ${file.retries} times`;
    }
    const bad = file && (file.outcome === "missing" || file.outcome === "failed");
    return element("tr", { class: step.kind },
      element("td", { class: "time" }, `${seconds} s`),
      element("td", {}, what + repeated),
      element("td", bad ? { class: "bad" } : {}, came,
        ...(file?.sha256 ? [element("div", { class: "hash" }, `SHA-256 ${file.sha256}`)] : [])));
  });
  const head = element("thead", {}, element("tr", {},
    ...["Time", "What", "What came of it"].map(text => element("th", { scope: "col" }, text))));
  const shown = [element("table", { class: "steps" }, head, element("tbody", {}, ...rows))];
  if (boot.omitted) shown.push(element("p", {}, `${boot.omitted} steps in between are left out.`));
  if (parts.earlier.length) {
    shown.push(element("h3", {}, "Earlier"));
    shown.push(element("ul", {}, ...parts.earlier.map(boot =>
      element("li", {}, `${new Date(boot.began_ms).toLocaleString()}: ${boot.verdict.summary}`))));
  }
  replace(parts.steps, ...shown);
}

function render() {
  const all = clients();
  const counts = { all: all.length };
  for (const [boot] of all) counts[boot.verdict.status] = (counts[boot.verdict.status] ?? 0) + 1;
  filters(counts);
  const wanted = all.filter(([boot]) => filter === "all" || boot.verdict.status === filter);
  const shown = wanted.slice(0, SHOWN).map(show);
  const place = by("boots");
  // Moving an element would take the focus from it, so only what is out of its place is moved.
  shown.forEach((root, at) => {
    if (place.children[at] !== root) place.insertBefore(root, place.children[at] ?? null);
  });
  while (place.children.length > shown.length) place.lastChild.remove();
  by("empty").hidden = all.length > 0;
  by("none").hidden = all.length === 0 || wanted.length > 0;
  const stopped = counts.stopped ?? 0;
  document.title = stopped ? `(${stopped} stopped) Boots – winpe-iscsi` : "Boots – winpe-iscsi";
}

function filters(counts) {
  const place = by("filters");
  for (const kind of ["all", "stopped", "booting", "waiting", "handed-over", "up"]) {
    let button = place.querySelector(`[data-kind="${kind}"]`);
    if (!button) {
      button = element("button", { type: "button", "data-kind": kind });
      button.addEventListener("click", () => { filter = kind; render(); });
      place.append(button);
    }
    button.textContent = `${kind === "all" ? "all" : WORDS[kind]} ${counts[kind] ?? 0}`;
    button.setAttribute("aria-pressed", String(filter === kind));
  }
}

function take(reply) {
  skew = reply.now_ms - Date.now();
  for (const boot of reply.boots) {
    const before = boots.get(boot.id);
    boots.set(boot.id, boot);
    if (before && before.verdict.status !== boot.verdict.status && ["stopped", "up"].includes(boot.verdict.status)) {
      by("news").textContent = `${boot.client} ${WORDS[boot.verdict.status]}: ${boot.verdict.summary}`;
    }
  }
  const oldest = [...boots.keys()].sort((a, b) => b - a).slice(4 * SHOWN);
  oldest.forEach(id => boots.delete(id));
  render();
}

function connect() {
  const live = by("live");
  const stream = new EventSource("/api/v1/events");
  let first = true;
  stream.addEventListener("boots", event => {
    // A restarted server counts from the beginning.
    if (first) boots.clear();
    first = false;
    live.className = "live on";
    live.textContent = "live";
    take(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    stream.close();
    live.className = "live off";
    live.textContent = "no connection; trying again";
    setTimeout(connect, 2000);
  });
}

by("all").addEventListener("click", () => { filter = "all"; render(); });
/// What there is, before the page is painted for the first time: the server is near, and its answer short.
function begin() {
  const request = new XMLHttpRequest();
  request.open("GET", "/api/v1/boots", false);
  try {
    request.send();
    if (request.status === 200) take(JSON.parse(request.responseText));
  } catch {
    // The live stream says that there is no connection, and tries again.
  }
}

setInterval(() => {
  for (const parts of cards.values()) parts.ago.textContent = ago(parts.boot.last_ms);
}, 1000);
begin();
connect();
