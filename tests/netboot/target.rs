//! Bootable objects: a disk and a CD that print a text, and an iSCSI target.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use winpe_tests::{run, tool};

use crate::rig::{Rig, Running, SERVER};

/// The name of the target.
pub(crate) const NAME: &str = "iqn.2011-12.com.example:disk";

/// A boot sector that prints `text` and stops.
pub(crate) fn boot_sector(text: &str) -> Vec<u8> {
    #[rustfmt::skip]
    let mut sector = vec![
        0xfa, 0x31, 0xc0, 0x8e, 0xd8,             // cli; xor ax, ax; mov ds, ax
        0x8e, 0xd0, 0xbc, 0x00, 0x7c,             // mov ss, ax; mov sp, 0x7c00
        0xfb, 0xfc,                               // sti; cld
        0xbe, 0x20, 0x7c,                         // mov si, text
        0xac, 0x84, 0xc0, 0x74, 0x09,             // next: lodsb; test al, al; jz stop
        0xb4, 0x0e, 0xbb, 0x07, 0x00, 0xcd, 0x10, // mov ah, 0x0e; mov bx, 7; int 0x10
        0xeb, 0xf2,                               // jmp next
        0xf4, 0xeb, 0xfd,                         // stop: hlt; jmp stop
    ];
    assert_eq!(sector.len(), 0x20);
    sector.extend_from_slice(text.as_bytes());
    sector.resize(510, 0);
    sector.extend_from_slice(&[0x55, 0xaa]);
    sector
}

/// A disk that prints `text` when it is booted.
pub(crate) fn disk(rig: &Rig, text: &str) -> String {
    let mut disk = boot_sector(text);
    disk.resize(64 * 1024 * 1024, 0);
    rig.file("disk.img", disk)
}

/// A CD that prints `text` when it is booted; `None`, with a message, if the tool to create it is
/// missing.
pub(crate) fn cd(rig: &Rig, text: &str) -> Option<String> {
    let xorriso = tool("xorriso", "xorriso")?;
    let mut loader = boot_sector(text);
    loader.resize(2048, 0);
    rig.file("cd/boot.img", loader);
    let iso = rig.folder.path().join("cd.iso").to_str().unwrap().to_owned();
    let words = ["-as", "mkisofs", "-quiet", "-o", &iso, "-b", "boot.img"];
    let words = words.iter().chain(&["-no-emul-boot", "-boot-load-size", "4"]).copied();
    let folder = rig.folder.path().join("cd");
    let output = run(&xorriso, words.chain([folder.to_str().unwrap()]));
    assert!(output.status.success(), "{output:?}");
    Some(iso)
}

/// A CHAP name and secret, and whether the target authenticates itself with it.
pub(crate) struct Account {
    pub(crate) user: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) of_target: bool,
}

/// An iSCSI target that serves a disk as LUN 1, since LUN 0 is the target's own controller. With
/// accounts it requires CHAP.
pub(crate) fn serve_disk(rig: &Rig, disk: &str, accounts: &[Account]) -> Option<Running> {
    let (daemon, control) = (tool("tgtd", "tgt")?, tool("tgtadm", "tgt")?);
    // Each daemon has a separate control socket, by number.
    let number = (std::process::id() % 30_000 + rig.number).to_string();
    let socket = format!("/run/tgtd/socket.{number}");
    std::fs::create_dir_all("/run/tgtd").unwrap();
    let portal = format!("portal={SERVER}:3260");
    let target = rig.start(&rig.namespace, &daemon, &["-f", "-C", &number, "--iscsi", &portal]);
    for _ in 0..500 {
        if Path::new(&socket).exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let tell = |words: &[&str]| {
        let mut command = Command::new(&control);
        let output = command.args(["-C", &number, "--lld", "iscsi"]).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}\n{}", target.printed());
    };
    tell(&["--op", "new", "--mode", "target", "--tid", "1", "-T", NAME]);
    tell(&["--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", disk]);
    for Account { user, secret, of_target } in accounts {
        tell(&["--op", "new", "--mode", "account", "--user", user, "--password", secret]);
        let bind = ["--op", "bind", "--mode", "account", "--tid", "1", "--user", user];
        let outgoing = of_target.then_some("--outgoing");
        tell(&bind.iter().copied().chain(outgoing).collect::<Vec<_>>());
    }
    tell(&["--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"]);
    Some(target)
}
