#!/usr/bin/env python3
"""Commits the files of an inject into a WIM, beside `wimlib-imagex update` with the same files.

    benches/wim_commit.py --hives ../shared/corpus/hives --work /tmp/wim-bench [--runs 7] [--large]

Needs wimlib-imagex (Debian: wimtools), hivexsh (libhivex-bin), and
`cargo build --release -p winpe-wim --example put`. The two commands take turns on a copy of the image,
which both only append to: between two runs it is cut off and gets its old header again. Of each figure
the median and the minimum are printed. `--large` makes an image of ten times the size as well (3 GB,
and 3 GB of source tree).
"""

import argparse, os, random, shutil, statistics, subprocess, sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PUT = ROOT / "target/release/examples/put"
FILES = 15_000
SYSTEM, SOFTWARE = "Windows/System32/config/SYSTEM", "Windows/System32/config/SOFTWARE"


def pool(rng):
    """Blocks that look like programs to a compressor: repeated words, tables, some noise."""
    words = [rng.randbytes(rng.randint(3, 12)) for _ in range(4000)]
    for _ in range(3000):
        kind = rng.random()
        if kind < 0.06:
            yield rng.randbytes(4096)
        elif kind < 0.30:
            yield bytes(4096)
        else:
            few = rng.choices(words, k=rng.randint(20, 120))
            yield b"".join(rng.choices(few, k=900))[:4096].ljust(4096, b"\0")


def shape(rng):
    """The 15,000 files of a WinPE: few large folders, and thousands of small ones with long names."""
    def word(shortest, longest):
        return "".join(rng.choices("abcdefghiklmnoprstuvwx", k=rng.randint(shortest, longest)))

    def files(folder, count, ends):
        names = set()
        while len(names) < count:
            names.add(word(4, 14) + rng.choice(ends))
        return [f"Windows/{folder}/{name}" for name in sorted(names)]

    paths = files("System32", 1700, [".dll", ".exe", ".nls"])
    paths += files("System32/drivers", 350, [".sys"])
    paths += files("System32/en-US", 900, [".dll.mui", ".exe.mui"])
    for _ in range(450):
        folder = f"{word(4, 12)}.inf_amd64_{rng.randbytes(8).hex()}"
        folder = f"System32/DriverStore/FileRepository/{folder}"
        paths += files(folder, rng.randint(2, 6), [".inf", ".sys"])
    paths += files("WinSxS/Manifests", 2800, [".manifest"])
    while len(paths) < FILES:
        folder = f"amd64_{word(4, 10)}-{word(4, 20)}_31bf3856ad364e35_10.0.19041.1_none_"
        folder += rng.randbytes(8).hex()
        count = min(rng.choice([1, 1, 1, 2, 2, 3, 5, 9]), FILES - len(paths))
        paths += files(f"WinSxS/{folder}", count, [".dll", ".exe"])
    return paths


def tree(at, factor, hives):
    """15,000 files in 3,000 folders, 85 KB each on average times `factor`, and two real hives."""
    rng = random.Random(1)
    blocks = list(pool(rng))
    for number, path in enumerate(shape(random.Random(3))):
        path = at / path
        path.parent.mkdir(parents=True, exist_ok=True)
        size = int(rng.lognormvariate(9.9, 1.65)) * factor
        size = min(size, 12_000_000 * factor)
        with open(path, "wb") as out:
            # Long files of the large tree are noise, which costs capture little time.
            if factor > 1:
                out.write(rng.randbytes(size * 23 // 100))
            else:
                for block in rng.choices(blocks, k=size // 4096):
                    out.write(block)
            out.write(number.to_bytes(8, "little") * (1 + size % 4096 // 8))
    config = at / "Windows/System32/config"
    config.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(hives / "regipy/SYSTEM_oldrev", config / "SYSTEM")
    shutil.copyfile(hives / "hackfortress/xp_software", config / "SOFTWARE")


def edited(source, to, commands):
    """A hive, edited by hivexsh."""
    shutil.copyfile(source, to)
    os.chmod(to, 0o644)
    subprocess.run(["hivexsh", "-w", to], input=commands, text=True, check=True)


def job(work, hives):
    """The files of an inject: two edited hives and 16 drivers and libraries, 1.4 MB."""
    files = work / "files"
    if not files.exists():
        files.mkdir()
        keys = "".join(
            f"cd \\ControlSet001\\Services\nadd bench{n}\ncd bench{n}\nsetval 2\nStart\ndword:0\n"
            "ImagePath\nstring:System32\\drivers\\bench.sys\n" for n in range(3))
        edited(hives / "regipy/SYSTEM_oldrev", files / "SYSTEM", keys + "commit\n")
        edited(hives / "hackfortress/xp_software", files / "SOFTWARE",
               "cd \\Microsoft\nadd Bench\ncd Bench\nsetval 1\nVersion\nstring:1\ncommit\n")
        rng = random.Random(2)
        blocks = list(pool(rng))
        for number in range(16):
            (files / f"iscsi{number:02}.dll").write_bytes(b"".join(rng.choices(blocks, k=22)))
    puts = [(files / "SYSTEM", SYSTEM), (files / "SOFTWARE", SOFTWARE)]
    puts += [(f, f"Windows/System32/{f.name}") for f in sorted(files.glob("iscsi*"))]
    return puts


def timed(command, stdin=None):
    """(wall seconds, CPU seconds, peak memory in MB)"""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    if stdin:
        process.stdin.write(stdin.encode())
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    if status != 0:
        sys.exit(f"{command[0]} failed: {status}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def restore(image, copy):
    with open(image, "rb") as old, open(copy, "r+b") as new:
        new.write(old.read(208))
        new.truncate(image.stat().st_size)


def compare(name, image, puts, runs):
    copy = image.with_name("copy.wim")
    shutil.copyfile(image, copy)
    update = "".join(f'add "{source}" "/{path}"\n' for source, path in puts)
    ours = [str(PUT), str(copy), "1", *(f"{source}={path}" for source, path in puts)]
    theirs = ["wimlib-imagex", "update", str(copy), "1"]
    found = {"wimlib-imagex update": [], "winpe-wim commit": []}
    for _ in range(runs):
        for label, command, stdin in (("wimlib-imagex update", theirs, update),
                                      ("winpe-wim commit", ours, None)):
            restore(image, copy)
            os.sync()
            found[label].append((*timed(command, stdin), copy.stat().st_size - image.stat().st_size))
    subprocess.run(["wimlib-imagex", "verify", copy], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    print(f"\n{name}: {image.stat().st_size / 1e6:.0f} MB, {runs} runs, median (minimum)\n")
    print("| | wall s | CPU s | peak memory MB | growth MB |\n|---|---|---|---|---|")
    for label, rows in found.items():
        wall, cpu, memory, growth = zip(*rows)
        print(f"| {label} | {statistics.median(wall):.2f} ({min(wall):.2f}) "
              f"| {statistics.median(cpu):.2f} ({min(cpu):.2f}) "
              f"| {statistics.median(memory):.0f} | {statistics.median(growth) / 1e6:.3f} |")
    theirs, ours = (zip(*rows) for rows in found.values())
    for what, (a, b) in zip(("wall", "CPU"), zip(theirs, ours)):
        print(f"\n{what}: 1/{statistics.median(a) / statistics.median(b):.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hives", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    sizes = [("300 MB image", 1, "LZX")] + ([("3 GB image", 10, "LZX:1")] if args.large else [])
    for name, factor, compress in sizes:
        folder = args.work / f"x{factor}"
        image = folder / "base.wim"
        if not image.exists():
            tree(folder / "tree", factor, args.hives)
            subprocess.run(["wimlib-imagex", "capture", folder / "tree", image, "PE", "--boot",
                            f"--compress={compress}"], check=True, stdout=subprocess.DEVNULL)
            shutil.rmtree(folder / "tree")
        compare(name, image, job(args.work, args.hives), args.runs)


if __name__ == "__main__":
    main()
