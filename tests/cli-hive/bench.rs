//! A folder with hives, and the program run in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value as Json;
use winpe_hive::{FileTime, Hive};
use winpe_registry::{Edit, KeyName, Value, ValueName};
use winpe_tests::winpe_iscsi;
use winpe_wim::{Compression, NewImage};

pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// The result of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    /// A folder with the hive `SYSTEM`.
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.put("SYSTEM", &system().into_bytes());
        bench
    }

    /// A folder with `winpe.wim`, whose two images hold `SYSTEM`; the one in the second image has
    /// one more value.
    pub(crate) fn with_wim() -> Self {
        let bench = Self::new();
        let mut second = system();
        second.apply(&set("Setup", "SystemSetupInProgress", Value::dword(1))).unwrap();
        let images = [(system(), true), (second, false)].map(|(hive, boot)| {
            let mut image = NewImage::new("Windows PE");
            image.boot = boot;
            let path = "Windows/System32/config/SYSTEM".into();
            image.files.push((path, hive.into_bytes()));
            image
        });
        winpe_wim::create(&bench.path("winpe.wim"), Compression::None, &images).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs `winpe-iscsi hive` in the folder.
    pub(crate) fn hive(&self, words: &[&str]) -> Ran {
        self.run(&[&["hive"], words].concat())
    }

    /// Runs `winpe-iscsi` in the folder.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let output = Command::new(winpe_iscsi())
            .args(words)
            .current_dir(self.folder.path())
            .env("SOURCE_DATE_EPOCH", "1600000000")
            .output()
            .unwrap();
        Ran::new(&output)
    }

    /// Runs it with `--json` and reads what it printed.
    pub(crate) fn json(&self, words: &[&str]) -> (i32, Json) {
        let ran = self.hive(&[words, &["--json"]].concat());
        let json: Json = serde_json::from_str(&ran.out)
            .unwrap_or_else(|error| panic!("{error}: {} {}", ran.out, ran.err));
        assert_eq!(json["schema"], 1);
        (ran.code, json)
    }
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// A small SYSTEM hive.
pub(crate) fn system() -> Hive {
    let name = KeyName::new("ROOT").unwrap();
    let mut hive = Hive::create(5, &name, FileTime::from_unix(1_500_000_000)).unwrap();
    for edit in [
        set("Select", "Current", Value::dword(1)),
        set(r"ControlSet001\Services\Tcpip", "Start", Value::dword(1)),
        set(r"ControlSet001\Services\Tcpip", "ImagePath", Value::expand_sz(r"drivers\tcpip.sys")),
        set(r"ControlSet001\Services\Tcpip", "DependOnService", Value::multi_sz(["a", "b"])),
        set(r"ControlSet001\Services\Tcpip", "Blob", Value::binary([1, 2, 0xff])),
        set("Setup", "CmdLine", Value::sz("winpeshl.exe")),
    ] {
        hive.apply(&edit).unwrap();
    }
    hive
}

pub(crate) fn set(key: &str, name: &str, value: Value) -> Edit {
    Edit::set_value(key.parse().unwrap(), ValueName::new(name).unwrap(), value)
}
