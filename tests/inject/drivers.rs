//! Driver packages in the image.

use std::fs;

use winpe_inject::demo::Program;
use winpe_wim::{Arch, Archive};

use crate::golden::golden;
use crate::support::Bench;

const FOLDER: &str = r"Windows\System32\winpe-iscsi\drivers";

fn inject<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["inject", "winpe.wim", "--source", "install.wim:1"][..], more].concat()
}

const X64: Arch = Arch::Amd64;

fn program(arch: Arch) -> Vec<u8> {
    let mut program = Program::new("labnet.sys");
    program.arch = arch;
    program.build()
}

const INF: &str = r#"; A synthetic network driver.
[Version]
Signature   = "$Windows NT$"
Class       = Net
CatalogFile = Lab.cat
DriverVer   = 01/02/2024, 1.0.0.1

[Manufacturer]
%Maker% = Models, NTamd64

[Models.NTamd64]
"Lab card" = Install, PCI\VEN_1AF4&DEV_1041

[Install.NT]
CopyFiles = Files

[Files]
labnet.sys,,,2

[SourceDisksNames]
1 = "Disk"

[SourceDisksFiles]
labnet.sys = 1
labco.dll  = 1 ; a coinstaller that is not copied

[Strings]
Maker = "Lab"
"#;

fn package(bench: &Bench, dir: &str, inf: &[u8], arch: Arch) {
    bench.write(&format!("{dir}/Lab.inf"), inf);
    bench.write(&format!("{dir}/LAB.CAT"), "catalogue");
    bench.write(&format!("{dir}/LabNet.sys"), program(arch));
    bench.write(&format!("{dir}/readme.txt"), "not part of the driver");
}

#[test]
fn a_package_is_put_in_whole_and_loaded_before_the_network() {
    let utf16: Vec<u8> =
        format!("\u{feff}{INF}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bench = Bench::new();
    package(&bench, "net", INF.as_bytes(), X64);
    package(&bench, "other/net", &utf16, X64);
    let drivers = ["--driver", "net", "--driver", "other/net"];
    let report = bench.run(&inject(&drivers)).expect(0).stdout;
    let report = report.split_once("\nloads ").unwrap().1;
    golden("drivers.txt", &format!("loads {report}"));

    let archive = Archive::open(&bench.winpe).unwrap();
    for dir in ["net", "net-2"] {
        let entries = archive.read_dir(1, &format!(r"{FOLDER}\{dir}")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.name).collect();
        names.sort();
        assert_eq!(names, ["LAB.CAT", "Lab.inf", "LabNet.sys"]);
        let sys = archive.read(1, &format!(r"{FOLDER}\{dir}\LabNet.sys")).unwrap();
        assert_eq!(sys, program(X64));
    }
    bench.run(&inject(&[&drivers[..], &["--check"]].concat())).expect(0);
}

#[test]
fn a_driver_for_other_machines_is_refused() {
    let bench = Bench::new();
    package(&bench, "net", INF.as_bytes(), Arch::X86);
    let error = bench.refused(&inject(&["--driver", "net"]));
    let says = "net/LabNet.sys is for x86, and the image is for amd64";
    assert!(error.contains(says) && error.contains("hint: "), "{error}");

    bench.write("net/LabNet.sys", "no program");
    let error = bench.refused(&inject(&["--driver", "net"]));
    assert!(error.contains("not a program or library"), "{error}");
}

#[test]
fn an_invalid_package_is_refused() {
    let bench = Bench::new();
    let refused = |says: &str| {
        let error = bench.refused(&inject(&["--driver", "net"]));
        assert!(error.contains(says), "{error}");
    };
    refused("net: No such file");
    bench.write("net/readme.txt", "nothing here");
    refused("net has no .inf file");
    bench.write("net/Lab.inf", "[Version]\nClass = Net\n");
    refused("Lab.inf is not an INF");
    bench.write("net/Lab.inf", INF);
    let many: String = (0..5000).map(|number| format!("{number}.sys = 1\n")).collect();
    bench.write("net/Lab.inf", INF.replace("labnet.sys = 1", &many));
    bench.write("net/Lab.cat", "catalogue");
    refused("names 4097 files or more: expected at most 4096");
    fs::remove_file(bench.path("net/Lab.cat")).unwrap();
    bench.write("net/Lab.inf", INF);
    refused("Lab.inf needs files that are not in the package: Lab.cat, labnet.sys");
    package(&bench, "net", INF.replace("labnet.sys = 1", r"labnet.sys = 1,..\..").as_bytes(), X64);
    refused("is not the name of a file in the package");
    package(&bench, "net", INF.replace("Lab.cat", r"..\chap").as_bytes(), X64);
    refused("is not the name of a file in the package");
}

#[test]
fn an_unsigned_driver_gives_a_warning() {
    let bench = Bench::new();
    package(&bench, "net", INF.replace("CatalogFile", ";").as_bytes(), X64);
    fs::remove_file(bench.path("net/LAB.CAT")).unwrap();
    let run = bench.run(&inject(&["--driver", "net", "--dry-run"])).expect(0);
    assert!(run.stderr.contains("no catalogue signs this driver"), "{}", run.stderr);
}

/// A package comes from a vendor, or from an unknown source; its content goes into the image.
#[test]
fn links_lead_to_no_file_outside_the_package() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    package(&bench, "net", INF.as_bytes(), X64);
    package(&bench, "other", INF.as_bytes(), X64);
    let at = |path: &str| bench.dir.path().join(path);
    for (name, target) in [
        ("net/LabNet.sys", "../other/LabNet.sys"),
        ("net/LAB.CAT", "../other/LAB.CAT"),
        ("net/Lab.inf", "../other/Lab.inf"),
    ] {
        let kept = std::fs::read(at(name)).unwrap();
        std::fs::remove_file(at(name)).unwrap();
        symlink(target, at(name)).unwrap();
        let error = bench.refused(&inject(&["--driver", "net"]));
        assert!(error.contains(&format!("{name} leads out of net\nhint: ")), "{error}");
        std::fs::remove_file(at(name)).unwrap();
        // A link that stays in the package is followed.
        std::fs::write(at("net/kept"), kept).unwrap();
        symlink("kept", at(name)).unwrap();
        bench.run(&inject(&["--driver", "net", "--dry-run"])).expect(0);
        std::fs::remove_file(at(name)).unwrap();
        std::fs::rename(at("net/kept"), at(name)).unwrap();
    }
}
