//! The CHAP secret in a WIM file: who can read it, and when it is erased.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use winpe_wim::{Archive, Compression, NewImage, create};

use crate::support::{Bench, Run};

const URI: &str = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7";
const CHAP: &str = r"Windows\System32\winpe-iscsi\chap.cmd";
const ONE: &str = "secret-of-lab1";
const TWO: &str = "secret-of-lab2";

/// The demo's images, with this compression, and two secrets.
fn stored(compress: &str) -> Bench {
    let bench = Bench::new();
    bench.run(&["wim", "optimize", "winpe.wim", "--compress", compress]).expect(0);
    for (name, secret) in [("one", ONE), ("two", TWO)] {
        let path = bench.write(name, format!("lab\n{secret}\n"));
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
    bench
}

fn with_secret<'a>(wim: &'a str, secret: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["inject", wim, "--source", "install.wim:1", "--autostart", "--connect", URI];
    [&words[..], &["--chap-secret-file", secret], more].concat()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(bench: &Bench, name: &str, mode: u32) {
    fs::set_permissions(bench.path(name), Permissions::from_mode(mode)).unwrap();
}

/// Byte strings that reveal a secret: its file as stored in the WIM, and the digest in the record.
struct Trace {
    stored: Vec<u8>,
    sha256: String,
}

impl Trace {
    /// Those of the secret that is in the image now.
    fn of(bench: &Bench, compression: Compression) -> Self {
        let data = Archive::open(&bench.winpe).unwrap().read(1, CHAP).unwrap();
        let sha256 = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        // The only data of a new WIM follows its header.
        let alone = bench.path("alone.wim");
        let mut image = NewImage::new("alone");
        image.files.push(("file".to_owned(), data));
        create(&alone, compression, &[image]).unwrap();
        let bytes = fs::read(&alone).unwrap();
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        // Fields of an entry of the blob table: size in the file (56 bits), offset, … in 50 bytes.
        let entries = (number(56)..).step_by(50);
        let entry = entries.take(2).find(|entry| number(entry + 8) == 208).unwrap();
        let stored = bytes[208..][..number(entry) & 0x00ff_ffff_ffff_ffff].to_vec();
        fs::remove_file(alone).unwrap();
        Self { stored, sha256 }
    }

    /// The number of occurrences in the bytes of a file.
    fn count(&self, path: &Path) -> usize {
        let bytes = fs::read(path).unwrap();
        let count = |part: &[u8]| bytes.windows(part.len()).filter(|it| *it == part).count();
        count(&self.stored) + count(self.sha256.as_bytes())
    }
}

#[test]
fn a_secret_that_is_replaced_or_removed_is_gone_from_the_file() {
    for (compress, compression, integrity) in [
        ("none", Compression::None, false),
        ("none", Compression::None, true),
        ("xpress", Compression::Xpress, false),
        ("lzx", Compression::Lzx, true),
    ] {
        let bench = stored(compress);
        if integrity {
            bench.run(&["wim", "optimize", "winpe.wim", "--integrity"]).expect(0);
        }
        let check = |run: &Run| {
            assert!(run.stderr.contains("overwritten in the file"), "{}", run.stderr);
            for secret in [ONE, TWO] {
                assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret));
            }
            bench.run(&["wim", "verify", "winpe.wim"]).expect(0);
            let header = Archive::open(&bench.winpe).unwrap().header().clone();
            assert_eq!(header.integrity, integrity);
        };
        bench.run(&with_secret("winpe.wim", "one", &[])).expect(0);
        let one = Trace::of(&bench, compression);
        assert!(one.count(&bench.winpe) >= 1, "{compress}: it can be found where it is");

        check(&bench.run(&with_secret("winpe.wim", "two", &[])).expect(0));
        let two = Trace::of(&bench, compression);
        assert_eq!(one.count(&bench.winpe), 0, "{compress}: it was replaced");
        assert!(two.count(&bench.winpe) >= 1);

        // Nothing of it is copied into another file, and the WIM stays unchanged.
        let copied = bench.run(&["remove", "winpe.wim", "-o", "plain.wim"]).expect(0);
        assert!(copied.stderr.contains("overwritten in the file"), "{}", copied.stderr);
        assert_eq!(two.count(&bench.path("plain.wim")), 0);
        bench.run(&["wim", "verify", "plain.wim"]).expect(0);
        assert!(two.count(&bench.winpe) >= 1);

        check(&bench.run(&["remove", "winpe.wim"]).expect(0));
        assert_eq!(two.count(&bench.winpe), 0, "{compress}: it was removed");
        if compress == "none" {
            let bytes = fs::read(&bench.winpe).unwrap();
            for secret in [ONE, TWO] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
            }
        }
    }
}

#[test]
fn a_secret_moved_to_the_boot_server_is_gone_from_the_file() {
    let bench = stored("none");
    bench.run(&with_secret("winpe.wim", "one", &[])).expect(0);
    let one = Trace::of(&bench, Compression::None);
    assert!(one.count(&bench.winpe) > 0);
    let words = ["inject", "winpe.wim", "--source", "install.wim:1", "--autostart"];
    let at_boot = [&words[..], &["--connect", URI, "--chap-at-boot"]].concat();
    bench.run(&at_boot).expect(0);
    assert_eq!(one.count(&bench.winpe), 0);
    assert!(Archive::open(&bench.winpe).unwrap().entry(1, CHAP).unwrap().is_none());
    // The WIM holds no secret now: a copy has an ordinary mode, and a second run changes nothing.
    set_mode(&bench, "winpe.wim", 0o644);
    let again = bench.run(&[&at_boot[..], &["-o", "copy.wim"]].concat()).expect(0);
    assert!(!again.stderr.contains("secret"), "{}", again.stderr);
    assert_eq!(mode(&bench.path("copy.wim")), 0o644);
    bench.run(&["remove", "winpe.wim"]).expect(0);
    assert!(Archive::open(&bench.winpe).unwrap().entry(1, CHAP).unwrap().is_none());
}

#[test]
fn a_secret_stays_while_another_image_has_it() {
    let bench = stored("none");
    bench.run(&["wim", "export", "winpe.wim", "winpe.wim", "--name", "Second"]).expect(0);
    bench.run(&with_secret("winpe.wim", "one", &["--image", "all"])).expect(0);
    let trace = Trace::of(&bench, Compression::None);
    bench.run(&["remove", "winpe.wim", "--image", "1"]).expect(0);
    assert!(trace.count(&bench.winpe) >= 1, "image 2 has it");
    bench.run(&["wim", "verify", "winpe.wim"]).expect(0);
    let second = Archive::open(&bench.winpe).unwrap().read(2, CHAP).unwrap();
    assert!(String::from_utf8(second).unwrap().contains(ONE));
    bench.run(&["remove", "winpe.wim", "--image", "2"]).expect(0);
    assert_eq!(trace.count(&bench.winpe), 0);
    bench.run(&["wim", "verify", "winpe.wim"]).expect(0);
}

#[test]
fn a_secret_is_gone_however_its_file_is_changed() {
    for words in [
        &["wim", "rm", "winpe.wim:Windows/System32/winpe-iscsi/chap.cmd"][..],
        &["wim", "rm", "-r", "winpe.wim:windows/system32/WINPE-ISCSI"],
        &["wim", "cp", "one", "winpe.wim:Windows/System32/winpe-iscsi/chap.cmd"],
    ] {
        let bench = stored("none");
        bench.run(&with_secret("winpe.wim", "two", &[])).expect(0);
        let trace = Trace::of(&bench, Compression::None);
        let run = bench.run(words).expect(0);
        assert!(run.stderr.contains("overwritten in the file"), "{}", run.stderr);
        let bytes = fs::read(&bench.winpe).unwrap();
        assert!(!bytes.windows(trace.stored.len()).any(|part| part == trace.stored), "{words:?}");
        bench.run(&["wim", "verify", "winpe.wim"]).expect(0);
    }
    // A WIM without a secret is not overwritten, and nothing is reported about that.
    let bench = stored("none");
    bench.run(&with_secret("winpe.wim", "two", &[])).expect(0);
    let run = bench.run(&["wim", "rm", "winpe.wim:Windows/System32/startnet.cmd"]).expect(0);
    assert!(!run.stderr.contains("overwritten"), "{}", run.stderr);
}

/// Without the record, a replaced file is taken for a file of the image, and kept.
#[test]
fn a_secret_is_not_kept_to_undo_its_replacement() {
    let bench = stored("none");
    bench.run(&with_secret("winpe.wim", "one", &[])).expect(0);
    bench.run(&["wim", "rm", "winpe.wim:Windows/System32/winpe-iscsi/record.json"]).expect(0);
    bench.run(&with_secret("winpe.wim", "two", &[])).expect(0);
    let bytes = fs::read(&bench.winpe).unwrap();
    assert!(!bytes.windows(ONE.len()).any(|part| part == ONE.as_bytes()));
    assert!(bytes.windows(TWO.len()).any(|part| part == TWO.as_bytes()));
    bench.run(&["remove", "winpe.wim"]).expect(0);
    assert!(Archive::open(&bench.winpe).unwrap().entry(1, CHAP).unwrap().is_none());
}

#[test]
fn a_new_wim_has_the_mode_of_the_old_one_or_is_closed() {
    let bench = stored("lzx");
    bench.write("plain", "");
    let usual = mode(&bench.path("plain"));
    let plain = ["inject", "winpe.wim", "--source", "install.wim:1", "-o", "out.wim"];
    let secret = with_secret("winpe.wim", "one", &["-o", "out.wim"]);
    let export = ["wim", "export", "winpe.wim", "out.wim"];
    for (words, theirs, ours) in [
        (&plain[..], 0o600, 0o600),
        (&plain, 0o640, 0o640 & usual),
        (&plain, 0o644, 0o644 & usual),
        (&plain, 0o444, 0o644 & usual),
        (&secret, 0o644, 0o600),
        (&secret, 0o640, 0o600),
        (&export, 0o600, 0o600),
        (&export, 0o644, 0o644 & usual),
    ] {
        set_mode(&bench, "winpe.wim", theirs);
        let run = bench.run(words).expect(0);
        assert_eq!(mode(&bench.path("out.wim")), ours, "{words:?} of {theirs:o}");
        assert!(!run.stderr.contains("chmod"), "{}", run.stderr);
        fs::remove_file(bench.path("out.wim")).unwrap();
    }
    // The secret need not be new: a copy of a WIM that already has it is closed too.
    set_mode(&bench, "winpe.wim", 0o600);
    bench.run(&with_secret("winpe.wim", "one", &[])).expect(0);
    set_mode(&bench, "winpe.wim", 0o644);
    bench.write("add.txt", "added");
    let add = ["inject", "winpe.wim", "--add", r"add.txt=\add.txt", "-o", "out.wim"];
    for words in [&export[..], &add] {
        bench.run(words).expect(0);
        assert_eq!(mode(&bench.path("out.wim")), 0o600, "{words:?}");
        fs::remove_file(bench.path("out.wim")).unwrap();
    }
    // After removal the mode is ordinary again.
    bench.run(&["remove", "winpe.wim", "-o", "out.wim"]).expect(0);
    assert_eq!(mode(&bench.path("out.wim")), 0o644 & usual);
}

#[test]
fn a_file_that_exists_keeps_its_mode_and_a_warning_names_it() {
    let bench = stored("lzx");
    let says = |run: &Run, name: &str, mode: &str| {
        assert!(run.stderr.contains(&format!("(mode {mode})")), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("chmod 600 {name}")), "{}", run.stderr);
    };
    set_mode(&bench, "winpe.wim", 0o644);
    says(&bench.run(&with_secret("winpe.wim", "one", &[])).expect(0), "winpe.wim", "644");
    assert_eq!(mode(&bench.winpe), 0o644, "a web server may have to read it");
    says(&bench.run(&with_secret("winpe.wim", "one", &[])).expect(0), "winpe.wim", "644");
    bench.write("out.wim", "old");
    set_mode(&bench, "out.wim", 0o664);
    let into = with_secret("winpe.wim", "two", &["-o", "out.wim", "--force"]);
    says(&bench.run(&into).expect(0), "out.wim", "664");
    assert_eq!(mode(&bench.path("out.wim")), 0o664);
    for closed in [0o640, 0o600] {
        set_mode(&bench, "winpe.wim", closed);
        let run = bench.run(&with_secret("winpe.wim", "two", &[])).expect(0);
        assert!(!run.stderr.contains("chmod"), "{}", run.stderr);
        assert_eq!(mode(&bench.winpe), closed);
    }
    set_mode(&bench, "winpe.wim", 0o644);
    bench.run(&["wim", "optimize", "winpe.wim"]).expect(0);
    assert_eq!(mode(&bench.winpe), 0o644);
    let removed = bench.run(&["remove", "winpe.wim"]).expect(0);
    assert!(!removed.stderr.contains("chmod"), "{}", removed.stderr);
}

#[test]
fn files_copied_out_of_a_wim_are_as_closed_as_the_wim() {
    let bench = stored("lzx");
    bench.run(&with_secret("winpe.wim", "one", &[])).expect(0);
    let folder = r"Windows\System32\winpe-iscsi";
    for (theirs, open) in [(0o600, false), (0o640, true), (0o644, true)] {
        set_mode(&bench, "winpe.wim", theirs);
        let from = |path: &str| format!("winpe.wim:{path}");
        bench.run(&["wim", "cp", &from(CHAP), "chap.cmd"]).expect(0);
        bench.run(&["wim", "cp", &from(folder), "copies"]).expect(0);
        for made in ["chap.cmd", "copies", "copies/chap.cmd"] {
            let mode = mode(&bench.path(made));
            assert_eq!(mode & 0o077 != 0, open, "{made} of {theirs:o}: {mode:o}");
        }
        fs::remove_file(bench.path("chap.cmd")).unwrap();
        fs::remove_dir_all(bench.path("copies")).unwrap();
    }
}

/// A report replaces a file atomically, but is written directly into a pipe or device.
#[test]
fn a_report_goes_to_a_file_or_a_device() {
    let bench = Bench::new();
    let words =
        |to| ["inject", "winpe.wim", "--source", "install.wim:1", "--dry-run", "--report", to];
    bench.write("there.json", "a longer text than the report of an image could ever be");
    set_mode(&bench, "there.json", 0o640);
    bench.run(&words("there.json")).expect(0);
    let report = fs::read(bench.path("there.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&report).unwrap()["schema"] == 1);
    assert_eq!(mode(&bench.path("there.json")), 0o640);
    let piped = bench.run(&words("/dev/stderr")).expect(0);
    assert!(piped.stderr.contains("\"schema\": 1"), "{}", piped.stderr);
    let folder = bench.run(&words(".")).expect(2);
    assert!(folder.stderr.contains(".: not a regular file"), "{}", folder.stderr);
}

/// The same holds for hives, which contain other secrets, and for exports of them.
#[test]
fn files_made_from_a_hive_are_as_closed_as_the_hive() {
    let bench = Bench::new();
    let archive = Archive::open(&bench.winpe).unwrap();
    bench.write("SYSTEM", archive.read(1, r"Windows\System32\config\SYSTEM").unwrap());
    set_mode(&bench, "SYSTEM", 0o600);
    let text =
        "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\n]\n\"a\"=\"b\"\n";
    bench.write("new.reg", text);
    for (words, made) in [
        (&["hive", "import", "SYSTEM", "new.reg", "-o", "other"][..], "other"),
        (&["hive", "compact", "SYSTEM", "-o", "compacted"], "compacted"),
        (&["hive", "export", "SYSTEM", "-o", "system.reg"], "system.reg"),
    ] {
        bench.run(words).expect(0);
        assert_eq!(mode(&bench.path(made)), 0o600, "{made}");
    }
    let again = bench.run(&["hive", "export", "SYSTEM", "-o", "system.reg"]).expect(2);
    assert!(again.stderr.contains("hint: --force"), "{}", again.stderr);
    set_mode(&bench, "new.reg", 0o600);
    bench.run(&["reg", "convert", "new.reg", "--to", "regedit", "-o", "made.reg"]).expect(0);
    assert_eq!(mode(&bench.path("made.reg")), 0o600);
}
