//! `ulimit -f`: a write beyond it fails like one on a full disk.

use std::fs;
use std::process::Command;

use winpe_registry::Value;
use winpe_tests::{tool, winpe_iscsi};

use crate::support::{Bench, hive, set};

#[test]
fn a_limit_on_the_size_of_files_leaves_everything_unchanged() {
    let Some(prlimit) = tool("prlimit", "util-linux") else { return };
    let bench = Bench::new();
    bench.write("SYSTEM", hive(&[set("a", "b", Value::binary(vec![7; 100_000]))]));
    let key =
        "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\n]\n\"a\"=\"b\"\n";
    bench.write("new.reg", key);
    let whole = fs::metadata(bench.path("winpe.wim")).unwrap().len();
    let inject = ["inject", "winpe.wim", "--source", "install.wim", "-q"];
    for (words, limit) in [
        (inject.to_vec(), whole + 4096),
        ([&inject[..], &["--integrity"]].concat(), whole + 10_000),
        ([&inject[..], &["-o", "out.wim"]].concat(), whole / 2),
        ([&inject[..], &["-o", "out.wim"]].concat(), whole + 4096),
        (vec!["wim", "optimize", "winpe.wim"], 4096),
        (vec!["wim", "export", "winpe.wim", "out.wim"], 4096),
        (vec!["hive", "import", "SYSTEM", "new.reg", "-q"], 4096),
        (vec!["hive", "import", "SYSTEM", "new.reg", "-q", "-o", "other"], 4096),
        (vec!["hive", "export", "SYSTEM", "-o", "out.reg"], 4096),
    ] {
        let (names, before) = (bench.names(), fs::read(bench.path("winpe.wim")).unwrap());
        let system = fs::read(bench.path("SYSTEM")).unwrap();
        let mut command = Command::new(&prlimit);
        command.arg(format!("--fsize={limit}")).arg(winpe_iscsi()).args(&words);
        let output = command.current_dir(bench.dir.path()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {:?}\n{errors}", output.status);
        assert!(errors.contains("File too large"), "{words:?}\n{errors}");
        assert!(fs::read(bench.path("winpe.wim")).unwrap() == before, "{words:?} at {limit}");
        assert!(fs::read(bench.path("SYSTEM")).unwrap() == system, "{words:?} at {limit}");
        assert_eq!(bench.names(), names, "{words:?} at {limit}");
    }
    bench.run(&inject, 0);
}
