#!/usr/bin/env bash
# reged exits with 0 where it refuses a file, and with 2 where it has imported one
#
# Expected: `reged -C -I HIVE PREFIX FILE` has a status that a script can test: 0 if the file was imported.
# Observed (reged 0.1 140201 of chntpw 140201-1, Debian 12):
#   a file of the version that Windows 95 and NT 4 wrote, "REGEDIT4"   "import_reg: ERROR: Windows Registry Editor
#                                                                      signature missing on first line", status 0
#   the same keys under the header of version 5                        imported and saved, status 2
# So `reged ... || exit 1` ends at each success and passes over each refused file.
#
# Needs: Debian 12 (amd64), apt-get, dpkg-deb, python3. Installs into a temporary folder only.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

packages=(chntpw=140201-1)
apt-get download -qq "${packages[@]}" 2>/dev/null || {
  echo "cannot download ${packages[*]}; apt-get update may help" >&2
  exit 2
}
for package in ./*.deb; do dpkg-deb -x "$package" root; done
reged() { root/usr/sbin/reged "$@"; }

python3 "$here/empty-hive.py" empty

at='HKEY_LOCAL_MACHINE\X'
body=$(printf '[%s\\New]\r\n"Value"="text"\r' "$at")
printf 'REGEDIT4\r\n\r\n%s\n' "$body" > old.reg
printf 'Windows Registry Editor Version 5.00\r\n\r\n%s\n' "$body" > new.reg

try() {
  cp empty hive
  status=0
  reged -C -I hive "$at" "$1" > said 2>&1 || status=$?
  sed 's/^/  /' said
  changed=same
  cmp -s empty hive || changed=changed
  echo "$1: status $status, hive $changed"
}
try old.reg
[ "$status $changed" = "0 same" ] && grep -q 'ERROR: Windows Registry Editor signature' said ||
  { echo "changed: a file of version 4 is treated otherwise" >&2; exit 1; }
try new.reg
[ "$status $changed" = "2 changed" ] || { echo "changed: a success has another status" >&2; exit 1; }
echo "as described"
