#!/usr/bin/env python3
"""Boots machines in QEMU from `winpe-iscsi serve` and from dnsmasq with nginx, and prints Markdown.

    cargo build --release -p winpe-iscsi
    benches/power_on.py [--rounds 3] [--only rom,undionly,dell,memdisk,sanboot,gpxecmd,efi,efi-http,proxy,proxy-efi]

As root: it makes network namespaces with a bridge and a tap, and removes them. Both serve the same files:
those that `serve --export-files` writes, so that menus, scripts and programs are the same byte for byte.
dnsmasq is configured without delays: no ping, and iPXE's option 175.176. Each server is alone on the link, and no
router of IPv6 is there. A boot ends when the machine's serial console shows the last line of the
chain. Before the first round the machine has booted once, since ours probes for 0.3 s whether the address of
a new machine is in use. The machine has CPU 1, all servers have CPU 0; contenders take turns,
each first as often as the other. The median and the minimum are printed: the other guests of the host cause
the difference.
From Debian come qemu-system-x86, ovmf, ipxe, ipxe-qemu, pxelinux, syslinux-common, tgt, xorriso,
dnsmasq-base and nginx-light.
"""

import argparse, os, shutil, signal, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS, OTHER = f"power-{os.getpid()}", f"power-{os.getpid()}-o"
SERVER, LEASES = "192.168.0.10", "192.168.0.1"
MENU = "Network boot"
TARGET = "iqn.2011-12.com.example:disk"
LOCAL = '[[entry]]\nname = "local"\ntitle = "The disk within"\nlocal = true\n'
DISK = f'[[entry]]\nname = "san"\nsan = "iscsi:{SERVER}:::1:{TARGET}"\n'
CD = '[[entry]]\nname = "cd"\niso = "{at}/cd.iso"\n'
PATIENCE = 120
# Seconds from the start of the servers to that of the machine, which starts slower on an idle host:
# ours probes for other DHCP servers for four.
QUIET = 5

# The boots: firmware, [serve], entries, the server that gives addresses, and the last line on the console.
CHAINS = {
    "rom": ("rom", "", LOCAL, "us", MENU),
    "undionly": ("plain", "", LOCAL, "us", MENU),
    "dell": ("plain", 'chain = "dell"', LOCAL, "us", MENU),
    "memdisk": ("rom", 'chain = "dell"\nmenu = false', CD, "us", "REACHED"),
    "sanboot": ("rom", "menu = false", DISK, "us", "REACHED"),
    "gpxecmd": ("rom", 'chain = "dell"\nmenu = false', DISK, "us", "REACHED"),
    "efi": ("efi", "", LOCAL, "us", MENU),
    "efi-http": ("efi-http", "", LOCAL, "us", MENU),
    "proxy": ("plain", "", LOCAL, "other", MENU),
    "proxy-efi": ("efi", "", LOCAL, "other", MENU),
}

# For BIOS clients dnsmasq's proxyDHCP sends a separate menu, which the replacement for the ROM does not read.
NOT_COMPARED = {("dnsmasq, nginx", "proxy")}


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def make_network():
    for name in (OURS, OTHER):
        ip(f"netns add {name}")
        ip(f"-n {name} link set lo up")
    ip(f"-n {OURS} link add br0 type bridge forward_delay 0 stp_state 0")
    ip(f"-n {OURS} addr add {SERVER}/24 dev br0")
    ip(f"-n {OURS} link set br0 up")
    ip(f"-n {OURS} tuntap add tap0 mode tap")
    ip(f"-n {OURS} link set tap0 master br0 up")
    ip(f"-n {OURS} link add near type veth peer name far netns {OTHER}")
    ip(f"-n {OURS} link set near master br0 up")
    ip(f"-n {OTHER} addr add {LEASES}/24 dev far")
    ip(f"-n {OTHER} link set far up")


def remove_network():
    for name in (OURS, OTHER):
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Running:
    """A program that runs until it is stopped, and its output."""

    def __init__(self, words, at, cpu="0", namespace=OURS):
        self.printed, self.changed = b"", threading.Condition()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "taskset", "-c", cpu, *map(str, words)], cwd=at,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.fill, daemon=True).start()

    def fill(self):
        while piece := self.process.stdout.read1(4096):
            with self.changed:
                self.printed += piece
                self.changed.notify_all()

    def wait_for(self, text):
        """Seconds from the start until the text was printed."""
        with self.changed:
            if not self.changed.wait_for(lambda: text.encode() in self.printed, PATIENCE):
                sys.exit(f"no {text!r} in: {self.printed.decode(errors='replace')}")
        return time.monotonic() - self.began

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def dnsmasq(at, interface, *more, namespace=OURS):
    return Running(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0",
                    f"--interface={interface}", "--bind-interfaces", *more], at, namespace=namespace)


def boot_sector(text):
    """A boot sector that prints a text and stops."""
    code = bytes.fromhex("fa31c08ed88ed0bc007cfbfcbe207cac84c07409b40ebb0700cd10ebf2f4ebfd")
    return (code + text.encode()).ljust(510, b"\0") + b"\x55\xaa"


def make_media(at):
    (at / "disk.img").write_bytes(boot_sector("REACHED").ljust(64 << 20, b"\0"))
    (at / "cd").mkdir()
    (at / "cd/boot.img").write_bytes(boot_sector("REACHED").ljust(2048, b"\0"))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", at / "cd.iso", "-b", "boot.img", "-no-emul-boot",
                    "-boot-load-size", "4", at / "cd"], check=True, stderr=subprocess.DEVNULL)


def target(at):
    number = str(os.getpid() % 30_000)
    socket = Path(f"/run/tgtd/socket.{number}")
    socket.parent.mkdir(exist_ok=True)
    socket.unlink(missing_ok=True)
    daemon = Running(["tgtd", "-f", "-C", number, "--iscsi", f"portal={SERVER}:3260"], at)
    while not socket.exists():
        time.sleep(0.02)
    for words in (f"--op new --mode target --tid 1 -T {TARGET}",
                  f"--op new --mode logicalunit --tid 1 --lun 1 -b {at}/disk.img",
                  "--op bind --mode target --tid 1 -I ALL"):
        subprocess.run(["tgtadm", "-C", number, "--lld", "iscsi", *words.split()], check=True)
    return daemon


def write_config(at, name, export):
    _, serve, entries, leases, _ = CHAINS[name]
    base = f'http-base = "http://{SERVER}/"\nhttp-base-holds = ["scripts", "programs", "images"]\n' if export else ""
    mode = "dhcp" if leases == "us" else "proxy"
    config = at / "winpe-iscsi.toml"
    config.write_text(f'[serve]\nmode = "{mode}"\nforce = true\nstate = "{at}/state"\n{base}{serve}\n'
                      f'[watch]\nlisten = "off"\n{entries.format(at=at)}')
    return [ARGS.server, "serve", "--iface", "br0", "--config", config]


def ours(at, name):
    server = Running(write_config(at, name, False), at)
    server.wait_for("boot files")
    return [server]


def theirs(at, name):
    firmware, _, _, leases, _ = CHAINS[name]
    www = at / f"www-{name}"
    if not www.exists():
        Running([*write_config(at, name, True), "--export-files", www], at).process.wait()
    first = {"rom": "pxelinux.0", "plain": "undionly.kpxe", "efi": "snponly.efi",
             "efi-http": f"http://{SERVER}/snponly.efi"}[firmware]
    words = ["--enable-tftp", f"--tftp-root={www}", "--dhcp-userclass=set:ipxe,iPXE", "--log-dhcp"]
    if leases == "us":
        words += ["--dhcp-range=192.168.0.100,192.168.0.150,1h", "--no-ping", "--dhcp-authoritative",
                  f"--dhcp-leasefile={at}/leases-{time.monotonic_ns()}", "--dhcp-option=encap:175,176,1b",
                  f"--dhcp-boot=tag:ipxe,http://{SERVER}/boot.ipxe"]
        if name == "dell":
            first = "pxelinux.0"
            words += ["--dhcp-option-force=tag:!ipxe,209,pxelinux.cfg/ipxe"]
        if firmware == "efi-http":
            words += ["--dhcp-option-force=tag:!ipxe,60,HTTPClient"]
        words += [f"--dhcp-boot=tag:!ipxe,{first}"]
    else:
        words += ["--dhcp-range=192.168.0.0,proxy", "--dhcp-option=encap:175,176,1b",
                  f"--dhcp-boot=tag:ipxe,http://{SERVER}/boot.ipxe",
                  f"--pxe-service=tag:!ipxe,X86-64_EFI,boot,{first}", f"--pxe-service=tag:!ipxe,BC_EFI,boot,{first}"]
    (at / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {at}/nginx.pid; error_log stderr; user root;
events {{ worker_connections 64; }}
http {{ sendfile on; tcp_nopush on; access_log off; server {{ listen {SERVER}:80; root {www}; }} }}
""")
    leases = dnsmasq(at, "br0", *words)
    leases.wait_for("TFTP root")
    return [leases, Running(["nginx", "-p", at, "-c", at / "nginx.conf"], at)]


def power_on(at, firmware):
    machine = ["qemu-system-x86_64", "-machine", "pc,graphics=off,accel=tcg", "-m", "512", "-display", "none",
               "-monitor", "none", "-serial", "stdio", "-nodefaults", "-no-reboot",
               "-uuid", "564d1234-5678-4abc-8000-000000000001",
               "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no"]
    card = "virtio-net-pci" if firmware.startswith("efi") else "e1000"
    rom = "" if firmware == "rom" else ",romfile="
    machine += ["-device", f"{card},netdev=n0,mac=52:54:00:00:00:01{rom}"]
    if firmware == "rom":
        machine += ["-boot", "n"]
    elif firmware == "plain":
        # A ROM that is not known to be iPXE: iPXE under another name.
        (at / "plain.ipxe").write_text(
            "#!ipxe\nset user-class PlainROM\ndhcp\nclear user-class\n"
            "isset ${proxydhcp/filename} && set from proxydhcp || set from net0\n"
            "chain tftp://${${from}/next-server}/${${from}/filename}\n")
        machine += ["-kernel", "/usr/lib/ipxe/ipxe.lkrn", "-initrd", at / "plain.ipxe"]
    else:
        shutil.copy("/usr/share/OVMF/OVMF_VARS_4M.fd", at / "vars.fd")
        machine += ["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n",
                    "-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                    "-drive", f"if=pflash,format=raw,file={at}/vars.fd"]
        if firmware == "efi-http":
            machine += ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"]
    return Running(machine, at, cpu="1")


def boot(at, name, serve):
    firmware, _, entries, leases, last = CHAINS[name]
    others = []
    if entries is DISK:
        others.append(target(at))
    if leases == "other":
        others.append(dnsmasq(at, "far", "--no-ping", "--dhcp-range=192.168.0.100,192.168.0.150,1h",
                              f"--dhcp-leasefile={at}/other-{time.monotonic_ns()}", namespace=OTHER))
        others[-1].wait_for("IP range")
    began = time.monotonic()
    running = others + serve(at, name)
    try:
        time.sleep(max(0, began + QUIET - time.monotonic()))
        running.append(power_on(at, firmware))
        return running[-1].wait_for(last)
    finally:
        for program in reversed(running):
            program.stop()


def main():
    contenders = {"winpe-iscsi": ours, "dnsmasq, nginx": theirs}
    at = Path(tempfile.mkdtemp(prefix="power-on-"))
    at.chmod(0o755)
    try:
        make_media(at)
        make_network()
        print("| s | " + " | ".join(contenders) + " |\n|---|" + "---:|" * len(contenders))
        for name in ARGS.only.split(","):
            times = {who: [] for who in contenders}
            boot(at, name, ours)
            for turn in range(ARGS.rounds):
                for who, serve in list(contenders.items())[::-1 if turn % 2 else 1]:
                    if (who, name) not in NOT_COMPARED:
                        times[who].append(boot(at, name, serve))
            cells = (f"{statistics.median(it):.2f} ({min(it):.2f})" if it else "–" for it in times.values())
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    finally:
        remove_network()
        shutil.rmtree(at)


PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--rounds", type=int, default=3)
PARSER.add_argument("--only", default=",".join(CHAINS))
PARSER.add_argument("--server", type=lambda name: Path(name).resolve(), default=ROOT / "target/release/winpe-iscsi")
ARGS = PARSER.parse_args()
main()
