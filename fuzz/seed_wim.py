#!/usr/bin/env python3
"""Makes the seeds of the WIM targets: small WIMs of a folder and captured ones, and their metadata.

usage: seed_wim.py WIMS [OUT]     OUT is fuzz/corpus beside this script unless named

Needs wimlib-imagex (Debian: wimtools).
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

LIMIT = 64 * 1024
BLOB = 50


def metadata(wim):
    """The metadata resources of a WIM that is not compressed."""
    data = wim.read_bytes()
    offset, size = struct.unpack_from('<QQ', data, 56)
    for entry in range(offset, offset + size, BLOB):
        if data[entry + 7] & 2:
            start, length = struct.unpack_from('<QQ', data, entry + 8)
            yield data[start:start + length]


def capture(folder):
    """Hard links, nested folders, an empty file; with and without tagged items."""
    tree = folder / 'tree'
    (tree / 'dir/sub').mkdir(parents=True)
    (tree / 'dir/a.txt').write_text('a')
    (tree / 'dir/sub/b.txt').write_text('b' * 100)
    (tree / 'empty').touch()
    os.link(tree / 'dir/a.txt', tree / 'link.txt')
    for name, flags in ('plain', []), ('unix', ['--unix-data']):
        wim = folder / f'{name}.wim'
        subprocess.run(['wimlib-imagex', 'capture', tree, wim, '--compress=none', *flags],
                       check=True, stdout=subprocess.DEVNULL)
        yield wim


def export(wims, folder):
    """Uncompressed copies of the WIMs that have whole images."""
    for number, wim in enumerate(wims):
        copy = folder / f'{number}.wim'
        command = ['wimlib-imagex', 'export', wim, 'all', copy, '--compress=none']
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            yield copy


def main(wims, out):
    small = sorted(f for f in wims.rglob('*.wim') if f.stat().st_size <= LIMIT)
    for target in 'wim_open', 'wim_metadata':
        (out / target).mkdir(parents=True, exist_ok=True)
    for number, wim in enumerate(small):
        (out / 'wim_open' / f'{number}-{wim.name}').write_bytes(wim.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        captured = list(capture(folder))
        for wim in captured:
            (out / 'wim_open' / wim.name).write_bytes(wim.read_bytes())
        found = [m for wim in [*captured, *export(small, folder)] for m in metadata(wim)]
    for number, data in enumerate(found):
        (out / 'wim_metadata' / str(number)).write_bytes(data)


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parent
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else here / 'corpus')
