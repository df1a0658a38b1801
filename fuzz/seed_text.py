#!/usr/bin/env python3
"""Makes the seeds of the targets whose inputs are text: HTTP requests, INFs, recipes, records, scripts,
URIs and, with a folder of them, `.reg` files.

usage: seed_text.py [REGS [OUT]]     OUT is fuzz/corpus beside this script unless named
"""
import json
import pathlib
import sys

LONGEST_REG = 4096

REQUESTS = [
    'GET /disk HTTP/1.1\r\nHost: boot\r\nConnection: keep-alive\r\nUser-Agent: iPXE/1.21.1\r\n\r\n',
    'HEAD /made?mac=52:54:00:00:00:01 HTTP/1.1\r\nHost: boot\r\n\r\n',
    'GET /none HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET /%2e%2e/disk HTTP/1.1\r\n\r\n',
    'GET /empty HTTP/1.1\r\nRange: bytes=0-\r\n\r\n',
] + [
    f'GET /disk HTTP/1.1\r\nHost: boot\r\n{field}\r\n\r\n'
    for field in (
        'Range: bytes=0-511', 'Range: bytes=4990-', 'Range: bytes=-10', 'Range: bytes=5000-', 'Range: bytes=1-2,4-5',
        'If-None-Match: *', 'If-None-Match: "17979cfe362a0000-1388", W/"x"',
        'If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT',
        'If-Range: Tue, 14 Nov 2023 22:13:20 GMT\r\nRange: bytes=1-2',
        'If-Range: "17979cfe362a0000-1388"\r\nRange: bytes=1-2',
        'Content-Length: 1', 'Transfer-Encoding: chunked', 'Expect: 100-continue', 'Upgrade: h2c',
    )
]

INF = '''; a network driver
[Version]
Signature = "$WINDOWS NT$" ; a comment
Class = Net
CatalogFile = net.cat
CatalogFile.NTamd64 = net64.cat
DriverVer = 03/04/2024, 1.2.3.4
[SourceDisksNames]
1 = %Disk%,,,"drv"
[SourceDisksFiles]
net.sys = 1
netco.dll = 1, sub
[SourceDisksFiles.x86]
net32.sys = 1
[Install.NTamd64]
CopyFiles = Net.Copy, @netco.dll
[Net.Copy]
%Name%.sys,net.sys,\\
  ,2
[Strings]
Disk = "The disk; ""one"""
Name = renamed
'''

RECIPE = '''[inject]
wim = "winpe.wim"
image = 2
source = "install.wim:1"
profile = "iscsi"
reg = ["a.reg"]
add = ['tools=\\Tools']
output = "out/lab.wim"
connect = ["iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"]
initiator-name = "iqn.2011-12.com.example:lab"
chap-secret-file = "/run/chap"
autostart = true
driver = ["net"]
'''

CONFIG = '''[serve]
interface = "eth1"
mode = "proxy"
folders = ["srv", "/opt/boot"]
state = "state"
http-port = 8080
http-base = "http://store/boot/"
http-base-holds = ["images"]
chain = "dell"
secure-boot = "grub"
menu = false
timeout = 5
default = "win7"
[serve.tls]
certificate = "a.pem"
key = "b.pem"
[serve.pxelinux]
config-file = "pxelinux.cfg/default"
path-prefix = "http://192.168.0.10/"
reboot-time = 30
[[serve.subnet]]
network = "192.168.0.0/24"
first = "192.168.0.100"
last = "192.168.0.199"
[[serve.reservation]]
mac = "52:54:00:00:00:01"
address = "192.168.0.50"
[[client]]
name = "vostro"
oui = "00:14:22"
vendor-class = ["PXEClient"]
chain = "ipxe"
[[entry]]
name = "win7"
title = "Windows 7"
san = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"
[[entry]]
name = "pe"
wim = "/srv/winpe.wim"
index = 1
[[entry]]
name = "local"
local = true
[watch]
'''

# Without its header, which the target adds.
REG = '''
; a comment
[HKEY_LOCAL_MACHINE\\SYSTEM\\Setup]
"text"="C:\\\\a \\"b\\""
"number"=dword:0000002a
"list"=hex(7):61,00,\\
  00,00
@=-
[-HKEY_USERS\\gone]
'''

SCRIPTS = [
    'wpeinit\r\n',
    '@echo off\nrem wpeinit\n@WPEINIT.EXE -unattend=x.xml ^\n  more\necho\n',
    '@echo off\r\ncall x:\\tools\\go.cmd',
    'wpeinit\r\n@rem winpe-iscsi begin: put here by winpe-iscsi\r\n@call x\r\n@rem winpe-iscsi end\r\n',
    '[LaunchApps]\r\nwpeinit.exe\r\n"x:\\a b.exe", -x\r\n',
    '[LaunchApp]\r\nAppPath=X:\\sources\\recovery\\recenv.exe',
    '; mine\n[launchapps]\nbddrun.exe,/bootstrap\n[x]\n',
    '[LaunchApps]\r\n%SYSTEMROOT%\\System32\\cmd.exe, /c %SystemRoot%\\System32\\winpe-iscsi\\connect.cmd section\r\n',
]

URIS = [
    'iscsi:192.168.0.20::::iqn.2011-12.com.example:win7',
    'iscsi:[2001:db8::20]:6:3261:4752-3A4F-6b7e-2F99:eui.02004567A425678D',
    'ISCSI:nas.lab::860:2:naa.52004567BA64678D',
    'iqn.2011-12.com.example:lab',
    'iscsi:h:17:::iqn.a',
]


def record():
    """A record of each kind of thing, as `record.rs` has them in its image."""
    system, ours = r'Windows\System32', r'Windows\System32\winpe-iscsi'
    edits = [
        {'key': r'a\b', 'op': 'set-value', 'name': 'one', 'value': {'type': 4, 'data': '01000000'}},
        {'key': r'e', 'op': 'delete-value', 'name': '', 'expect': {'is': 'present'}},
        {'key': r'a\b\c\d', 'op': 'delete-key'},
        {'key': r'e\new', 'op': 'create-key', 'expect': {'is': 'absent'}},
    ]
    return {
        'schema': 1,
        'profile': 'iscsi',
        'hives': [{'file': rf'{system}\config\SYSTEM', 'done': edits[::-1], 'undo': edits}],
        'files': [
            {'path': rf'{system}\drivers\msiscsi.sys', 'sha256': 'ab' * 32},
            {'path': rf'{system}\startnet.cmd', 'sha256': 'cd' * 32, 'kept': rf'{ours}\replaced\0-a.txt'},
        ],
        'folders': [rf'{ours}\replaced', ours, r'Windows\made', r'Windows\made\within'],
    }


def programs():
    """Steps of three bytes for `record`: the kind of item, the item, and its state."""
    yield bytes((step * 29 + step // 5) & 0xFF for step in range(96))
    for what in range(8):
        yield bytes(byte for which in range(12) for byte in (what, which, which * 9 + what))


def seeds(regs):
    """Target, name and bytes of each seed."""
    for number, text in enumerate(REQUESTS + [''.join(REQUESTS[:3]), ''.join(REQUESTS[5:9])]):
        yield 'http_request', str(number), text.encode()
    for name, data in ('utf8', INF.encode()), ('utf16', INF.encode('utf-16')), ('oem', INF.encode() + b'[\x81]\r\nx=\xe9\r\n'):
        yield 'inf', name, data
    for name, text in ('recipe', RECIPE), ('config', CONFIG), ('both', RECIPE + CONFIG):
        yield 'recipe', name, text.encode()
    yield 'record', 'json', b'\0' + json.dumps(record()).encode()
    yield 'record', 'empty', b'\0' + b'{"schema":1,"profile":"","hives":[],"files":[],"folders":[]}'
    for number, data in enumerate(programs()):
        yield 'record', f'program-{number}', b'\x01' + data
    for number, text in enumerate(SCRIPTS):
        for flags in range(0, 64, 5):
            yield 'startup_text', f'{number}-{flags}', bytes([flags]) + text.encode()
        yield 'startup_text', f'{number}-utf16', b'\x36' + text.encode('utf-16')
    for number, text in enumerate(URIS):
        yield 'uri', str(number), text.encode()
    yield 'reg_parse', 'own', b'\2' + REG.encode()
    for number, reg in enumerate(sorted(regs.rglob('*.reg')) if regs else []):
        data = reg.read_bytes()
        if len(data) <= LONGEST_REG:
            # The options: the text unchanged.
            yield 'reg_parse', str(number), b'\0' + data


def main(regs, out):
    for target, name, data in seeds(regs):
        (out / target).mkdir(parents=True, exist_ok=True)
        (out / target / name).write_bytes(data)


if __name__ == '__main__':
    if len(sys.argv) > 3:
        sys.exit(__doc__)
    paths = [pathlib.Path(word) for word in sys.argv[1:]]
    here = pathlib.Path(__file__).resolve().parent
    main(paths[0] if paths else None, paths[1] if len(paths) > 1 else here / 'corpus')
