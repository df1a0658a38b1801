#!/usr/bin/env bash
# sd-notify takes the name of an abstract socket for a path, so the service manager hears nothing
#
# A service manager names the socket for READY=1 in NOTIFY_SOCKET: a path, or `@` and a name in the abstract
# namespace (sd_notify(3), "If the first character is @"). Managers in containers, and old systemd, use the second
# form.
#
# Expected: notify() sends READY=1 to both.
# Observed (sd-notify 0.5.0): with a path the message arrives; with `@name` notify() looks for a file of that
# name, returns the error NotFound, and nothing arrives. A unit of Type=notify then times out, though the
# service runs. A program that ignores the result, as the crate's example does, does not see why.
#
# winpe-iscsi therefore speaks the protocol itself (crates/netboot/src/serve/notify.rs), with a test of both forms.
#
# Needs: cargo, python3, Linux. Builds in a temporary folder only.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "ready"
version = "0.0.0"
edition = "2021"

[dependencies]
sd-notify = "=0.5.0"

[workspace]
TOML
cat > src/main.rs <<'RUST'
fn main() {
    match sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        Ok(()) => println!("Ok"),
        Err(error) => println!("{:?}", error.kind()),
    }
}
RUST
CARGO_TARGET_DIR=$work/target cargo build --quiet || {
  echo "cannot build a program with sd-notify 0.5.0" >&2
  exit 2
}

python3 - "$work" <<'PYTHON'
import os
import socket
import subprocess
import sys

work = sys.argv[1]


def notify(address, variable):
    """What the program prints, and what arrives at a socket of that address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(1)
        environment = {**os.environ, "NOTIFY_SOCKET": variable}
        ran = subprocess.run([f"{work}/target/debug/ready"], env=environment, capture_output=True, text=True)
        try:
            return ran.stdout.strip(), manager.recv(100)
        except TimeoutError:
            return ran.stdout.strip(), None


name = f"ready-{os.getpid()}"
path = notify(f"{work}/socket", f"{work}/socket")
abstract = notify(f"\0{name}", f"@{name}")
print(f"NOTIFY_SOCKET=PATH: {path[0]}, received {path[1]}")
print(f"NOTIFY_SOCKET=@NAME: {abstract[0]}, received {abstract[1]}")
if path != ("Ok", b"READY=1\n"):
    sys.exit("changed: the message to a path does not arrive")
if abstract != ("NotFound", None):
    sys.exit("changed: sd-notify does something else with an abstract socket")
print("as described")
PYTHON
