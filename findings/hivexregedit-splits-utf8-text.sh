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

here=$(cd "$(dirname "$0")" && pwd)
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

python3 "$here/empty-hive.py" empty

at='HKEY_LOCAL_MACHINE\X'
printf 'Windows Registry Editor Version 5.00\n\n[%s\\New]\n"ä"="ä"\n' "$at" > text.reg
regedit --merge --prefix "$at" empty text.reg
# The name is printed in Latin-1, as the hive stores it.
regedit --export --prefix "$at" empty '\New' | iconv -f latin1 -t utf-8 | tee out

grep -qF '"ä"=hex(1):c3,00,a4,00,00,00' out || { echo "changed: the text is stored otherwise" >&2; exit 1; }
echo "as described"
