//! A copy that shares its blocks with the original WIM.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use winpe_tests::{run, tool};
use winpe_wim::{Archive, ImageChanges, Target};

use crate::process::in_namespace;
use crate::tools::{Bench, hash, options, path_text, put};

const BLOCK: u64 = 4096;

/// Bytes of a file in blocks that another file shares.
fn shared(filefrag: &Path, file: &Path) -> u64 {
    // -s: data that is still to be written has no place yet.
    let output = run(filefrag, ["-sv", "-b4096", &path_text(file)]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // number: logical range: physical range: length: expected: flags
    let extent = |line: &str| {
        let fields: Vec<&str> = line.split(':').map(str::trim).collect();
        let shares = fields.last()?.split(',').any(|flag| flag == "shared");
        fields.get(3)?.parse::<u64>().ok().filter(|_| shares)
    };
    text.lines().filter_map(extent).sum::<u64>() * BLOCK
}

/// Not a test itself: the other test runs it on a mounted file system, by the name of this test.
#[test]
fn copies_in_a_child_process() {
    let Some(folder) = std::env::var_os("WINPE_WIM_TEST_REFLINK") else { return };
    let folder = Path::new(&folder);
    let filefrag = tool("filefrag", "e2fsprogs").expect("the other test has looked");
    let (from, to) = (folder.join("from.wim"), folder.join("to.wim"));
    let size = fs::metadata(&from).expect("a WIM").len();
    assert_eq!(shared(&filefrag, &from), 0, "nothing is shared before");
    let changes = [ImageChanges { image: 1, changes: vec![put("new.txt", b"new")] }];
    let target = Target::File { path: to.clone(), overwrite: false };
    let before = hash(&from);
    Archive::open(&from).expect("opens").commit(&changes, &target, options()).expect("a commit");
    let (of_old, of_new) = (shared(&filefrag, &from), shared(&filefrag, &to));
    // The header is rewritten in the copy, and the block in which the new data begins.
    assert!(of_old + 16 * BLOCK >= size, "{of_old} of {size} bytes are shared");
    assert!(of_new + 16 * BLOCK >= size, "{of_new} of {size} bytes are shared");
    assert_eq!(hash(&from), before, "what is shared is not written to");
    Archive::open(&to).expect("opens").verify(None).expect("verifies");
    println!("{of_new} bytes shared");
}

#[test]
fn another_file_shares_blocks_where_the_file_system_can() {
    if !rustix::process::geteuid().is_root() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root mounts a disk image");
        return;
    }
    let Some(bench) = Bench::capture("none", &[]) else { return };
    let Some(mkfs) = tool("mkfs.btrfs", "btrfs-progs") else { return };
    if tool("filefrag", "e2fsprogs").is_none() {
        return;
    }
    let (disk, room) = (bench.folder.path().join("disk"), bench.folder.path().join("room"));
    File::create(&disk).and_then(|file| file.set_len(256 << 20)).expect("a sparse file");
    let made = Command::new(mkfs).arg("-q").arg(&disk).status();
    assert!(made.expect("mkfs.btrfs").success());
    fs::create_dir(&room).expect("a folder");
    let shell = "mount -o loop \"$1\" \"$2\" || exit 99
                 cp --reflink=never \"$3\" \"$2/from.wim\" && shift 3 && exec \"$@\"";
    let Some(mut command) = in_namespace(shell) else { return };
    command.arg(&disk).arg(&room).arg(&bench.wim).arg(std::env::current_exe().expect("this test"));
    command.args(["--exact", "reflink::copies_in_a_child_process", "--nocapture"]);
    let output = command.env("WINPE_WIM_TEST_REFLINK", &room).output().expect("a process");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if output.status.code() == Some(99) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no btrfs or no loop device here: {text}");
        return;
    }
    assert!(output.status.success(), "{text}");
    assert!(text.contains("bytes shared"), "it ran: {text}");
}
