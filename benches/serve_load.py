#!/usr/bin/env python3
"""Loads `winpe-iscsi serve` and the servers of Debian with the same clients, and prints Markdown.

    cargo build --release -p winpe-iscsi
    cargo build --release --manifest-path benches/serve_load/Cargo.toml
    benches/serve_load.py [--rounds 3] [--only tftp,crowd,loss,dhcp,burst,http] [--server PROGRAM]

As root: it makes two network namespaces with a veth pair between them, and removes them. The server is
pinned to CPU 0 and the clients to CPU 1; contenders take turns, and the median of the rounds is printed.
Files and leases are on the disk of `--state`, the files in the kernel's memory. From Debian come dnsmasq-base, atftpd,
nginx-light and kea-dhcp4-server; tftpd-hpa conflicts with atftpd, so its package is only unpacked
(`apt-get download`) into the folder of the measurement. `--server` is anything that takes the same words
as `winpe-iscsi`.
"""

import argparse, json, os, random, shutil, signal, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "benches/serve_load/target/release/winpe-serve-load"
OURS, THEIRS = f"load-{os.getpid()}-s", f"load-{os.getpid()}-c"
SERVER, CLIENTS, RELAY = "10.77.0.1", "10.77.0.2", "10.88.0.1"
# For servers that run at the same time.
OTHERS = ("10.99.0.1", "10.99.0.2", "10.99.0.3")
SERVER_CPU, CLIENT_CPU = "0", "1"
# A higher priority than other programs of the machine.
NICE = ["nice", "-n", "-15"]
TFTP_MB = 100


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def make_network():
    for name in (OURS, THEIRS):
        ip(f"netns add {name}")
    ip(f"-n {OURS} link add near type veth peer name far netns {THEIRS}")
    for name, device, address in ((OURS, "near", SERVER), (THEIRS, "far", CLIENTS)):
        ip(f"-n {name} addr add {address}/24 dev {device}")
        ip(f"-n {name} link set lo up")
        ip(f"-n {name} link set {device} up")
        # BBR, where a machine has it, paces a stream by timers: those would be measured, not the servers.
        ip(f"netns exec {name} sysctl -qw net.ipv4.tcp_congestion_control=reno")
    # Each address of the network behind the relay belongs to a client.
    ip(f"-n {THEIRS} route add local 10.88.0.0/16 dev lo")
    ip(f"-n {OURS} route add 10.88.0.0/16 via {CLIENTS}")
    for address in OTHERS:
        ip(f"-n {OURS} addr add {address}/32 dev lo")
        ip(f"-n {THEIRS} route add {address}/32 via {SERVER}")


def remove_network():
    for name in (OURS, THEIRS):
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Running:
    """A server that runs until it is stopped."""

    def __init__(self, words, at, patience=0.4, until=None):
        self.log = open(at / "server.log", "w+")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", OURS, *NICE, "taskset", "-c", SERVER_CPU, *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=at)
        end = time.time() + (20 if until else patience)
        while time.time() < end and not (until and until in open(self.log.name).read()):
            if self.process.poll() is not None:
                sys.exit(f"{words[0]} ended: {open(self.log.name).read()}")
            time.sleep(0.05)

    def memory(self, kind="VmHWM"):
        """Peak (VmHWM) or present (VmRSS) memory in MB, children included."""
        tasks, lines = [self.process.pid], []
        for pid in tasks:
            try:
                tasks += map(int, open(f"/proc/{pid}/task/{pid}/children").read().split())
                lines += [line for line in open(f"/proc/{pid}/status") if line.startswith(kind)]
            except OSError:
                # A child that has just ended.
                pass
        return sum(int(line.split()[1]) for line in lines) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def client(*words, check=True):
    command = ["ip", "netns", "exec", THEIRS, *NICE, "taskset", "-c", CLIENT_CPU, CLIENT, *words]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        if check:
            sys.exit(f"{words}: {done.stderr}")
        return None
    return json.loads(done.stdout)


def winpe(args, at, address=SERVER):
    assert address == SERVER, "it serves an interface, at its first address"
    state = args.state / f"state-{time.monotonic_ns()}"
    config = at / "winpe-iscsi.toml"
    config.write_text(f"""
[serve]
interface = "near"
mode = "dhcp"
force = true
folders = ["{at}/files"]
state = "{state}"
[[serve.subnet]]
network = "10.88.0.0/16"
first = "10.88.1.0"
last = "10.88.199.255"
[[serve.subnet]]
network = "10.77.0.0/24"
first = "10.77.0.100"
last = "10.77.0.199"
[watch]
listen = "off"
""")
    return Running([*args.server.split(), "serve", "--config", config], at, until="giving addresses")


def dnsmasq(args, at, *more):
    return Running(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0",
                    "--bind-interfaces", *more], at)


def dnsmasq_tftp(args, at, address=SERVER):
    return dnsmasq(args, at, f"--listen-address={address}", "--enable-tftp", f"--tftp-root={at}/files", "--tftp-max=200")


def dnsmasq_dhcp(args, at, *more):
    leases = args.state / f"dnsmasq-{time.monotonic_ns()}.leases"
    return dnsmasq(args, at, "--interface=near", "--dhcp-range=10.88.1.0,10.88.199.255,255.255.0.0,1h", "--dhcp-range=10.77.0.100,10.77.0.199,1h",
                   "--dhcp-lease-max=60000", "--dhcp-authoritative", f"--dhcp-leasefile={leases}",
                   "--quiet-dhcp", "--dhcp-boot=undionly.kpxe", *more)


def hpa(args, at, address=SERVER):
    return Running([at / "peers/usr/sbin/in.tftpd", "--foreground", "--listen", "--user", "root", "--address",
                    f"{address}:69", "--secure", at / "files"], at)


def atftpd(args, at, address=SERVER):
    return Running(["atftpd", "--daemon", "--no-fork", "--bind-address", address, "--port", "69",
                    "--user", "root.root", "--maxthread", "200", "--verbose=0", at / "files"], at)


def nginx(args, at, address=SERVER):
    (at / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {at}/nginx.pid; error_log stderr; user root;
events {{ worker_connections 1024; }}
http {{ sendfile on; tcp_nopush on; access_log off; keepalive_requests 100000;
server {{ listen {address}:80; root {at}/files; }} }}
""")
    return Running(["nginx", "-p", at, "-c", at / "nginx.conf"], at)


def kea(args, at):
    leases = args.state / f"kea-{time.monotonic_ns()}.csv"
    config = {"Dhcp4": {
        "interfaces-config": {"interfaces": ["near"], "dhcp-socket-type": "raw"},
        "lease-database": {"type": "memfile", "persist": True, "name": str(leases), "lfc-interval": 0},
        "multi-threading": {"enable-multi-threading": False},
        "valid-lifetime": 3600,
        "subnet4": [
            {"id": 1, "subnet": "10.88.0.0/16", "pools": [{"pool": "10.88.1.0-10.88.199.255"}],
             "boot-file-name": "undionly.kpxe"},
            {"id": 2, "subnet": "10.77.0.0/24", "pools": [{"pool": "10.77.0.100-10.77.0.199"}]}],
        "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stdout"}]}]}}
    (at / "kea.json").write_text(json.dumps(config))
    os.environ["KEA_PIDFILE_DIR"] = os.environ["KEA_LOCKFILE_DIR"] = str(at)
    return Running(["kea-dhcp4", "-c", at / "kea.json"], at, patience=1.5)


TFTP = {"winpe-iscsi": winpe, "tftpd-hpa": hpa, "atftpd": atftpd, "dnsmasq": dnsmasq_tftp}


def turns(args, at, contenders, measure):
    """Each contender's figures of each round, and its peak memory."""
    figures, peak = {name: [] for name in contenders}, {}
    for turn in range(args.rounds):
        # In reverse order every other time, so that no contender always runs at the better or worse moment.
        for name, start in list(contenders.items())[::-1 if turn % 2 else 1]:
            server = start(args, at)
            try:
                figures[name].append(measure(name))
                peak[name] = max(peak.get(name, 0), server.memory())
            finally:
                server.stop()
    return figures, peak


def together(args, at, contenders, measure):
    """As `turns`, but all servers run in parallel: short tasks are measured directly one after another, since
    a host is fast or slow for seconds. Ours is the first of them, at the interface's own address."""
    figures, servers = {name: [] for name in contenders}, {}
    try:
        for (name, start), address in zip(contenders.items(), (SERVER, *OTHERS)):
            servers[name] = start(args, at, address), address
        for turn in range(20 * args.rounds):
            # A server that has finished leaves the kernel some work, most of all one with a process for each client.
            for name in random.Random(turn).sample(list(servers), len(servers)):
                figures[name].append(measure(servers[name][1]))
        peak = {name: server.memory() for name, (server, _) in servers.items()}
    finally:
        for server, _ in servers.values():
            server.stop()
    return figures, peak


def table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|---" + "|---:" * (len(head) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    sys.stdout.flush()


def tftp(args, at):
    cases = [(512, 1), (1408, 1), (8192, 1), (65464, 1), (512, 16), (1408, 4), (1408, 16), (1408, 64)]
    delayed = [(1408, 1), (1408, 16), (1408, 64)]

    def measure(name):
        got = {}
        for block, window, delay in [(*c, 0) for c in cases] + [(*c, 300) for c in delayed]:
            words = ("--block", block, "--window", window, "--delay", delay)
            # A server that grants another block size or window belongs in another column.
            agreed = client("tftp", f"{SERVER}:69", "tiny", *words)
            if (agreed["block"], agreed["window"]) == (block, window):
                file = "small" if (window, delay) == (1, 300) else "large" if window * block > 1408 else "medium"
                got[block, window, delay] = client("tftp", f"{SERVER}:69", file, *words)
        return got

    figures, peak = turns(args, at, TFTP, measure)
    columns = [(b, w, 0) for b, w in cases] + [(b, w, 300) for b, w in delayed]

    def cell(name, column):
        rates = [r[column]["bytes"] / r[column]["seconds"] / 1e6 for r in figures[name] if column in r]
        return f"{statistics.median(rates):.1f}" if rates else "–"

    print("\n### TFTP, one client, MB/s\n\nBlock size × window, and µs added to each ACK. A dash: the server grants less.")
    table(["", *(f"{b}×{w}" + (f" +{d} µs" if d else "") for b, w, d in columns), "peak MB"],
          [[name, *(cell(name, c) for c in columns), f"{peak[name]:.1f}"] for name in TFTP])


def crowd(args, at):
    def measure(address):
        return client("tftp-crowd", f"{address}:69", "tiny", "--from", "10.88.240.1")
    runs, peak = together(args, at, TFTP, measure)

    def row(name):
        middle = lambda key: statistics.median(run[key] for run in runs[name]) * 1000
        slower = statistics.median(run["seconds"] / ours["seconds"] for run, ours in zip(runs[name], runs["winpe-iscsi"]))
        return [name, min(run["complete"] for run in runs[name]), f"{middle('seconds'):.1f}", f"{middle('p99'):.1f}",
                f"{slower:.2f}", f"{peak[name]:.1f}"]
    print("\n### TFTP, 100 clients × 40 kB at once, block 1468")
    table(["", "complete, at least", "all, ms", "99 of 100, ms", "times ours, in the same turn", "peak MB"], map(row, TFTP))


def loss(args, at):
    def measure(name):
        got = {}
        for window in (1, 16):
            words = ("tftp", f"{SERVER}:69", "small", "--block", 1408, "--window", window)
            plain, lost = client(*words), client(*words, "--lose", 300)
            got[window] = lost["seconds"] - plain["seconds"]
        return got
    figures, _ = turns(args, at, TFTP, measure)
    print("\n### TFTP, the cost of one lost DATA packet, ms\n\nThe client says its last ACK again after a second of silence.")
    table(["", "window 1", "window 16 asked for"],
          [[name, *(f"{statistics.median(r[w] for r in figures[name]) * 1000:.0f}" for w in (1, 16))] for name in TFTP])


def dhcp(args, at):
    contenders = {"winpe-iscsi, fdatasync": winpe, "Kea, memfile": kea,
                  "dnsmasq --no-ping": lambda *a: dnsmasq_dhcp(*a, "--no-ping")}
    if not shutil.which("kea-dhcp4"):
        del contenders["Kea, memfile"]

    def measure(name):
        return {n: client("dhcp", f"{SERVER}:67", RELAY, "--outstanding", n, "--seconds", 2) for n in (16, 256)}
    figures, peak = turns(args, at, contenders, measure)
    print("\n### DHCP behind a relay, exchanges (DISCOVER to ACK) a second, so many under way")
    rows = []
    for name in contenders:
        row = [name]
        for n in (16, 256):
            runs = [r[n] for r in figures[name]]
            row.append(f"{statistics.median(r['exchanges'] / r['seconds'] for r in runs):.0f}")
            row.append(f"{statistics.median(r['lost'] + r['refused'] for r in runs):.0f}")
        rows.append([*row, f"{peak[name]:.1f}"])
    table(["", "16", "lost", "256", "lost", "peak MB"], rows)


def burst(args, at):
    contenders = {"winpe-iscsi, probing": winpe, "Kea, does not probe": kea, "dnsmasq, probing": dnsmasq_dhcp}
    figures, _ = turns(args, at, contenders, lambda name: client("dhcp-burst", "far"))
    print("\n### 20 new clients on the link at once: seconds until their OFFER")
    table(["", "offers", "median", "last"],
          [[name, min(r["offers"] for r in figures[name]),
            *(f"{statistics.median(r[k] for r in figures[name]):.3f}" for k in ("median", "last"))] for name in contenders])


def http(args, at):
    contenders = {"winpe-iscsi": winpe, "nginx, sendfile": nginx}
    size = (at / "files/huge").stat().st_size

    def measure(address):
        server = f"{address}:80"
        runs = {"one": client("http", server, "/huge"), "eight": client("http", server, "/huge", "--connections", 8),
                "ranges": client("http-ranges", server, "/huge", "--size", size)}
        return {key: run.get("requests", run.get("bytes")) / run["seconds"] for key, run in runs.items()}
    figures, peak = together(args, at, contenders, measure)
    ours, nginxs = figures.values()

    def row(name):
        middle = lambda key: statistics.median(turn[key] for turn in figures[name])
        return [name, f"{middle('one') / 1e6:.0f}", f"{middle('eight') / 1e6:.0f}", f"{middle('ranges'):.0f}", f"{peak[name]:.1f}"]
    print("\n### HTTP, 1 GB")
    faster = lambda key: f"{statistics.median(a[key] / b[key] for a, b in zip(ours, nginxs)):.2f}"
    table(["", "1 client, MB/s", "8 clients, MB/s", "64 KiB ranges/s", "peak MB"],
          [*map(row, contenders), ["times nginx, in the same turn", faster("one"), faster("eight"), faster("ranges"), ""]])


SECTIONS = {f.__name__: f for f in (tftp, crowd, loss, dhcp, burst, http)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--server", default=str(ROOT / "target/release/winpe-iscsi"))
    parser.add_argument("--state", default="/var/tmp", help="a folder on a disk")
    args = parser.parse_args()
    at = Path(tempfile.mkdtemp(prefix="serve-load-", dir=args.state))
    args.state = at / "state"
    args.state.mkdir()
    at.chmod(0o755)
    try:
        (at / "files").mkdir()
        noise = os.urandom(1 << 20)
        for name, megabytes in (("small", 2), ("medium", 25), ("large", TFTP_MB), ("huge", 1000)):
            with open(at / "files" / name, "wb") as out:
                for _ in range(megabytes):
                    out.write(noise)
        (at / "files/tiny").write_bytes(noise[:40_000])
        (at / "peers").mkdir()
        subprocess.run("apt-get download -qq tftpd-hpa && dpkg-deb -x tftpd-hpa*.deb .", shell=True,
                       cwd=at / "peers", check=True, stderr=subprocess.DEVNULL)
        make_network()
        for name in args.only.split(","):
            SECTIONS[name](args, at)
    finally:
        remove_network()
        shutil.rmtree(at)


main()
