#!/usr/bin/env python3
"""Makes the seeds of the network targets from captured packets, and some that are made here.

usage: seed_netboot.py PACKETS [OUT]     OUT is fuzz/corpus beside this script unless named

PACKETS holds DHCP messages as JSON, each with its bytes as hexadecimal `raw`, and a folder
`conversations` with lists of them.
"""
import json
import pathlib
import struct
import sys
import zlib

# Requests of TFTP clients: iPXE, PXELINUX, UEFI, shim, GRUB, an old ROM, a text client.
REQUESTS = [
    b'\0\x01boot.ipxe\0octet\0blksize\x001432\0tsize\x000\0',
    b'\0\x01pxelinux.cfg/C0A800B5\0octet\0tsize\x000\0blksize\x001408\0',
    b'\0\x01snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0',
    b'\0\x01grubx64.efi\0octet\0blksize\x00512\0windowsize\x004\0',
    b'\0\x01/grub/grub.cfg\0octet\0blksize\x001024\0tsize\x000\0',
    b'\0\x01\\Boot\\BCD\0octet\0',
    b'\0\x01notes.txt\0netascii\0timeout\x002\0',
]
LEASES = [
    'bound 192.168.0.128 1795371000 hw:01:525400000001',
    'released 192.168.0.129 1795371001 id:01525400000002',
    'declined 192.168.0.130 1795371002 hw:01:525400000003',
]


def packet(data):
    """A packet as the targets expect it: its length, and its bytes."""
    return struct.pack('<H', len(data)) + data


def ack(block):
    return packet(struct.pack('>HH', 4, block))


def message(kind, options=b''):
    """A client's DHCP message; PXE of UEFI on x64 without options."""
    options = options or b'\x3c\x20PXEClient:Arch:00007:UNDI:003016\x5d\x02\0\x07\x5e\x03\x01\x03\x10'
    head = b'\x01\x01\x06\0' + b'\x11\x22\x33\x44' + bytes(20) + bytes.fromhex('525400000001')
    return head.ljust(236, b'\0') + b'\x63\x82\x53\x63' + bytes([53, 1, kind]) + options + b'\xff'


def dhcp(packets):
    """Each message alone, and each conversation's questions in order; two conversations made here."""
    request = message(3, b'\x32\x04\xc0\xa8\0\x64\x36\x04\xc0\xa8\0\x0a')
    yield 'own-plain', [message(1, b'\x37\x04\x01\x03\x42\x43'), request, message(7, b'\x36\x04\xc0\xa8\0\x0a')]
    yield 'own-pxe', [message(1), message(3), message(8)]
    for path in sorted(packets.glob('*.json')):
        raw = bytes.fromhex(json.loads(path.read_text())['raw'])
        yield path.stem, [raw]
    for path in sorted(packets.glob('conversations/*.dhcp.json')):
        messages = [bytes.fromhex(message['raw']) for message in json.loads(path.read_text())]
        yield path.stem.split('.')[0], [raw for raw in messages if raw[0] == 1]


def tftp():
    """A successful transfer, one whose blocks are acknowledged twice, and one that is abandoned."""
    error = packet(b'\0\x05\0\x08User aborted the transfer\0')
    for number, request in enumerate(REQUESTS):
        first = packet(request)
        windows = b''.join(ack(block) for block in range(0, 40, 4))
        yield f'{number}-all', first + b''.join(ack(block) for block in range(40))
        yield f'{number}-windows', first + windows
        yield f'{number}-twice', first + b''.join(ack(block) * 2 for block in range(20))
        yield f'{number}-silence', first + ack(0) + packet(b'') * 8
        yield f'{number}-error', first + error


def main(packets, out):
    for target in 'dhcp_server', 'tftp_transfer', 'lease_log':
        (out / target).mkdir(parents=True, exist_ok=True)
    for name, messages in dhcp(packets):
        body = b''.join(packet(raw) for raw in messages)
        for flags in range(4):
            (out / 'dhcp_server' / f'{name}-{flags}').write_bytes(bytes([flags | 8]) + body)
    for name, data in tftp():
        (out / 'tftp_transfer' / name).write_bytes(data)
    lines = [f'{zlib.crc32(lease.encode()):08x} {lease}\n' for lease in LEASES]
    for number, text in enumerate([''.join(lines), lines[0] * 3, ''.join(lines)[:-10], 'noise\n' + lines[1]]):
        (out / 'lease_log' / str(number)).write_text(text)


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parent
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else here / 'corpus')
