//! Tests of `packaging/`: the Debian package, the unit, the container file, the example for
//! Kubernetes.

mod completions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use winpe_netboot::config::{Config, Mode};
use winpe_tests::{run, skip, tool, winpe_iscsi, workspace};

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn read(path: &str) -> String {
    let path = workspace().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn make(folder: &Path) -> PathBuf {
    let mut command = Command::new(workspace().join("scripts/package-deb"));
    command.arg("--program").arg(winpe_iscsi()).arg("--output").arg(folder);
    command.env("DEBEMAIL", "packager@example.com").env("SOURCE_DATE_EPOCH", "1700000000");
    PathBuf::from(text(&command.arg("--fast").output().unwrap()).trim())
}

/// The package of this build; `None`, with a message, if the packaging tools are missing.
fn package() -> Option<&'static Path> {
    static PACKAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    for (program, package) in
        [("dpkg-deb", "dpkg"), ("dpkg-shlibdeps", "dpkg-dev"), ("strip", "binutils")]
    {
        tool(program, package)?;
    }
    let (_, package) = PACKAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let package = make(folder.path());
        (folder, package)
    });
    Some(package)
}

/// A throwaway system that has only a package database.
struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("var/lib/dpkg");
        for name in ["info", "updates", "triggers"] {
            fs::create_dir_all(database.join(name)).unwrap();
        }
        fs::write(database.join("status"), "").unwrap();
        // Users that systemd-sysusers looks up.
        fs::create_dir(folder.path().join("etc")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn dpkg(&self, words: &[&str]) -> String {
        let mut command = Command::new("dpkg");
        command.arg("--root").arg(self.folder.path());
        command.args(["--force-not-root", "--force-script-chrootless", "--force-depends"]);
        command.arg("--force-confdef").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        text(&command.args(words).output().unwrap())
    }
}

#[test]
fn the_c_code_stops_when_it_overruns_its_memory() {
    if tool("nm", "binutils").is_none() {
        return;
    }
    let mut command = Command::new("nm");
    let symbols = text(&command.arg("--dynamic").arg(winpe_iscsi()).output().unwrap());
    for symbol in ["__stack_chk_fail", "__vfprintf_chk"] {
        assert!(
            symbols.contains(symbol),
            "no {symbol}: .cargo/config.toml has the flags; cargo clean -p wimlib-sys builds it with them"
        );
    }
}

#[test]
fn the_package_installs_runs_and_uninstalls_completely() {
    let Some(package) = package() else { return };
    let root = Root::new();
    root.dpkg(&["--install", package.to_str().unwrap()]);
    let program = root.path("usr/bin/winpe-iscsi");
    let version = text(&run(&program, ["--version"]));
    let field =
        |name: &str| text(&run(Path::new("dpkg-deb"), ["-f", package.to_str().unwrap(), name]));
    assert_eq!(version, format!("winpe-iscsi {}", field("Version")));
    assert!(field("Depends").contains("libc6 (>= "), "{}", field("Depends"));

    let installed = root.dpkg(&["--listfiles", "winpe-iscsi"]);
    for file in [
        "/etc/winpe-iscsi/winpe-iscsi.toml",
        "/usr/lib/systemd/system/winpe-iscsi.service",
        "/usr/lib/sysusers.d/winpe-iscsi.conf",
        "/usr/share/man/man1/winpe-iscsi.1.gz",
        "/usr/share/man/man1/winpe-iscsi-serve.1.gz",
        "/usr/share/bash-completion/completions/winpe-iscsi",
        "/usr/share/zsh/vendor-completions/_winpe-iscsi",
        "/usr/share/fish/vendor_completions.d/winpe-iscsi.fish",
        "/usr/share/doc/winpe-iscsi/copyright",
        "/usr/share/doc/winpe-iscsi/limits.md.gz",
        "/usr/share/doc/winpe-iscsi/config.md.gz",
    ] {
        assert!(installed.lines().any(|line| line == file), "{file}\n{installed}");
        assert!(root.path(&file[1..]).is_file(), "{file}");
    }
    if tool("systemd-sysusers", "systemd").is_some() {
        let users = fs::read_to_string(root.path("etc/passwd")).unwrap();
        assert!(users.contains("winpe-iscsi:x:"), "{users}");
    }
    let page =
        text(&run(Path::new("zcat"), [root.path("usr/share/man/man1/winpe-iscsi-serve.1.gz")]));
    assert!(page.contains("export\\-files"), "{page}");
    let completions = root.path("usr/share/bash-completion/completions/winpe-iscsi");
    assert!(run(Path::new("bash"), ["-n", completions.to_str().unwrap()]).status.success());

    // The command of the unit, with the configuration that it names.
    let config = root.path("etc/winpe-iscsi/winpe-iscsi.toml");
    let words = ["serve", "--check", "--iface", "lo", "--config", config.to_str().unwrap()];
    let checked = run(&program, words);
    assert!(matches!(checked.status.code(), Some(0 | 1)), "{checked:?}");
    assert!(String::from_utf8_lossy(&checked.stdout).contains("the disk of the machine"));

    root.dpkg(&["--purge", "winpe-iscsi"]);
    for gone in ["usr/bin/winpe-iscsi", "etc/winpe-iscsi", "usr/lib/systemd/system"] {
        assert!(!root.path(gone).exists(), "{gone}");
    }
}

#[test]
fn the_same_program_gives_the_same_package() {
    let Some(package) = package() else { return };
    let again = tempfile::tempdir().unwrap();
    assert!(fs::read(make(again.path())).unwrap() == fs::read(package).unwrap());
}

#[test]
fn lintian_finds_no_error() {
    let (Some(package), Some(lintian)) = (package(), tool("lintian", "lintian")) else { return };
    let mut command = Command::new(lintian);
    command.args(["--allow-root", "--fail-on", "error", "--no-cfg", "--tag-display-limit", "0"]);
    let output = command.arg(package).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn systemd_takes_the_unit_and_finds_it_confined() {
    let Some(analyze) = tool("systemd-analyze", "systemd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("winpe-iscsi.service");
    // It checks whether the program exists.
    let written = read("packaging/systemd/winpe-iscsi.service");
    let program = winpe_iscsi().to_str().unwrap();
    fs::write(&unit, written.replace("/usr/bin/winpe-iscsi", program)).unwrap();
    let unit = unit.to_str().unwrap();
    let output = run(&analyze, ["verify", "--man=no", unit]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    // From 0 to 10, where 10 is a service with all the rights of root.
    let output = run(&analyze, ["security", "--offline=yes", "--threshold=20", unit]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_container_file_copies_existing_files() {
    let file = read("packaging/container/Containerfile");
    let mut copied = 0;
    for line in file.lines().filter(|line| line.starts_with("COPY ")) {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let source = words[words.len() - 2];
        if !words[0].starts_with("--from") && source != "." {
            assert!(workspace().join(source).is_file(), "{line}");
            copied += 1;
        }
    }
    assert!(copied >= 1);
    // The packages that a missing tool of the server refers to.
    for package in ["ipxe", "pxelinux", "syslinux-common"] {
        assert!(file.contains(&format!(" {package} ")), "{package}");
    }
}

#[test]
fn the_example_for_kubernetes_is_valid() {
    let example = "packaging/kubernetes/proxydhcp.yaml";
    let yaml = read(example);
    // The configuration is indented below its key.
    let (_, after) = yaml.split_once("  winpe-iscsi.toml: |\n").unwrap();
    let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let config: String = lines.map(|line| format!("{}\n", line.trim_start())).collect();
    let config: Config = config.parse().unwrap_or_else(|error| panic!("{error}\n{config}"));
    assert_eq!((config.serve.mode, config.entries.len()), (Mode::Proxy, 2));
    assert!(config.serve.http_base.is_some());

    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    let found =
        folders.find_map(|it| Some(it.join("kubernetes-validate")).filter(|it| it.is_file()));
    let Some(validate) = found else {
        skip("kubernetes-validate is not installed (scripts/test installs it)");
        return;
    };
    let output = run(&validate, ["--strict", workspace().join(example).to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_manual_is_not_written_through_links() {
    let folder = tempfile::tempdir().unwrap();
    let (victim, link) = (folder.path().join("victim"), folder.path().join("to/winpe-iscsi.1"));
    std::fs::write(&victim, "old").unwrap();
    std::fs::create_dir(folder.path().join("to")).unwrap();
    std::os::unix::fs::symlink("../victim", &link).unwrap();
    let mut command = Command::new(winpe_tests::winpe_iscsi());
    let output = command.args(["manual", "to"]).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(&victim).unwrap(), b"old");
    assert!(std::fs::read_to_string(&link).unwrap().contains(".TH winpe-iscsi"));
    assert!(!link.is_symlink() && folder.path().join("to/_winpe-iscsi").is_file());
}
