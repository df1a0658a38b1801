//! Runs the scripts in another command processor: Wine's `cmd.exe`.
//!
//! Slow: it starts Wine. The commands in the scripts are replaced by `echo`, since Wine has no
//! initiator.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use winpe_san::{CHAP_AT_BOOT, Chap, Secret, chap_script};
use winpe_wim::Archive;

use crate::support::Bench;

#[test]
fn cmd_exe_runs_the_scripts() {
    if std::env::var_os("WINPE_SLOW").is_none() {
        // CI runs the slow tests in a separate group.
        if std::env::var_os("CI").is_none() {
            winpe_tests::skip("slow tests run where WINPE_SLOW is set");
        }
        return;
    }
    let Some(wine) = winpe_tests::tool("wine", "wine") else { return };
    let bench = Bench::new();
    let chap = bench.write("chap", "lab/admin\n%PATH%\"&^|!12\n");
    fs::set_permissions(chap, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    bench
        .run(&[
            "inject",
            "winpe.wim",
            "--source=install.wim",
            "--connect=iscsi:10.0.0.1::::iqn.2011-12.com.example:a",
            "--connect=iscsi:nas::3261::iqn.2011-12.com.example:b",
            "--chap-secret-file=chap",
            "--chap-at-boot",
            "--autostart",
        ])
        .expect(0);
    let archive = Archive::open(&bench.winpe).unwrap();
    let read = |name: &str| {
        let path = format!(r"Windows\System32\{name}");
        String::from_utf8(archive.read(1, &path).unwrap()).unwrap()
    };
    let folder = bench.path("run/System32/winpe-iscsi");
    fs::create_dir_all(&folder).unwrap();
    let mut connect = read(r"winpe-iscsi\connect.cmd");
    for program in ["wpeutil ", "net start", "iscsicli "] {
        connect = connect.replace(program, &format!("echo {program}"));
    }
    let connect = connect.replace("echo rescan| diskpart >nul", "echo rescan");
    fs::write(folder.join("connect.cmd"), connect).unwrap();
    fs::write(folder.join("chap.cmd"), read(r"winpe-iscsi\chap.cmd")).unwrap();
    let startnet = read("startnet.cmd").replace("wpeinit", "@echo wpeinit");
    fs::write(bench.path("run/startnet.cmd"), startnet).unwrap();

    let hex: String = "%PATH%\"&^|!12".bytes().map(|byte| format!("{byte:02x}")).collect();
    let chap = format!("\"lab/admin\" \"0x{hex}\"");
    let stars = |count| ["*"; 20][..count].join(" ");
    let expected = |chap: &str| {
        [
            "wpeinit".to_owned(),
            "Starting the iSCSI initiator".to_owned(),
            "net start msiscsi".to_owned(),
            "iscsicli QAddTargetPortal 10.0.0.1".to_owned(),
            format!("iscsicli QLoginTarget iqn.2011-12.com.example:a {chap}"),
            "iscsicli AddTargetPortal nas 3261".to_owned(),
            format!(
                "iscsicli LoginTarget iqn.2011-12.com.example:b T nas 3261 {} {chap} 1 * 0",
                stars(9)
            ),
            "rescan".to_owned(),
            "done 0".to_owned(),
        ]
    };
    assert_eq!(run(&wine, &bench.path("run")), expected(&chap), "the image's secret");

    // The file that a boot server adds for this machine.
    let own = Chap::new("pc1", Secret::new("secret & of pc1")).unwrap();
    fs::write(bench.path("run/System32").join(CHAP_AT_BOOT), chap_script(&own)).unwrap();
    let hex: String = "secret & of pc1".bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(run(&wine, &bench.path("run")), expected(&format!("\"pc1\" \"0x{hex}\"")));
}

/// The output of `startnet.cmd`, run in a separate prefix.
fn run(wine: &Path, dir: &Path) -> Vec<String> {
    let script = "@set SystemRoot=%CD%\r\n@call startnet.cmd\r\n@echo done %ERRORLEVEL%\r\n";
    fs::write(dir.join("main.cmd"), script).unwrap();
    let output = Command::new(wine)
        .args(["cmd", "/c", "main.cmd"])
        .current_dir(dir)
        .env("WINEPREFIX", dir.join("prefix"))
        .env("WINEDEBUG", "-all")
        .env("DISPLAY", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().map(|line| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}
