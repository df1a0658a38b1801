//! Trees and archives of driver packages, and packages for several systems.

use std::fs;
use std::path::Path;

use winpe_inject::demo::Program;
use winpe_wim::{Arch, Archive};

use crate::golden::golden;
use crate::support::Bench;

const FOLDER: &str = r"Windows\System32\winpe-iscsi\drivers";

fn inject<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["inject", "winpe.wim", "--source", "install.wim:1"][..], more].concat()
}

fn sys(arch: Arch) -> Vec<u8> {
    let mut program = Program::new("lab.sys");
    program.arch = arch;
    program.build()
}

/// An INF whose models have a decoration, and whose driver is `NAME.sys`.
fn inf(name: &str, decoration: &str) -> String {
    format!(
        "[Version]\nSignature=\"$Windows NT$\"\nClass=Net\nCatalogFile={name}.cat\n\
         DriverVer=01/02/2024,1.0\n[Manufacturer]\n%Maker%=Lab,{decoration}\n\
         [Lab.{decoration}]\n\"Card\"=Install,PCI\\VEN_1AF4&DEV_1041,%Old%\n\
         [Install]\nCopyFiles=@{name}.sys\n[Install.Services]\nAddService={name},2,Service\n\
         [Service]\nServiceBinary=%12%\\{name}.sys\n[SourceDisksNames]\n1=Disk\n\
         [SourceDisksFiles]\n{name}.sys=1\n[Strings]\nMaker=Lab\nOld=\"PCI\\VEN_1AF4&DEV_1000\"\n"
    )
}

fn package(bench: &Bench, dir: &str, name: &str, decoration: &str, arch: Arch) {
    bench.write(&format!("{dir}/{name}.inf"), inf(name, decoration));
    bench.write(&format!("{dir}/{name}.cat"), "catalogue");
    bench.write(&format!("{dir}/{name}.sys"), sys(arch));
}

/// A pack as a vendor has it: for several systems, with a package that lacks a file.
fn tree(bench: &Bench) {
    package(bench, "pack/NetKVM/w10/amd64", "netkvm", "NTamd64.10.0", Arch::Amd64);
    package(bench, "pack/NetKVM/w7/amd64", "netkvm", "NTamd64", Arch::Amd64);
    package(bench, "pack/NetKVM/w7/x86", "netkvm", "NTx86", Arch::X86);
    package(bench, "pack/wrong/amd64", "old", "NTamd64", Arch::X86);
    package(bench, "pack/plain", "plain", "NT", Arch::X86);
    package(bench, "pack/broken", "broken", "NTamd64", Arch::Amd64);
    fs::remove_file(bench.path("pack/broken/broken.sys")).unwrap();
    bench.write("pack/readme.txt", "nothing here");
}

/// The report from the first driver on, without the files before.
fn of_drivers(report: &str) -> String {
    format!("loads {}", report.split_once("\nloads ").expect("drivers").1)
}

/// The paths of all files in the folder of the drivers.
fn put_in(wim: &Path) -> Vec<String> {
    let archive = Archive::open(wim).unwrap();
    let mut files = Vec::new();
    for package in archive.read_dir(1, FOLDER).unwrap() {
        let folder = format!(r"{FOLDER}\{}", package.name);
        let entries = archive.read_dir(1, &folder).unwrap();
        files.extend(entries.map(|entry| format!("{}/{}", package.name, entry.name)));
    }
    files.sort();
    files
}

#[test]
fn a_tree_gives_the_packages_that_fit() {
    let bench = Bench::new();
    tree(&bench);
    let run = bench.run(&inject(&["--driver", "pack"])).expect(0);
    golden("driver-tree.txt", &of_drivers(&run.stdout));
    let warning =
        "broken.inf needs files that are not in the package: broken.sys; this driver is skipped";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert_eq!(run.stderr.matches("skipped").count(), 1, "{}", run.stderr);
    let name = "NetKVM-w7-amd64";
    let files = ["cat", "inf", "sys"].map(|extension| format!("{name}/netkvm.{extension}"));
    assert_eq!(put_in(&bench.winpe), files);
    let error = bench.refused(&inject(&["--driver", "pack", "--strict-drivers"]));
    assert!(error.contains("broken.inf needs files"), "{error}");
    bench.write("lab.toml", "[inject]\nwim='winpe.wim'\ndriver=['pack']\nstrict-drivers=true\n");
    let error = bench.refused(&["inject", "--recipe", "lab.toml"]);
    assert!(error.contains("broken.inf needs files"), "{error}");

    // What a user names must be usable.
    let error = bench.refused(&inject(&["--driver", "pack/NetKVM/w7/x86"]));
    assert!(
        error.contains("netkvm.inf is for ntx86, and the image is amd64, build 7601"),
        "{error}"
    );
    fs::remove_dir_all(bench.path("pack/NetKVM/w7/amd64")).unwrap();
    let error = bench.refused(&inject(&["--driver", "pack"]));
    assert!(error.contains("pack has no driver package for the image: "), "{error}");
    let error = bench.refused(&inject(&["--strict-drivers"]));
    assert!(error.contains("--strict-drivers is about drivers"), "{error}");
}

#[test]
fn a_zip_or_cab_is_a_tree() {
    let bench = Bench::new();
    tree(&bench);
    bench.run(&inject(&["--driver", "pack", "-o", "tree.wim"])).expect(0);
    if winpe_tests::tool("python3", "python3").is_some() {
        let script = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
        let (to, from) = (bench.path("lab"), bench.path("pack"));
        let words = ["-c", script, to.to_str().unwrap(), from.to_str().unwrap()];
        assert!(std::process::Command::new("python3").args(words).status().unwrap().success());
        bench.run(&inject(&["--driver", "lab.zip", "-o", "zip.wim"])).expect(0);
        assert_eq!(put_in(&bench.path("zip.wim")), put_in(&bench.path("tree.wim")));
    }
    cabinet(&bench, "lab.cab", "pack");
    let run = bench.run(&inject(&["--driver", "lab.cab", "-o", "cab.wim"])).expect(0);
    assert!(run.stdout.contains("\nskipped: lab.cab/NetKVM/w7/x86/netkvm.inf is for ntx86"));
    assert_eq!(put_in(&bench.path("cab.wim")), put_in(&bench.path("tree.wim")));
    let path = format!(r"{FOLDER}\NetKVM-w7-amd64\netkvm.sys");
    for wim in ["tree.wim", "cab.wim"] {
        let archive = Archive::open(&bench.path(wim)).unwrap();
        assert_eq!(archive.read(1, &path).unwrap(), sys(Arch::Amd64), "{wim}");
    }
    let error = bench.refused(&inject(&["--driver", "lab.cab", "--strict-drivers"]));
    assert!(error.contains("lab.cab/broken/broken.inf needs files"), "{error}");
}

/// The files of a folder as a cabinet, written by the crate `cab`.
fn cabinet(bench: &Bench, to: &str, from: &str) {
    use std::io::Write;
    fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let from = bench.path(from);
    let mut paths = Vec::new();
    files(&from, &mut paths);
    paths.sort();
    let mut builder = cab::CabinetBuilder::new();
    let folder = builder.add_folder(cab::CompressionType::MsZip);
    for path in &paths {
        let name = path.strip_prefix(&from).unwrap().to_str().unwrap().replace('/', "\\");
        folder.add_file(name);
    }
    let mut writer = builder.build(fs::File::create(bench.path(to)).unwrap()).unwrap();
    let mut paths = paths.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(&fs::read(paths.next().unwrap()).unwrap()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_package_for_two_processors_needs_the_files_of_one() {
    let both = "[Version]\nSignature=\"$Windows NT$\"\nClass=Net\nCatalogFile=lab.cat\n\
         [Manufacturer]\n%Maker%=Lab,NTx86,NTamd64\n[Lab.NTx86]\nx=Lab_x86,PCI\\a\n\
         [Lab.NTamd64]\nx=Lab_x64,PCI\\a\n[Lab_x86]\nCopyFiles=@lab32.sys\n\
         [Lab_x64]\nCopyFiles=@lab64.sys\n[SourceDisksNames]\n1=Disk\n\
         [SourceDisksFiles]\nlab32.sys=1\nlab64.sys=1\n[Strings]\nMaker=Lab\n";
    let bench = Bench::new();
    bench.write("net/lab.inf", both);
    bench.write("net/lab.cat", "catalogue");
    bench.write("net/lab32.sys", sys(Arch::X86));
    bench.write("net/lab64.sys", sys(Arch::Amd64));
    bench.run(&inject(&["--driver", "net", "-o", "both.wim"])).expect(0);
    fs::remove_file(bench.path("net/lab32.sys")).unwrap();
    bench.run(&inject(&["--driver", "net", "-o", "one.wim"])).expect(0);
    for wim in ["both.wim", "one.wim"] {
        let files = ["net/lab.cat", "net/lab.inf", "net/lab64.sys"];
        assert_eq!(put_in(&bench.path(wim)), files, "{wim}");
    }
}

#[test]
fn of_several_infs_those_for_other_systems_are_skipped() {
    let bench = Bench::new();
    package(&bench, "net", "lab32", "NTx86", Arch::X86);
    package(&bench, "net", "lab64", "NTamd64", Arch::Amd64);
    // Nothing but its program says for which processor this one is.
    package(&bench, "net", "wrong", "NTamd64", Arch::X86);
    let run = bench.run(&inject(&["--driver", "net"])).expect(0);
    let skipped: Vec<_> = run.stdout.lines().filter(|line| line.starts_with("skipped")).collect();
    assert_eq!(
        skipped,
        [
            "skipped: net/lab32.inf is for ntx86, and the image is amd64, build 7601",
            "skipped: net/wrong.sys is for x86, and the image is for amd64",
        ]
    );
    assert_eq!(put_in(&bench.winpe), ["net/lab64.cat", "net/lab64.inf", "net/lab64.sys"]);
    // They are one package, which a user named: what is broken is an error.
    fs::remove_file(bench.path("net/lab64.cat")).unwrap();
    let error = bench.refused(&inject(&["--driver", "net"]));
    assert!(
        error.contains("lab64.inf needs files that are not in the package: lab64.cat"),
        "{error}"
    );
}

#[test]
fn an_inf_gives_the_package_of_that_inf_alone() {
    let bench = Bench::new();
    package(&bench, "net", "one", "NTamd64", Arch::Amd64);
    package(&bench, "net", "two", "NTamd64", Arch::Amd64);
    bench.run(&inject(&["--driver", "net/two.inf"])).expect(0);
    assert_eq!(put_in(&bench.winpe), ["net/two.cat", "net/two.inf", "net/two.sys"]);
    bench.write("net/setup.exe", sys(Arch::Amd64));
    let error = bench.refused(&inject(&["--driver", "net/setup.exe"]));
    let says =
        "net/setup.exe is neither a folder, an .inf file, a .zip nor a .cab file\nhint: unpack it";
    assert!(error.contains(says), "{error}");
}

#[test]
fn the_program_of_a_service_must_be_there() {
    let bench = Bench::new();
    package(&bench, "net", "lab", "NTamd64", Arch::Amd64);
    let text = inf("lab", "NTamd64");
    bench.write("net/lab.inf", text.replace(r"%12%\lab.sys", r"%12%\other.sys"));
    let error = bench.refused(&inject(&["--driver", "net"]));
    let says =
        r"adds a service with the program %12%\other.sys: expected other.sys in the package or";
    assert!(error.contains(says), "{error}");
    // A driver of Windows itself.
    let ours = bench.write("other.sys", sys(Arch::Amd64));
    let place = r"winpe.wim:Windows\System32\drivers\other.sys";
    bench.run(&["wim", "cp", ours.to_str().unwrap(), place]).expect(0);
    bench.run(&inject(&["--driver", "net"])).expect(0);
}

#[test]
fn names_are_those_of_windows_and_of_a_script() {
    let bench = Bench::new();
    package(&bench, "net", "lab", "NTamd64", Arch::Amd64);
    for other in ["net/LAB.inf", "net/Lab.SYS", "net/LAB.cat"] {
        bench.write(other, inf("lab", "NTamd64"));
        let error = bench.refused(&inject(&["--driver", "net"]));
        assert!(error.contains("have the same name in Windows"), "{error}");
        fs::remove_file(bench.path(other)).unwrap();
    }
    fs::rename(bench.path("net/lab.inf"), bench.path("net/läb.inf")).unwrap();
    let error = bench.refused(&inject(&["--driver", "net"]));
    assert!(error.contains("net/läb.inf: expected an .inf file whose name is ASCII"), "{error}");
    assert!(error.contains("hint: give the .inf file another name"), "{error}");
}

#[test]
fn info_lists_the_drivers_and_their_devices() {
    let bench = Bench::new();
    let none = bench.run(&["info", "winpe.wim", "--json"]).expect(0).stdout;
    let drivers = |json: &str| {
        let info: serde_json::Value = serde_json::from_str(json).unwrap();
        info["images"][0]["drivers"].clone()
    };
    assert_eq!(drivers(&none), serde_json::json!([]));
    package(&bench, "net", "lab", "NTamd64", Arch::Amd64);
    bench.run(&inject(&["--driver", "net"])).expect(0);
    let inf = format!(r"{FOLDER}\net\lab.inf");
    let json = bench.run(&["info", "winpe.wim", "--json"]).expect(0).stdout;
    assert_eq!(
        drivers(&json),
        serde_json::json!([{
            "inf": inf, "loaded": true, "class": "Net", "version": "01/02/2024,1.0",
            "hardware_ids": [r"PCI\VEN_1AF4&DEV_1041", r"PCI\VEN_1AF4&DEV_1000"],
        }])
    );
    let text = bench.run(&["info", "winpe.wim"]).expect(0).stdout;
    let says = format!("drivers       {inf} (Net, 01/02/2024,1.0)\n");
    assert!(text.contains(&says), "{text}");
    assert!(text.contains("                  PCI\\VEN_1AF4&DEV_1000\n"), "{text}");

    // A script that names what is not there, and a file that nothing loads any more.
    let early = "drvload \"%~dp0drivers\\net\\gone.inf\"\r\n";
    let early = bench.write("early.cmd", early);
    let place = r"winpe.wim:Windows\System32\winpe-iscsi\early.cmd";
    bench.run(&["wim", "cp", "--force", early.to_str().unwrap(), place]).expect(0);
    let json = bench.run(&["info", "winpe.wim", "--json"]).expect(0).stdout;
    let found = drivers(&json);
    assert_eq!(found[0]["problem"], "the image does not have it");
    assert_eq!((&found[1]["inf"], &found[1]["loaded"]), (&inf.into(), &false.into()));
}

#[test]
fn links_within_a_tree_make_no_loop_and_lead_to_nothing_outside() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    package(&bench, "pack/a/b", "lab", "NTamd64", Arch::Amd64);
    package(&bench, "other", "other", "NTamd64", Arch::Amd64);
    symlink("..", bench.path("pack/a/up")).unwrap();
    symlink("a/b", bench.path("pack/again")).unwrap();
    symlink("nowhere", bench.path("pack/dangling")).unwrap();
    bench.run(&inject(&["--driver", "pack", "-o", "out.wim"])).expect(0);
    assert_eq!(put_in(&bench.path("out.wim")), ["a-b/lab.cat", "a-b/lab.inf", "a-b/lab.sys"]);
    symlink("../other", bench.path("pack/out")).unwrap();
    let error = bench.refused(&inject(&["--driver", "pack"]));
    assert!(error.contains("pack/out leads out of pack"), "{error}");
    fs::remove_file(bench.path("pack/out")).unwrap();
    fs::remove_file(bench.path("pack/a/b/lab.sys")).unwrap();
    symlink("../../../other/other.sys", bench.path("pack/a/b/lab.sys")).unwrap();
    let error = bench.refused(&inject(&["--driver", "pack"]));
    assert!(error.contains("pack/a/b/lab.sys leads out of pack"), "{error}");
    package(&bench, &format!("deep/{}x", "d/".repeat(16)), "lab", "NTamd64", Arch::Amd64);
    let error = bench.refused(&inject(&["--driver", "deep"]));
    assert!(error.contains("deep has more than 16 levels of folders"), "{error}");
}

#[test]
fn an_archive_without_a_package_is_an_error() {
    let bench = Bench::new();
    for (name, content, says) in [
        ("a.zip", &b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], "a.zip has no .inf file"),
        ("b.zip", b"PK\x03\x04 and no more", "b.zip: "),
        ("c.cab", b"MSCF", "c.cab: "),
        ("d.cab", b"no cabinet", "d.cab is neither a folder, an .inf file, a .zip nor a .cab file"),
    ] {
        bench.write(name, content);
        let error = bench.refused(&inject(&["--driver", name]));
        assert!(error.contains(says) && error.contains("\nhint: "), "{name}: {error}");
    }
}
