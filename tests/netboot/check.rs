//! `serve --check`, and its findings in images.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use winpe_netboot::files::{FileRequest, FileSource};
use winpe_netboot::serve::Files;
use winpe_tests::{corpus, tool, winpe_iscsi};
use winpe_wim::{Compression, NewImage, create};

/// The output of a run: status, results, the rest.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn check(folder: &Path, words: &[&str]) -> Run {
    let mut command = Command::new(winpe_iscsi());
    command.args(["serve", "--check", "--iface", "lo"]).args(words).current_dir(folder);
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn all_errors_of_a_configuration_are_shown_each_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[serve]\nhttp-prot = 80\nhttp-port = 0\n\n[[serve.subnet]]\nnetwork = '10.0.0.0/8'\n\
                lease = 5\n\n[[entry]]\nname = 'bad name'\nlocal = true\n";
    fs::write(folder.path().join("c.toml"), text).unwrap();
    let run = check(folder.path(), &["--config", "c.toml"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    for line in [
        "error: c.toml:2:1: unknown field `http-prot`",
        "  c.toml:3:13: http-port must not be 0",
        "  c.toml:7:9: subnet 10.0.0.0/8: a lease of 5 s is below 60 s",
        "  c.toml:10:8: the name of entry \"bad name\" must be",
        "hint: did you mean http-port?",
    ] {
        assert!(run.stderr.lines().any(|it| it.starts_with(line)), "{line}\n{}", run.stderr);
    }
    // What the command line adds has no place in the file.
    fs::write(folder.path().join("c.toml"), "[serve]\ntimeout = 3\n").unwrap();
    let run = check(folder.path(), &["--config", "c.toml", "--iscsi", "http://h"]);
    let expected =
        "error: entry \"san\": \"http://h\", character 1: expected iscsi:, found \"http\"\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(2), expected));
}

/// A WIM with these files in its boot image.
pub(crate) fn wim(path: &Path, files: &[&str]) {
    let mut image = NewImage::new("Microsoft Windows PE");
    image.boot = true;
    image.files.extend(files.iter().map(|&name| (name.to_owned(), name.as_bytes().to_vec())));
    create(path, Compression::Lzx, &[image]).unwrap();
}

/// The output of coreutils' `sha256sum`.
pub(crate) fn sha256(content: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, content).unwrap();
    let output = Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// The files of Windows below `Windows/Boot`.
pub(crate) const WHOLE: &[&str] = &[
    "Windows/Boot/PXE/bootmgr.exe",
    "Windows/Boot/PXE/pxeboot.n12",
    "Windows/Boot/PXE/pxeboot.com",
    "Windows/Boot/EFI/bootmgfw.efi",
    "Windows/Boot/DVD/PCAT/BCD",
    "Windows/Boot/DVD/PCAT/boot.sdi",
];

const CLIENTS: &str = "\
serving 127.0.0.0/8 from 127.0.0.1 on lo

addresses
  none: mode = \"dhcp\", a [[serve.subnet]] or --dhcp-range FIRST,LAST gives addresses

all clients
  PXE on BIOS                   0      undionly.kpxe
  PXE on UEFI IA32              6      snponly-ia32.efi
  PXE on UEFI x64               7,9    snponly.efi
  PXE on UEFI ARM32             10,21  snponly-arm32.efi
  PXE on UEFI ARM64             11,22  snponly-arm64.efi
  HTTP Boot on UEFI IA32        15     http://127.0.0.1/snponly-ia32.efi
  HTTP Boot on UEFI x64         16,17  http://127.0.0.1/snponly.efi
  HTTP Boot on UEFI ARM32       18,23  http://127.0.0.1/snponly-arm32.efi
  HTTP Boot on UEFI ARM64       19,24  http://127.0.0.1/snponly-arm64.efi
  HTTP Boot on BIOS             20     http://127.0.0.1/undionly.kpxe
  PXE on UEFI RISC-V 64         27     snponly-riscv64.efi
  HTTP Boot on UEFI RISC-V 64   28     http://127.0.0.1/snponly-riscv64.efi
  PXE on UEFI LoongArch64       39     snponly-loong64.efi
  HTTP Boot on UEFI LoongArch64 40     http://127.0.0.1/snponly-loong64.efi
  iPXE                                 http://127.0.0.1/boot.ipxe
";

#[test]
fn what_each_client_and_each_entry_gets_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    wim(&folder.path().join("winpe.wim"), WHOLE);
    wim(&folder.path().join("bare.wim"), &["Windows/System32/winpeshl.ini"]);
    let san = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7";
    let run = check(folder.path(), &["--wim", "winpe.wim", "--wim", "bare.wim", "--iscsi", san]);
    let menu = "
menu
  winpe          winpe.wim
                 in the image: bootmgr.exe, pxeboot.n12, pxeboot.com, bootmgfw.efi, BCD, boot.sdi
  winpe2         bare.wim
                 made: BCD
  san            iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
  local          the disk of the machine
";
    let (shown, files) = run.stdout.split_once("\nfiles, and their SHA-256\n").unwrap();
    assert_eq!(shown, format!("{CLIENTS}{menu}"));
    for (name, content) in [("winpe/boot.sdi", WHOLE[5]), ("winpe/bootmgr.exe", WHOLE[0])] {
        let sha256 = sha256(content.as_bytes());
        let line = format!("  images/{name:22} {:>11} {sha256}", content.len());
        assert!(files.lines().any(|it| it == line), "{line}\n{files}");
    }
    let whole = fs::read(folder.path().join("winpe.wim")).unwrap();
    assert!(files.contains(&sha256(&whole)), "{files}");
    // No distribution has wimboot; missing files of an image are named.
    for missing in ["wimboot", "images/winpe2/boot.sdi", "images/winpe2/bootmgr.exe"] {
        let line = format!("{missing} is missing; put it into one of the folders that are served");
        assert!(run.stderr.contains(&line), "{line}\n{}", run.stderr);
    }
    assert!(!run.stderr.contains("images/winpe/"), "{}", run.stderr);
    assert!(!run.stderr.contains("hint: no IPv6 router"), "{}", run.stderr);
    assert_eq!(run.code, Some(1));
}

#[test]
fn a_wait_that_is_not_ended_is_hinted_at() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.toml"), "[serve]\nanswer-router-solicitations = false\n")
        .unwrap();
    let run = check(folder.path(), &["--config", "c.toml"]);
    let hint = "hint: no IPv6 router is known on lo; iPXE from before October 2020";
    assert!(run.stderr.contains(hint), "{}", run.stderr);
}

#[test]
fn machines_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    wim(&folder.path().join("winpe.wim"), &["Windows/Boot/PXE/bootmgr.exe"]);
    let run = check(folder.path(), &["--wim", "winpe.wim:1", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["clients"][2]["architectures"], serde_json::json!([7, 9]));
    let winpe = serde_json::json!({
        "name": "winpe",
        "boots": "winpe.wim, image 1",
        "files": [
            { "name": "bootmgr.exe", "origin": "image" },
            { "name": "BCD", "origin": "made" },
        ],
    });
    assert_eq!(report["menu"][0], winpe);
    let files = report["files"].as_array().unwrap();
    let image = files.iter().find(|file| file["name"] == "images/winpe.wim").unwrap();
    let whole = fs::read(folder.path().join("winpe.wim")).unwrap();
    assert_eq!(image["sha256"], sha256(&whole));
    assert_eq!(image["bytes"], whole.len());
    let missing = report["missing"].as_array().unwrap();
    assert!(missing.contains(&serde_json::json!({ "file": "wimboot", "package": null })));
}

#[test]
fn a_windows_disc_has_all_that_boots_it() {
    let Some(genisoimage) = tool("genisoimage", "genisoimage") else { return };
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    for name in ["bootmgr", "boot/bcd", "boot/boot.sdi", "efi/boot/bootx64.efi", "sources/x"] {
        let path = media.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    wim(&media.join("sources/boot.wim"), WHOLE);
    let words = ["-quiet", "-udf", "-o", "Windows.iso", "media"];
    let made = Command::new(genisoimage).args(words).current_dir(&folder).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    // Relative paths of a configuration are relative to its folder.
    fs::create_dir(folder.path().join("etc")).unwrap();
    let config = "[[entry]]\nname = 'setup'\nwindows = '../Windows.iso'\nindex = 1\n";
    fs::write(folder.path().join("etc/winpe-iscsi.toml"), config).unwrap();
    let run = check(folder.path(), &["--config", "etc/winpe-iscsi.toml"]);
    let menu = "
menu
  setup          sources/boot.wim of etc/../Windows.iso, image 1
                 in the image: bootmgr.exe, pxeboot.n12, pxeboot.com, bootmgfw.efi
                 on the disc: boot.wim, bootmgr, BCD, boot.sdi, bootx64.efi
";
    let (shown, files) = run.stdout.split_once("\nfiles, and their SHA-256\n").unwrap();
    assert_eq!(shown, format!("{CLIENTS}{menu}"), "{}", run.stderr);
    // A file inside the disc is hashed, not the disc.
    assert!(files.contains(&sha256(b"boot/boot.sdi")), "{files}");
    assert!(!run.stderr.contains("images/"), "{}", run.stderr);

    let run = check(folder.path(), &["--iso", "media/bootmgr"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.starts_with("error: entry \"windows\": media/bootmgr: not an ISO image"));
}

#[test]
fn real_wims_are_inspected_or_refused_with_a_reason() {
    let Some(corpus) = corpus("wim") else { return };
    let mut looked = 0;
    for path in wims(&corpus) {
        let run = check(Path::new("."), &["--json", "--wim", path.to_str().unwrap()]);
        if run.code == Some(2) {
            assert!(run.stderr.starts_with("error: entry \"winpe\": "), "{}", run.stderr);
        } else {
            let report: Value = serde_json::from_str(&run.stdout).unwrap();
            assert_eq!(report["menu"][0]["files"], bcd_alone(), "{}", path.display());
            looked += 1;
        }
    }
    assert!(looked >= 3, "{looked}");
}

#[test]
fn images_are_as_they_were_after_they_were_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("winpe.wim");
    wim(&path, WHOLE);
    let state = || (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
    let before = state();
    // Serving needs no permission to write.
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let image = path.to_str().unwrap();
    let config = format!("[[entry]]\nname = 'pe'\nwim = {image:?}").parse().unwrap();
    let files = Files::prepare(&config, [127, 0, 0, 1].into()).unwrap();
    let (client, local) = ([127, 0, 0, 1].into(), [127, 0, 0, 1].into());
    let name = "images/pe.wim".parse().unwrap();
    let request = FileRequest { path: &name, query: None, client, local };
    let file = files.source.open(&request).unwrap();
    let mut served = vec![0; before.0.len()];
    file.read_exact_at(0, &mut served).unwrap();
    assert!(served == before.0);
    assert_ne!(check(folder.path(), &["--wim", "winpe.wim"]).code, Some(2));
    assert!(state() == before);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["winpe.wim"]);
}

/// None of the WIMs of the corpus holds Windows.
fn bcd_alone() -> Value {
    serde_json::json!([{ "name": "BCD", "origin": "made" }])
}

fn wims(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => found.extend(wims(&path)),
            Some(extension) if extension == "wim" => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

#[test]
fn the_generated_bcd_matches_that_of_installation_media() {
    let Some(real) = corpus("hives/bcd/aioboot_AIO_Tools_MS_pcbios_bcd") else { return };
    let open = |bytes| winpe_hive::Hive::open(bytes).unwrap();
    let (ours, real) = (open(winpe_media::bcd()), open(fs::read(real).unwrap()));
    let loader = "{7619dcc9-fafe-11d9-b411-000476eba25f}";
    let manager = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}";
    let options = "{7619dcc8-fafe-11d9-b411-000476eba25f}";
    let mut compared = 0;
    for (object, elements) in [
        (loader, &["11000001", "12000002", "21000001", "22000002", "26000010", "26000022"][..]),
        (manager, &["23000003", "24000001", "12000004"]),
        (options, &["31000003", "32000004"]),
    ] {
        let value = |hive: &winpe_hive::Hive, key: &str, name: &str| {
            let path = format!(r"Objects\{object}\{key}").parse().unwrap();
            let key = hive.key(&path).unwrap().unwrap_or_else(|| panic!("{path:?}"));
            key.value(&winpe_registry::ValueName::new(name).unwrap()).unwrap().unwrap()
        };
        assert_eq!(value(&ours, "Description", "Type"), value(&real, "Description", "Type"));
        for element in elements {
            let key = format!(r"Elements\{element}");
            assert_eq!(value(&ours, &key, "Element"), value(&real, &key, "Element"), "{element}");
            compared += 1;
        }
    }
    assert_eq!(compared, 11);
}

/// What the server would find out only after its ports are open.
#[test]
fn users_and_certificates_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.pem"), "").unwrap();
    for (text, says) in [
        ("[serve]\nuser = 'no-such-user'\n", "user \"no-such-user\" does not exist"),
        ("[serve.tls]\ncertificate = 'absent.pem'\nkey = 'key.pem'\n", "absent.pem"),
        ("[serve.tls]\ncertificate = 'empty.pem'\nkey = 'key.pem'\n", "empty.pem"),
    ] {
        fs::write(folder.path().join("c.toml"), text).unwrap();
        let run = check(folder.path(), &["--config", "c.toml"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{text}");
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    fs::write(folder.path().join("c.toml"), "[serve]\nuser = 'root'\n").unwrap();
    let run = check(folder.path(), &["--config", "c.toml"]);
    assert_ne!(run.code, Some(2), "{}", run.stderr);
}
