#!/usr/bin/env python3
"""Makes the seeds of `udf`: discs of genisoimage, as the sectors that are not empty.

usage: seed_udf.py [OUT]     OUT is fuzz/corpus beside this script unless named

Needs genisoimage.
"""
import pathlib
import struct
import subprocess
import sys
import tempfile

SECTOR = 2048
# The names that the target searches, and others.
FILES = ['sources/boot.wim', 'sources/a/long name.txt', 'boot/boot.sdi', 'boot/bcd', 'bootmgr', 'README.TXT']
DISCS = {
    'udf': ['-udf'],
    'udf-joliet': ['-udf', '-J', '-allow-limited-size'],
    'iso9660': ['-iso-level', '4'],
    'joliet': ['-J', '-R'],
}
# The primary volume descriptor and the terminator of ISO 9660.
DESCRIPTORS = range(16, 18)


def sectors(image, without=()):
    """An image as the target expects it: number, length and bytes of each sector, without zeros at its end."""
    for number in range(0, len(image) // SECTOR):
        data = image[number * SECTOR:][:SECTOR].rstrip(b'\0')
        if data and number not in without:
            yield struct.pack('<HH', number, len(data)) + data


def disc(folder, files, options):
    media, iso = folder / 'media', folder / 'disc.iso'
    for number, name in enumerate(files):
        path = media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The first has several sectors; their content does not matter.
        path.write_bytes(b'MSWIM' + bytes(5000 if number == 0 else 1))
    command = ['genisoimage', '-quiet', '-o', iso, *options, media]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return iso.read_bytes()


def main(out):
    (out / 'udf').mkdir(parents=True, exist_ok=True)
    many = FILES + [f'sources/file{number:03}.txt' for number in range(60)]
    for name, options in DISCS.items():
        for kind, files in ('few', FILES), ('many', many):
            with tempfile.TemporaryDirectory() as folder:
                image = disc(pathlib.Path(folder), files, options)
            (out / 'udf' / f'{name}-{kind}').write_bytes(b''.join(sectors(image)))
            if '-udf' in options:
                # So that only UDF can be found.
                alone = b''.join(sectors(image, DESCRIPTORS))
                (out / 'udf' / f'{name}-{kind}-alone').write_bytes(alone)


if __name__ == '__main__':
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parent
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else here / 'corpus')
