//! Readers that close a pipe before the end, as `head` does.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::{Bench, hive, set};
use winpe_registry::Value;

/// Runs it with a closed standard output.
fn unread(mut command: Command) -> (i32, String) {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code().expect("not ended by a signal"), text)
}

/// The demo's images, with something to change for each command.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("SYSTEM", hive(&[set("a", "b", Value::sz("c"))]));
    bench.write(
        "tweak.reg",
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\r\n\"b\" = \"d\"\r\n",
    );
    bench.write("chap", "lab\nsecret-of-lab\n");
    fs::set_permissions(bench.path("chap"), fs::Permissions::from_mode(0o600)).unwrap();
    bench.run(&["inject", "winpe.wim", "--source", "install.wim", "-o", "injected.wim", "-q"], 0);
    bench
}

/// Names and contents of all files of the folder.
fn contents(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let path = bench.path(&name);
        let bytes = if path.is_dir() { vec![] } else { fs::read(path).unwrap() };
        (name, bytes)
    };
    bench.names().into_iter().map(read).collect()
}

#[test]
fn work_is_done_even_if_the_output_is_closed() {
    let uri = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7";
    let chap =
        ["--connect", uri, "--autostart", "--chap-secret-file", "chap", "--report", "report.json"];
    let inject = ["inject", "winpe.wim", "--source", "install.wim"];
    for words in [
        inject.to_vec(),
        [&inject[..], &["-o", "new.wim", "--undo-reg", "undo.reg"]].concat(),
        [&inject[..], &chap].concat(),
        vec!["remove", "injected.wim"],
        vec!["remove", "injected.wim", "-o", "plain.wim"],
        vec!["wim", "cp", "tweak.reg", "winpe.wim:tweak.reg"],
        vec!["wim", "cp", "winpe.wim:Windows/System32/startnet.cmd", "out.cmd"],
        vec!["wim", "rm", "winpe.wim:Windows/System32/startnet.cmd"],
        vec!["wim", "export", "winpe.wim", "copy.wim", "--compress", "xpress"],
        vec!["wim", "export", "winpe.wim", "injected.wim", "--name", "Second"],
        vec!["wim", "optimize", "injected.wim", "--integrity"],
        vec!["hive", "import", "SYSTEM", "tweak.reg"],
        vec!["hive", "import", "SYSTEM", "tweak.reg", "-o", "other"],
        vec!["hive", "compact", "SYSTEM"],
        vec!["hive", "new", "NEW"],
        vec!["hive", "set", "SYSTEM", "a", "n", "text"],
        vec!["hive", "set", "winpe.wim:SYSTEM", "a", "n", "text"],
        vec!["hive", "delete", "SYSTEM", "a", "b"],
        vec!["hive", "copy", "SYSTEM", "a", "c"],
        vec!["hive", "rename", "SYSTEM", "a", "c"],
        vec!["hive", "export", "SYSTEM", "-o", "system.reg"],
        vec!["reg", "fmt", "tweak.reg"],
        vec!["reg", "convert", "tweak.reg", "--to", "utf8", "--in-place"],
        vec!["reg", "convert", "tweak.reg", "--to", "utf8", "-o", "other.reg"],
        vec!["demo", "demo"],
        vec!["manual", "manual"],
    ] {
        for more in [&[][..], &["--json"]] {
            let words = [&words[..], more].concat();
            let (read, left) = (bench(), bench());
            let before = contents(&left);
            let expected = read.command(&words).stdout(Stdio::null()).status().unwrap().code();
            let (code, errors) = unread(left.command(&words));
            assert_eq!((Some(code), code), (expected, 0), "{words:?}\n{errors}");
            assert!(
                !errors.contains("error:") && !errors.contains("panicked"),
                "{words:?}\n{errors}"
            );
            let (expected, found) = (contents(&read), contents(&left));
            assert!(found != before, "{words:?} changes something");
            let names =
                |all: &[(String, Vec<u8>)]| all.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
            assert_eq!(names(&found), names(&expected), "{words:?}");
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                assert!(found == expected, "{words:?}: {name} differs");
            }
        }
    }
}

#[test]
fn the_status_reports_findings_even_if_the_output_is_closed() {
    let bench = bench();
    bench.write("OTHER", hive(&[set("a", "b", Value::sz("d"))]));
    for (words, code) in [
        (&["hive", "diff", "SYSTEM", "OTHER"][..], 1),
        (&["hive", "diff", "SYSTEM", "OTHER", "--json"], 1),
        (&["hive", "diff", "SYSTEM", "SYSTEM"], 0),
        (&["inject", "winpe.wim", "--source", "install.wim", "--check"], 1),
        (&["inject", "injected.wim", "--source", "install.wim", "--check"], 0),
        (&["inject", "winpe.wim", "--source", "install.wim", "--dry-run"], 0),
        (&["inject", "winpe.wim"], 2),
        (&["verify", "winpe.wim"], 1),
        (&["verify", "injected.wim"], 0),
        (&["remove", "winpe.wim"], 2),
        (&["reg", "fmt", "--check", "tweak.reg"], 1),
        (&["reg", "fmt", "-"], 2),
        (&["wim", "ls", "-R", "winpe.wim"], 0),
        (&["wim", "cat", "install.wim:Windows/System32/config/SOFTWARE"], 0),
        (&["hive", "export", "SYSTEM"], 0),
        (&["info", "winpe.wim"], 0),
    ] {
        let expected = bench.command(words).stdout(Stdio::null()).status().unwrap().code();
        let (found, errors) = unread(bench.command(words));
        assert_eq!((found, expected), (code, Some(code)), "{words:?}\n{errors}");
    }
}

/// A result that cannot be written for another reason is an error, before anything is changed.
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let bench = bench();
    let before = contents(&bench);
    for words in [
        &["inject", "winpe.wim", "--source", "install.wim"][..],
        &["remove", "injected.wim", "--json"],
        &["hive", "import", "SYSTEM", "tweak.reg"],
        &["hive", "diff", "SYSTEM", "SYSTEM", "--json"],
        &["wim", "ls", "winpe.wim"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = bench.command(words).stdout(full).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}\n{errors}");
        assert!(errors.contains("No space left on device"), "{words:?}\n{errors}");
        assert!(contents(&bench) == before, "{words:?}: nothing is changed");
    }
}

/// Streams that would otherwise continue.
#[test]
fn a_stream_of_bytes_ends_with_its_reader() {
    let bench = Bench::new();
    bench.write("large", vec![b'x'; 64 << 20]);
    bench.run(&["wim", "cp", "large", "winpe.wim:large"], 0);
    let mut child =
        bench.command(&["wim", "cat", "winpe.wim:large"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!((&first, child.wait().unwrap().code()), (b"xxxxxxxxxx", Some(0)));
}
