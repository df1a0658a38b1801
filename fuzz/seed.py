#!/usr/bin/env python3
"""Makes the seeds of the hive targets from a folder of hives, and from a small one that is made here.

usage: seed.py HIVES [OUT]     OUT is fuzz/corpus beside this script unless named

Small hives only: a fuzzer is as fast as its inputs are short. What follows the bins is cut off.
"""
import pathlib
import struct
import sys

LIMIT = 160 * 1024
# Opcodes and operands for hive_edit: some of everything.
PROGRAM = bytes((i * 37 + i // 7) & 0xFF for i in range(192))


# No cell: the offset that hives have for it.
NONE = 0xFFFFFFFF


def own_hive():
    """A hive of one bin: a root with two subkeys and a value; the targets repair the checksum."""
    cells, at = b'', 32

    def cell(content):
        nonlocal cells, at
        size = -(-(4 + len(content)) // 8) * 8
        cells += (struct.pack('<i', -size) + content).ljust(size, b'\0')
        at += size
        return at - size

    def key(name, flags, parent, security, subkeys=(0, NONE), values=(0, NONE)):
        fields = (flags, 0, 0, parent, subkeys[0], 0, subkeys[1], NONE, *values, security, NONE, 8, 0, 8, 8, 0)
        return b'nk' + struct.pack('<HQIIIIIIIIIIIIIII', *fields) + struct.pack('<HH', len(name), 0) + name

    administrators = bytes.fromhex('01020000000000052000000020020000')
    descriptor = struct.pack('<BBHIIII', 1, 0, 0x8000, 20, 36, 0, 0) + administrators * 2
    # The root comes first and names the later cells, so it is written again at the end.
    root = cell(key(b'ROOT', 0x2C, NONE, 0))
    cells, security = b'', at
    cell(b'sk\0\0' + struct.pack('<IIII', security, security, 3, len(descriptor)) + descriptor)
    children = [cell(key(name, 0x20, root, security)) for name in (b'a', b'bb')]
    pairs = b''.join(struct.pack('<I4s', child, name) for child, name in zip(children, (b'a', b'bb')))
    subkeys = cell(b'lf' + struct.pack('<H', 2) + pairs)
    value = cell(b'vk' + struct.pack('<HIIIHH', 3, 0x80000004, 7, 4, 1, 0) + b'one')
    values = cell(struct.pack('<I', value))
    rest, cells, at = cells, b'', root
    cell(key(b'ROOT', 0x2C, NONE, security, (2, subkeys), (1, values)))
    bin_ = b'hbin' + struct.pack('<IIQQI', 0, 4096, 0, 0, 0) + cells + rest
    bin_ += struct.pack('<i', 4096 - len(bin_))
    base = b'regf' + struct.pack('<IIQIIIIIII', 1, 1, 0, 1, 3, 0, 1, root, 4096, 1)
    return base.ljust(4096, b'\0') + bin_.ljust(4096, b'\0')


def bins_end(data):
    return 4096 + struct.unpack_from('<I', data, 40)[0]


def part(data):
    """A part as the targets expect it: its length in units of 64 bytes, and the part."""
    data = data.ljust(-(-len(data) // 64) * 64, b'\0')
    return struct.pack('<H', len(data) // 64) + data


def header(hive, sequence, file_type):
    """The base block of a log; the target repairs its checksum."""
    head = bytearray(hive[:512])
    struct.pack_into('<II', head, 4, sequence, sequence)
    struct.pack_into('<I', head, 28, file_type)
    return bytes(head)


def old_log(hive):
    """A log in the old format that repeats every second page of the hive."""
    pages = (len(hive) - 4096) // 512
    log = header(hive, 2, 1) + b'DIRT' + b'\x55' * (pages // 8)
    log = log.ljust(-(-len(log) // 512) * 512, b'\0')
    return log + b''.join(hive[4096 + 512 * page:][:512] for page in range(0, pages, 2))


def new_log(hive, sequence, entries):
    """A log in the new format; each entry repeats the first bin. The target computes the hashes."""
    log = header(hive, sequence, 6)
    for number in range(sequence, sequence + entries):
        size = -(-(40 + 16 + 4096) // 512) * 512
        entry = b'HvLE' + struct.pack('<IIIII', size, 0, number, len(hive) - 4096, 2) + bytes(16)
        entry += struct.pack('<IIII', 0, 512, 512, 3584) + hive[4096:8192]
        log += entry.ljust(size, b'\0')
    return log


def dirty(hive):
    hive = bytearray(hive)
    struct.pack_into('<II', hive, 4, 2, 1)
    return bytes(hive)


def main(hives, out):
    files = {p.relative_to(hives).as_posix(): p.read_bytes() for p in hives.rglob('*') if p.is_file()}
    files['own'] = own_hive()
    for target in ('hive_walk', 'hive_edit', 'hive_recover'):
        (out / target).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        flat = name.replace('/', '_')
        if len(data) < 4096 or data[:4] != b'regf' or data[28:32] != bytes(4):
            if 0 < len(data) < LIMIT:
                (out / 'hive_walk' / flat).write_bytes(data)
            continue
        hive = data[:bins_end(data)]
        if len(hive) <= LIMIT:
            (out / 'hive_walk' / flat).write_bytes(hive)
        if len(hive) <= LIMIT // 4:
            (out / 'hive_edit' / flat).write_bytes(part(PROGRAM) + hive)
        if len(hive) <= LIMIT // 8:
            for kind, logs in (
                ('old', (old_log(hive), b'')),
                ('new', (new_log(hive, 1, 2), new_log(hive, 3, 2))),
            ):
                seed = bytes(1) + b''.join(part(log) for log in logs) + dirty(hive)
                (out / 'hive_recover' / f'{flat}_{kind}').write_bytes(seed)
        logs = [log for log in (f'{name}.LOG1', f'{name}.LOG2') if log in files]
        if logs:
            # A length of two bytes reaches 4 MiB, and these logs are far below.
            content = [files[log] for log in logs] + [b''] * (2 - len(logs))
            seed = bytes(1) + b''.join(part(log) for log in content) + hive
            (out / 'hive_recover' / flat).write_bytes(seed)


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else pathlib.Path(__file__).parent / 'corpus'
    main(pathlib.Path(sys.argv[1]), target)
