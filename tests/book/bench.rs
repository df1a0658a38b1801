//! A folder with what the pages work on, and a `winpe-iscsi` on the path that serves no network.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use winpe_inject::demo::Program;
use winpe_tests::{tool, winpe_iscsi};

/// The program as the pages call it. A server is asked what it would do instead, on the loopback interface; a
/// client that needs a server is asked whether it knows the words.
const WRAPPER: &str = r#"#!/bin/bash
words=()
for word in "$@"; do
  case $word in
    eth1) word=lo ;;
    192.168.0.*,192.168.0.*) word=${word//192.168.0/127.0.0} ;;
  esac
  words+=("$word")
done
case $1 in
  serve)
    case " $* " in
      *" --check "* | *" --export-files "*) ;;
      *) words+=(--check) ;;
    esac
    case " $* " in
      *" --iface "*) ;;
      *) words+=(--iface lo) ;;
    esac
    "$PROGRAM" "${words[@]}"
    # 1: this machine has not every boot program.
    [ $? -le 1 ] ;;
  boots) exec "$PROGRAM" "${words[@]}" --help ;;
  *) exec "$PROGRAM" "${words[@]}" ;;
esac
"#;

const TWEAKS: &str = "Windows Registry Editor Version 5.00\r\n\r\n\
    [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters]\r\n\
    \"SearchList\"=\"example.org\"\r\n";

const OTHER: &str = "Windows Registry Editor Version 5.00\r\n\r\n\
    [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters]\r\n\
    \"SearchList\"=\"example.com\"\r\n";

const PROFILE: &str = r#"
title = "A tool of ours"
why = "An example."

[[reg]]
file = "tool.reg"
why = "Where it looks for its server."
"#;

const RECIPE: &str = r#"
[inject]
wim = "winpe.wim"
source = "install.wim:1"
output = "lab.wim"
connect = ["iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"]
chap-secret-file = "chap"
autostart = true
driver = ["netkvm/w10/amd64"]
"#;

const SERVER: &str = r#"
[serve]
mode = "proxy"
http-base = "http://files.example.org/boot/"

[[entry]]
name = "lab"
wim = "winpe.wim"
"#;

const INF: &str = "[Version]\n\
    Signature = \"$Windows NT$\"\nClass = Net\nCatalogFile = netkvm.cat\nDriverVer = 01/02/2024, 1.0.0.1\n\
    [Manufacturer]\n%Maker% = Models, NTamd64\n\
    [Models.NTamd64]\n\"Card\" = Install, PCI\\VEN_1AF4&DEV_1041\n\
    [Install.NT]\nCopyFiles = Files\n[Files]\nnetkvm.sys,,,2\n\
    [SourceDisksNames]\n1 = \"Disk\"\n[SourceDisksFiles]\nnetkvm.sys = 1\n\
    [Strings]\nMaker = \"Lab\"\n";

/// A folder for the commands of one page.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.write("bin/winpe-iscsi", WRAPPER);
        let program = bench.path().join("bin/winpe-iscsi");
        fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
        winpe_inject::demo::create(&bench.work()).unwrap();
        for (name, text) in [
            ("tweaks.reg", TWEAKS),
            ("old.reg", TWEAKS),
            ("new.reg", OTHER),
            ("my-profile/profile.toml", PROFILE),
            ("my-profile/tool.reg", TWEAKS),
            ("recipe.toml", RECIPE),
            ("winpe-iscsi.toml", SERVER),
            ("chap", "lab\nsecret-of-14-b\n"),
            ("tools/tool.txt", "a tool\n"),
            ("netkvm/w10/amd64/netkvm.inf", INF),
            ("netkvm/w10/amd64/netkvm.cat", "a catalogue"),
        ] {
            bench.write(&format!("work/{name}"), text);
        }
        let driver = Program::new("netkvm.sys").build();
        fs::write(bench.work().join("netkvm/w10/amd64/netkvm.sys"), driver).unwrap();
        fs::set_permissions(bench.work().join("chap"), Permissions::from_mode(0o600)).unwrap();
        // What the pages take as given: a WIM with two images, hives as files, an unpacked Windows.
        bench.run_all(
            "winpe-iscsi wim export winpe.wim:1 boot.wim --boot\n\
             winpe-iscsi wim export winpe.wim:1 boot.wim --name Setup\n\
             winpe-iscsi wim cat winpe.wim:Windows/System32/config/SYSTEM > SYSTEM\n\
             cp SYSTEM SYSTEM.old\n\
             mkdir windows\n\
             winpe-iscsi wim cp install.wim:1:Windows windows/\n",
        );
        bench
    }

    /// A Windows disc; `None`, visibly, where the tool that makes one is missing.
    pub(crate) fn add_disc(&self) -> Option<()> {
        let genisoimage = tool("genisoimage", "genisoimage")?;
        self.run_all(&format!(
            "mkdir -p media/sources\n\
             cp winpe.wim media/sources/boot.wim\n\
             cp install.wim media/sources/install.wim\n\
             '{}' -quiet -udf -o Windows.iso media\n\
             rm -r media\n",
            genisoimage.display()
        ));
        Some(())
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the commands run.
    pub(crate) fn work(&self) -> std::path::PathBuf {
        let work = self.path().join("work");
        fs::create_dir_all(&work).unwrap();
        work
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a script by bash, which ends at the first command that fails.
    pub(crate) fn run(&self, script: &str) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.work())
            .env("PATH", format!("{}:{path}", self.path().join("bin").display()))
            .env("PROGRAM", winpe_iscsi())
            .env("XDG_RUNTIME_DIR", self.path())
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap()
    }

    fn run_all(&self, script: &str) {
        let output = self.run(script);
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Bench {
    /// Where a command failed between `mount` and `unmount`.
    fn drop(&mut self) {
        self.run("winpe-iscsi unmount pe --discard");
    }
}
