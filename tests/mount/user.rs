//! Mounts of a user who is not root, through `fusermount3`.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::chown;
use std::process::Command;

use winpe_tests::{plain_user, tool};
use winpe_wim::Archive;

use crate::mounted::Bench;

/// The ids of nobody and nogroup in Debian.
const NOBODY: u32 = 65534;

/// `$1` is the program.
const USES: &str = r#"
    "$1" mount winpe.wim mnt --rw
    grep -o 'user_id=[0-9]*' /proc/mounts
    printf changed >mnt/windows/notepad.exe
    "$1" unmount mnt --commit"#;

#[test]
fn a_user_without_rights_mounts_and_commits() {
    let Some(bench) = Bench::new() else { return };
    let at = bench.folder.path();
    let Some(user) = plain_user(at) else { return };
    let mut words: Vec<&OsStr> =
        std::iter::once(user.get_program()).chain(user.get_args()).collect();
    let program = words.pop().expect("the program");
    let is_root = rustix::process::geteuid().is_root();
    let mut command = if is_root {
        // If only root may open the device, a second device node is bound over it, for this test
        // only.
        let Some(unshare) = tool("unshare", "util-linux") else { return };
        for path in [&bench.wim, &bench.dir] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        let shell = "mount -t tmpfs none /mnt && mknod -m 666 /mnt/fuse c 10 229 &&
                     mount --bind /mnt/fuse /dev/fuse || exit 99; exec \"$@\"";
        let mut command = Command::new(unshare);
        command.args(["-m", "sh", "-c", shell, "sh"]).args(words).arg("sh");
        command
    } else {
        Command::new("sh")
    };
    command.args(["-ec", USES, "sh"]).arg(program).current_dir(at);
    let output = command.env("XDG_RUNTIME_DIR", at).output().expect("a shell");
    let [text, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if output.status.code() == Some(99) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no device of our own here: {errors}");
        return;
    }
    assert!(output.status.success(), "{text}\n{errors}");
    let uid = if is_root { NOBODY } else { rustix::process::geteuid().as_raw() };
    assert!(text.contains(&format!("user_id={uid}\n")), "{text}");
    let wim = Archive::open(&bench.wim).expect("opens");
    assert_eq!(wim.read(1, "Windows/notepad.exe").expect("data"), b"changed");
    let left = bench.left();
    assert!(left.iter().all(|name| !name.contains(".mount-")), "{left:?}");
}
