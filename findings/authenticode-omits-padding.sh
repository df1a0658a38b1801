#!/usr/bin/env bash
# The Authenticode digest of a program that is not signed, by authenticode, is not the one that signing gives it
#
# A signature is placed at a multiple of 8 bytes, so a signing tool pads the program with zeros, and the digest covers
# them (Microsoft, "Windows Authenticode Portable Executable Signature Format"). The catalogues of Windows name
# programs that have no signature by the same digest: with the padding.
#
# Expected: authenticode_digest() of a program is the same before and after it is signed.
# Observed (authenticode 0.6.0, osslsigncode 2.9 of Debian 12): equal where the size is a multiple of 8; otherwise the
# digest of the unsigned program lacks the padding and matches neither its signature nor a catalogue. There is no
# error. After signing the crate and osslsigncode agree.
#
# winpe-iscsi therefore computes the digest itself (crates/inject/src/program/authenticode.rs), with a test by
# osslsigncode for sizes that are no multiple of 8.
#
# Needs: cargo, Debian 12 (amd64), apt-get, dpkg-deb, openssl, python3. Works in a temporary folder only.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if ! command -v osslsigncode >/dev/null; then
  apt-get download -qq osslsigncode libcurl4 2>/dev/null || {
    echo "cannot download osslsigncode; apt-get update may help" >&2
    exit 2
  }
  for package in ./*.deb; do dpkg-deb -x "$package" root; done
  export PATH="$work/root/usr/bin:$PATH"
  export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu
fi
echo "$(osslsigncode --version | sed -n 1p)"

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "digest-of"
version = "0.0.0"
edition = "2021"

[dependencies]
authenticode = { version = "=0.6.0", features = ["object"] }
object = { version = "0.39", default-features = false, features = ["read_core", "pe", "std"] }
sha2 = "0.10"

[workspace]
TOML
cat > src/main.rs <<'RUST'
use sha2::{Digest, Sha256};

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let data = std::fs::read(path).expect("a file");
    let program = object::read::pe::PeFile64::parse(&*data).expect("a program");
    let mut digest = Sha256::new();
    authenticode::authenticode_digest(&program, &mut digest).expect("a digest");
    println!("{:X}", digest.finalize());
}
RUST
CARGO_TARGET_DIR=$work/target cargo build --quiet || {
  echo "cannot build a program with authenticode 0.6.0" >&2
  exit 2
}

# A program of one section, of 1,024 bytes, with some bytes after it as installers have them.
cat > make.py <<'PYTHON'
import struct
import sys

path, more = sys.argv[1], int(sys.argv[2])
dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
file_header = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22)
optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 512, 0, 0, 0x1000, 0x1000)
optional += struct.pack("<QIIHHHHHHIIIIHH", 0x140000000, 0x1000, 512, 6, 0, 0, 0, 6, 0, 0, 0x2000, 512, 0, 3, 0)
optional += struct.pack("<QQQQII", 1 << 20, 4096, 1 << 20, 4096, 0, 16) + bytes(16 * 8)
section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 1, 0x1000, 512, 512, 0, 0, 0, 0, 0x60000020)
head = (dos + file_header + optional + section).ljust(512, b"\0")
open(path, "wb").write(head + b"\xc3".ljust(512, b"\0") + b"x" * more)
PYTHON
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=test -days 2 2>/dev/null

changed=
for more in 0 3; do
  python3 make.py "plain$more.exe" "$more"
  osslsigncode sign -certs cert.pem -key key.pem -h sha256 -in "plain$more.exe" -out "signed$more.exe" >/dev/null
  # Its status is that of the certificate, which no authority has issued.
  signature=$({ osslsigncode verify "signed$more.exe" 2>/dev/null || true; } | sed -n 's/^Calculated message digest *: *\([0-9A-F]*\).*/\1/p')
  plain=$(target/debug/digest-of "plain$more.exe")
  signed=$(target/debug/digest-of "signed$more.exe")
  echo "$((1024 + more)) bytes: signature ${signature:0:16}, crate on the plain file ${plain:0:16}, on the signed one ${signed:0:16}"
  [ "$signed" = "$signature" ] || changed="the digests of a signed program differ"
  if [ "$more" = 0 ]; then
    [ "$plain" = "$signature" ] || changed="the digests of a program of 1,024 bytes differ"
  else
    [ "$plain" != "$signature" ] || changed="the crate pads now"
  fi
done
if [ -n "$changed" ]; then
  echo "changed: $changed" >&2
  exit 1
fi
echo "as described"
