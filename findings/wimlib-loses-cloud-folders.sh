#!/usr/bin/env bash
# wimlib takes a folder with a reparse point for a file, and loses its content
#
# A reparse tag with bit 0x10000000 marks a folder that has children like any other ([MS-FSCC] 2.1.2.1):
# the root of a OneDrive or other cloud folder has such a tag, IO_REPARSE_TAG_CLOUD (0x9000001A). An image of a
# user's profile can hold one.
#
# Expected: wimlib-imagex keeps the files below it.
# Observed (wimlib 1.13.6-1 of Debian 12, whose program reports version 1.13.5): "[WARNING] Ignoring children of
# non-directory file", exit status 0, and
#   dir, apply           the files are not listed and not extracted
#   update               the image has no such files any more: their names are gone from the metadata
#   optimize, export     the names stay in the metadata, the data is left out of the file
#   verify               "successfully verified" of that export, though a file of its image has no data any more
# The same image with an ordinary folder keeps everything.
#
# Needs: Debian 12 (amd64), apt-get, dpkg-deb, python3. Installs into a temporary folder only.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

packages=(wimtools=1.13.6-1 libwim15=1.13.6-1 libntfs-3g89 libfuse2 libxml2 libicu72)
apt-get download -qq "${packages[@]}" 2>/dev/null || {
  echo "cannot download ${packages[*]}; apt-get update may help" >&2
  exit 2
}
for package in ./*.deb; do dpkg-deb -x "$package" root; done
libraries=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu
imagex() { LD_LIBRARY_PATH=$libraries root/usr/bin/wimlib-imagex "$@"; }
imagex --version | sed -n 1p

# An uncompressed WIM, so that names and data can be searched in the file itself: a file next to a folder,
# and one in it. The folder is an ordinary one, or has a reparse point with the tag of a cloud folder.
cat > make.py <<'PYTHON'
import hashlib
import struct
import sys

FOLDER, ARCHIVE, REPARSE = 0x10, 0x20, 0x400
TIME = 132_000_000_000_000_000


def entry(name, attributes, digest=bytes(20), below=0, tag=0):
    text = name.encode("utf-16-le")
    fixed = struct.pack("<IiQQQQQQ", attributes, -1, below, 0, 0, TIME, TIME, TIME) + digest
    fixed += struct.pack("<IIHHHHH", 0, tag, 0, 0, 0, 0, len(text))
    body = fixed + text + (b"\0\0" if text else b"")
    length = (8 + len(body) + 7) // 8 * 8
    return struct.pack("<Q", length) + body.ljust(length - 8, b"\0")


def metadata(digests, tag):
    beside, within, point = digests
    security = struct.pack("<II", 8, 0)

    def lists(of_root, of_folder):
        folder = entry("folder", FOLDER, below=of_folder)
        if tag:
            folder = entry("folder", FOLDER | REPARSE, point, of_folder, tag)
        return (
            security + entry("", FOLDER, below=of_root) + bytes(8),
            entry("beside.txt", ARCHIVE, beside) + folder + bytes(8),
            entry("within.txt", ARCHIVE, within) + bytes(8),
        )

    top, root, _ = (len(part) for part in lists(0, 0))
    return b"".join(lists(top, top + root))


def wim(tag):
    data = [b"DATA BESIDE THE FOLDER", b"DATA WITHIN THE FOLDER", b"\1\0\0\0data of a cloud provider"]
    data = data if tag else data[:2]
    digests = [hashlib.sha1(it).digest() for it in data] + [bytes(20)] * (3 - len(data))
    file, table = bytearray(208), b""

    def resource(content, flags=0):
        header = struct.pack("<QQQ", len(content) | flags << 56, len(file), len(content))
        file.extend(content)
        return header

    for content, flags in [(it, 0) for it in data] + [(metadata(digests, tag), 2)]:
        table += resource(content, flags) + struct.pack("<HI", 1, 1) + hashlib.sha1(content).digest()
    table = resource(table)
    xml = '<WIM><IMAGE INDEX="1"><NAME>one</NAME></IMAGE></WIM>'
    xml = resource(b"\xff\xfe" + xml.encode("utf-16-le"))
    file[:208] = (
        struct.pack("<8sIIII16sHHI", b"MSWIM\0\0\0", 208, 0x10D00, 0, 0, bytes(range(16)), 1, 1, 1)
        + table + xml + bytes(24) + struct.pack("<I", 0) + bytes(24) + bytes(60)
    )
    return file


open(sys.argv[1], "wb").write(wim(int(sys.argv[2], 16)))
PYTHON

has() { python3 -c 'import sys; sys.exit(sys.argv[2].encode(sys.argv[3]) not in open(sys.argv[1], "rb").read())' "$@"; }
says() { if has "$@"; then echo yes; else echo no; fi; }

# Reports the file in the folder: listed, extracted, and after each change its name and its data.
look() {
  local tag=$1
  python3 make.py one.wim "$tag"
  printf 'listed %s' "$(imagex dir one.wim 2>>warnings | grep -c 'within.txt' || true)"
  rm -rf out && imagex apply one.wim out >/dev/null 2>>warnings
  printf ', extracted %s' "$(find out -name within.txt | wc -l)"
  cp one.wim updated.wim
  imagex update --rebuild updated.wim --command 'add make.py /new.txt' >/dev/null 2>>warnings
  printf ', updated: name %s, data %s' "$(says updated.wim within.txt utf-16-le)" "$(says updated.wim 'DATA WITHIN' ascii)"
  cp one.wim optimized.wim && imagex optimize optimized.wim >/dev/null 2>>warnings
  printf ', optimized: name %s, data %s' "$(says optimized.wim within.txt utf-16-le)" "$(says optimized.wim 'DATA WITHIN' ascii)"
  rm -f exported.wim && imagex export one.wim 1 exported.wim >/dev/null 2>>warnings
  printf ', exported: name %s, data %s' "$(says exported.wim within.txt utf-16-le)" "$(says exported.wim 'DATA WITHIN' ascii)"
  printf ', verify of that: %s\n' "$(imagex verify exported.wim 2>>warnings | grep -c 'successfully verified' || true)"
}

plain='listed 1, extracted 1, updated: name yes, data yes, optimized: name yes, data yes, exported: name yes, data yes, verify of that: 1'
cloud='listed 0, extracted 0, updated: name no, data yes, optimized: name yes, data no, exported: name yes, data no, verify of that: 1'
failed=0
for row in "0 $plain" "9000001a $cloud"; do
  found=$(look "${row%% *}")
  echo "tag ${row%% *}: $found"
  [ "$found" = "${row#* }" ] || { echo "expected: ${row#* }" >&2; failed=1; }
done
grep -m1 -F 'Ignoring children of non-directory file' warnings || { echo 'the warning is gone' >&2; failed=1; }
[ $failed = 0 ] && echo "as described"
exit $failed
