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

const ORDER = ["stopped", "booting", "waiting", "handed-over", "up"];
const boots = new Map();   // by number
const past = [];           // those of before the server's start
const cards = new Map();   // by client
let filter = "all";
let wanted = "";           // what is searched for
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

/// Each client with its boots, the newest first; those of before the server's start come last.
function clients() {
  const all = new Map();
  for (const boot of [...[...boots.values()].sort((a, b) => b.id - a.id), ...past]) {
    if (!all.has(boot.client)) all.set(boot.client, []);
    all.get(boot.client).push(boot);
  }
  return [...all.values()].sort((a, b) => order(a[0], b[0]) || b[0].last_ms - a[0].last_ms || b[0].id - a[0].id);
}

function order(a, b) {
  const text = (one, other) => (one ?? "\uffff").localeCompare(other ?? "\uffff", undefined, { numeric: true });
  switch (by("sort").value) {
    case "status": return ORDER.indexOf(a.verdict.status) - ORDER.indexOf(b.verdict.status);
    case "name": return text(called(a) || a.client, called(b) || b.client);
    case "address": return text(a.address, b.address);
    case "began": return b.began_ms - a.began_ms;
    default: return 0;
  }
}

/// What people call a machine: the table of the configuration, and its own host name.
const called = boot => [...new Set([boot.table, boot.host_name].filter(Boolean))].join(" · ");

function isWanted([boot]) {
  const { status, summary } = boot.verdict;
  if (filter !== "all" && status !== filter) return false;
  const text = [boot.client, called(boot), boot.address, boot.uuid, boot.platform, boot.vendor_class,
    boot.chosen, status, WORDS[status], summary].filter(Boolean).join("\n").toLowerCase();
  // A MAC address in any spelling.
  const bare = boot.client.replaceAll(":", "");
  return wanted.split(/\s+/).every(word => text.includes(word) || bare.includes(word.replaceAll(/[:.-]/g, "") || word));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard but that of a selection.
    const field = element("textarea", { class: "hidden" }, text);
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  by("news").textContent = `${text} is copied`;
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
    called: element("span", { class: "called" }),
    progress: element("div", { class: "progress" }),
    bar: element("progress", { "aria-label": "How much is loaded" }),
    rate: element("span"),
    open: element("button", { type: "button", class: "open", "aria-expanded": "false" }, "+"),
    copy: element("button", { type: "button", class: "copy" }, "copy"),
  };
  parts.open.setAttribute("aria-label", `More about ${client}`);
  parts.copy.setAttribute("aria-label", `Copy ${client}`);
  parts.copy.addEventListener("click", () => copy(client));
  parts.progress.append(parts.bar, parts.rate);
  const wide = on => {
    parts.root.classList.toggle("wide", on);
    parts.wide = on;
    parts.open.textContent = on ? "–" : "+";
    parts.open.setAttribute("aria-expanded", String(on));
  };
  parts.open.addEventListener("click", () => wide(!parts.wide));
  parts.details.append(parts.handle, parts.steps);
  parts.details.addEventListener("toggle", () => load(client));
  // An address that ends in #52:54:00:00:00:01 shows that machine's steps.
  parts.details.open = decodeURIComponent(location.hash.slice(1)) === client;
  wide(parts.details.open);
  parts.top.append(parts.open, element("h2", { class: "name" }, client), parts.called, parts.pill, parts.copy, parts.ago);
  parts.root.append(parts.top, parts.about, parts.summary, parts.progress, parts.why, parts.chain, parts.details);
  return parts;
}

function show(list) {
  const [boot, ...earlier] = list;
  const parts = cards.get(boot.client) ?? card(boot.client);
  cards.set(boot.client, parts);
  // What has not changed is not made again: with hundreds of machines that would take too long.
  if (parts.boot === boot && parts.earlier?.length === earlier.length && parts.earlier.every((it, at) => it === earlier[at])) {
    return parts.root;
  }
  const { status, summary, reason, remedy } = boot.verdict;
  parts.boot = boot;
  parts.earlier = earlier;
  parts.root.className = `boot ${status}${parts.wide ? " wide" : ""}`;
  parts.root.dataset.client = boot.client;
  parts.root.dataset.signature = boot.verdict.signature;
  parts.pill.className = `pill ${status}`;
  parts.pill.textContent = WORDS[status] ?? status;
  parts.ago.textContent = ago(boot.last_ms);
  parts.called.textContent = called(boot);
  parts.summary.title = summary;
  transfer(parts, boot.transfer);
  const about = [boot.chosen && `chose ${boot.chosen}`, boot.past && "before the server's start", boot.platform, boot.address, boot.vendor_class, boot.uuid && `UUID ${boot.uuid}`,
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

/// The greatest file that is under way.
function transfer(parts, file) {
  parts.progress.hidden = !file;
  if (!file) return;
  parts.bar.max = file.size;
  parts.bar.value = file.bytes;
  const left = file.seconds_left;
  const time = left === undefined || left === null ? "" : left < 90 ? `, ${left} s left` : `, ${Math.ceil(left / 60)} min left`;
  const rate = file.rate ? ` at ${amount(file.rate)}/s` : "";
  parts.rate.textContent = `${amount(file.bytes)} of ${amount(file.size)}${rate}${time}`;
}

/// Where the time of a boot went: what was loaded, and the waits between.
function axis(boot) {
  const spans = [];
  let at = boot.began_ms;
  const add = (until, kind, what) => {
    if (until > at) spans.push([until - at, kind, what]);
    at = Math.max(at, until);
  };
  let before = "it began";
  for (const step of boot.steps) {
    const name = step.file ? step.file.name.split("/").pop() : step.text;
    add(step.time_ms, "wait", `${before} until ${name}`);
    if (step.file) add(step.time_ms + (step.file.millis ?? 0), "load", name);
    before = name;
  }
  if (boot.verdict.status === "booting" && !boot.past) add(Date.now() + skew, "wait", `since ${before}`);
  const whole = at - boot.began_ms;
  if (whole < 1000) return [];
  const shown = spans.map(([ms, kind, what]) => {
    const seconds = `${(ms / 1000).toFixed(1)} s`;
    const share = ms / whole;
    const part = element("span", { class: kind, title: `${seconds}: ${what}` }, share > .12 ? `${seconds} ${kind === "load" ? what : ""}` : "");
    part.style.width = `${share * 100}%`;
    return part;
  });
  const longest = spans.filter(span => span[1] === "wait").sort((a, b) => b[0] - a[0])[0];
  const words = `${(whole / 1000).toFixed(1)} s in all${longest ? `; the longest wait took ${(longest[0] / 1000).toFixed(1)} s, from ${longest[2]}` : ""}`;
  return [element("div", { class: "axis", role: "img", "aria-label": words }, ...shown), element("p", { class: "about" }, words)];
}

/// Fetches the steps of a card that is open.
async function load(client) {
  const parts = cards.get(client);
  if (!parts?.details.open || parts.loading) return;
  if (parts.boot.past) {
    steps(parts, parts.boot);
    return;
  }
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
  const shown = [...axis(boot), element("table", { class: "steps" }, head, element("tbody", {}, ...rows))];
  if (boot.omitted) shown.push(element("p", {}, `${boot.omitted} steps in between are left out.`));
  if (parts.earlier.length) {
    shown.push(element("h3", {}, "Earlier"));
    shown.push(element("ul", {}, ...parts.earlier.map(boot =>
      element("li", {}, `${new Date(boot.began_ms).toLocaleString()}: ${boot.verdict.summary}`))));
  }
  replace(parts.steps, ...shown);
}

function render() {
  const began = performance.now();
  const all = clients();
  const counts = { all: all.length };
  for (const [boot] of all) counts[boot.verdict.status] = (counts[boot.verdict.status] ?? 0) + 1;
  filters(counts);
  const found = all.filter(isWanted);
  const shown = found.slice(0, SHOWN).map(show);
  const place = by("boots");
  // Moving an element would take the focus from it, so only what is out of its place is moved.
  shown.forEach((root, at) => {
    if (place.children[at] !== root) place.insertBefore(root, place.children[at] ?? null);
  });
  while (place.children.length > shown.length) place.lastChild.remove();
  by("empty").hidden = all.length > 0;
  by("none").hidden = all.length === 0 || found.length > 0;
  const stopped = counts.stopped ?? 0;
  // For the tests of this page: how much room the list takes, and how long it took to make it.
  place.dataset.height = place.offsetHeight;
  place.dataset.first ??= Math.ceil(performance.now() - began);
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
    // The first message of a stream has what the page knows already.
    if (before && JSON.stringify(before) === JSON.stringify(boot)) continue;
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
    const reply = JSON.parse(event.data);
    const known = new Set(reply.boots.map(boot => boot.id));
    if (first) [...boots.keys()].filter(id => !known.has(id)).forEach(id => boots.delete(id));
    first = false;
    live.className = "live on";
    live.textContent = "live";
    take(reply);
  });
  stream.addEventListener("error", () => {
    stream.close();
    live.className = "live off";
    live.textContent = "no connection; trying again";
    setTimeout(connect, 2000);
  });
}

by("all").addEventListener("click", () => {
  filter = "all";
  by("search").value = wanted = "";
  render();
});
by("search").addEventListener("input", () => {
  wanted = by("search").value.trim().toLowerCase();
  render();
});
by("tools").addEventListener("submit", event => event.preventDefault());
by("sort").addEventListener("change", render);
by("compact").addEventListener("click", () => compact(!by("boots").classList.contains("compact")));

function compact(on) {
  by("boots").classList.toggle("compact", on);
  by("compact").setAttribute("aria-pressed", String(on));
}

/// An address such as ?show=stopped&search=dell&sort=name&view=cards shows just that.
function arrange() {
  const asked = new URLSearchParams(location.search);
  if (ORDER.includes(asked.get("show"))) filter = asked.get("show");
  by("search").value = asked.get("search") ?? "";
  wanted = by("search").value.trim().toLowerCase();
  if ([...by("sort").options].some(option => option.value === asked.get("sort"))) by("sort").value = asked.get("sort");
  compact(asked.get("view") !== "cards");
}
by("leases").addEventListener("toggle", leases);

async function leases() {
  if (!by("leases").open) return;
  const place = by("leases").querySelector("div");
  try {
    const { leases } = await (await fetch("/api/v1/leases")).json();
    const rows = leases.map(lease => element("tr", {},
      ...[lease.address, lease.client, new Date(lease.expires_ms).toLocaleString()].map(text => element("td", {}, text))));
    const head = element("tr", {}, ...["Address", "Machine", "Until"].map(text => element("th", { scope: "col" }, text)));
    replace(place, element("table", { class: "steps" }, element("thead", {}, head), element("tbody", {}, ...rows)));
  } catch {
    replace(place, element("p", {}, "no connection"));
  }
}

/// The boots of before the server's start.
function remember(reply) {
  past.splice(0, past.length, ...reply.boots.map(boot => ({ ...boot, past: true })));
}

/// What there is, before the page is painted for the first time: the server is near, and its answer short.
function begin() {
  const request = new XMLHttpRequest();
  request.open("GET", "/api/v1/boots", false);
  try {
    request.send();
    const history = new XMLHttpRequest();
    history.open("GET", "/api/v1/history", false);
    history.send();
    if (history.status === 200) remember(JSON.parse(history.responseText));
    if (request.status === 200) take(JSON.parse(request.responseText));
  } catch {
    // The live stream says that there is no connection, and tries again.
  }
}

setInterval(() => {
  for (const parts of cards.values()) {
    const text = ago(parts.boot.last_ms);
    if (parts.root.isConnected && parts.ago.textContent !== text) parts.ago.textContent = text;
  }
}, 1000);
arrange();
begin();
connect();
