#!/usr/bin/env python3
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
