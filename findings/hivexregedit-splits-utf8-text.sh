#!/usr/bin/env bash
# hivexregedit stores each byte of a UTF-8 text as a character
#
# Its manual has Windows' .reg files converted to UTF-8 before they are merged. Names of keys and values are then
# read as UTF-8.
#
# Expected: "Value"="ä" in UTF-8 becomes the text U+00E4, as the names do.
# Observed (hivexregedit of libwin-hivex-perl 1.3.23-1+b1, Debian 12): status 0, no message, and the text is U+00C3
# U+00A4, "Ã¤". A value of the name "ä" in the same file has the right name.
#
# Needs: Debian 12 (amd64), apt-get, dpkg-deb, python3, perl. Installs into a temporary folder only.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

packages=(libwin-hivex-perl=1.3.23-1+b1 libhivex0=1.3.23-1+b1)
apt-get download -qq "${packages[@]}" 2>/dev/null || {
  echo "cannot download ${packages[*]}; apt-get update may help" >&2
  exit 2
}
for package in ./*.deb; do dpkg-deb -x "$package" root; done
lib=$work/root/usr/lib/x86_64-linux-gnu
perl=$(echo "$lib"/perl5/5.*)
regedit() { LD_LIBRARY_PATH=$lib PERL5LIB=$perl:$work/root/usr/share/perl5 root/usr/bin/hivexregedit "$@"; }
dpkg-deb -f libwin-hivex-perl_*.deb Package Version

cat > make.py <<'PYTHON'
"""Writes a hive of Windows XP's version with the keys ROOT and ROOT\\Key, and no value."""
import struct
import sys

NONE = 0xFFFFFFFF


def cell(data):
    size = (4 + len(data) + 7) // 8 * 8
    return struct.pack("<i", -size) + data.ljust(size - 4, b"\0")


def key(name, flags, parent, subkeys, listed, security):
    head = struct.pack("<2sHQIIIIIIIIII", b"nk", flags, 0, 0, parent, subkeys, 0, listed, NONE, 0, NONE, security, NONE)
    sizes = struct.pack("<IIIIIHH", 32, 0, 0, 0, 0, len(name), 0)
    return cell(head + sizes + name)


def offsets(cells):
    at = 32
    for data in cells:
        yield at
        at += len(data)


def lists(root, child, listed, security):
    acl = bytes.fromhex("010004803000000040000000000000001400000002001c000100000000031400"
                        "3f000f0001010000000000010000000001020000000000052000000020020000"
                        "01020000000000052000000020020000")
    sk = struct.pack("<2sHIIII", b"sk", 0, security, security, 2, len(acl)) + acl
    leaf = struct.pack("<2sH", b"lf", 1) + struct.pack("<I4s", child, b"Key\0")
    return [key(b"ROOT", 0x2C, 0, 1, listed, security), key(b"Key", 0x20, root, 0, NONE, security), cell(leaf), cell(sk)]


first = lists(0, 0, 0, 0)
cells = lists(*offsets(first))
body = b"".join(cells)
rest = 4096 - 32 - len(body)
body += struct.pack("<i", rest).ljust(rest, b"\0")
bin_ = struct.pack("<4sIIQQI", b"hbin", 0, 4096, 0, 0, 0) + body
base = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, 0, 1, 3, 0, 1, 32, 4096, 1).ljust(508, b"\0")
total = 0
for (word,) in struct.iter_unpack("<I", base):
    total ^= word
open(sys.argv[1], "wb").write((base + struct.pack("<I", total)).ljust(4096, b"\0") + bin_)
PYTHON
python3 make.py empty

at='HKEY_LOCAL_MACHINE\X'
printf 'Windows Registry Editor Version 5.00\n\n[%s\\New]\n"ä"="ä"\n' "$at" > text.reg
regedit --merge --prefix "$at" empty text.reg
# The name is printed in Latin-1, as the hive stores it.
regedit --export --prefix "$at" empty '\New' | iconv -f latin1 -t utf-8 | tee out

grep -qF '"ä"=hex(1):c3,00,a4,00,00,00' out || { echo "changed: the text is stored otherwise" >&2; exit 1; }
echo "as described"
