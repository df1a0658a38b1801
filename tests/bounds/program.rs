//! The seeds that are passed to the program, in one process for each command.

use std::fs;
use std::path::Path;
use std::time::Duration;

use winpe_wim::{Archive, CommitOptions, Compression, Content, FileChange, ImageChanges, Target};

use crate::meter::{self, Taken};
use crate::random::Random;
use crate::{BUDGET, discs, hives, seeds, texts, wim};

const MIB: u64 = 1 << 20;

/// Generates the input of each seed in a separate folder, and runs each command there; `slow` is
/// the number of seeds in the slow group.
fn each_seed(slow: u64, make: impl Fn(u64, &mut Random, &Path), commands: &[&[&str]]) {
    let mut unbounded = Vec::new();
    for seed in seeds(slow, 2) {
        let folder = tempfile::tempdir().expect("a folder");
        make(seed, &mut Random::new(seed), folder.path());
        for command in commands {
            let taken = meter::run(folder.path(), command);
            show(seed, command, taken);
            assert!((0..=2).contains(&taken.status), "seed {seed}: {command:?}: {taken:?}");
            if !taken.is_bounded(command) {
                unbounded.push(format!("seed {seed}: {command:?}: {taken:?}"));
            }
            // Output of a command must not become input of the next.
            let out = folder.path().join("out");
            let _ = fs::remove_dir_all(&out).or_else(|_| fs::remove_file(&out));
        }
    }
    assert!(unbounded.is_empty(), "{}", unbounded.join("\n"));
}

/// Prints a line for each run if `WINPE_BOUNDS_SHOW` is set, for measurements.
fn show(seed: u64, command: &[&str], taken: Taken) {
    if std::env::var_os("WINPE_BOUNDS_SHOW").is_some() {
        let Taken { status, memory, time } = taken;
        eprintln!("{seed:3} {status:2} {:5} MiB {time:9.3?} {}", memory / MIB, command.join(" "));
    }
}

const WIM: &[&[&str]] = &[
    &["info", "a.wim"],
    &["wim", "ls", "-R", "a.wim"],
    &["wim", "ls", "-l", "-R", "--json", "a.wim"],
    &["wim", "cp", "a.wim:1:/", "out"],
    &["wim", "verify", "a.wim"],
    &["verify", "a.wim"],
    &["inject", "a.wim", "--dry-run"],
    &["remove", "a.wim", "--dry-run"],
    &["inject", "winpe.wim", "--source", "a.wim", "--dry-run"],
    &["hive", "info", "a.wim:SYSTEM"],
    &["serve", "--check", "--wim", "a.wim"],
];

/// The demo's images, which are sound.
fn demo(folder: &Path) {
    winpe_inject::demo::create(folder).expect("the demo");
}

#[test]
fn metadata() {
    let make = |seed: u64, random: &mut Random, folder: &Path| {
        demo(folder);
        let kind = wim::KINDS[usize::try_from(seed).expect("small") % wim::KINDS.len()];
        let path = folder.join("a.wim");
        // Of the maximum size: content that compresses to less than 1 MiB.
        wim::write(&path, &wim::metadata(kind, random, 8_300_000), Compression::Lzx);
        let size = fs::metadata(&path).expect("the WIM").len();
        assert!(size < MIB, "{kind}: {size}");
    };
    each_seed(6, make, WIM);
}

/// Files whose order by name alternates between the chunks of solid data. In that order each file
/// requires its chunk of 16 MiB to be decompressed again.
#[test]
fn solid() {
    let Some(imagex) = winpe_tests::tool("wimlib-imagex", "wimtools") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (tree, esd) = (folder.path().join("tree"), folder.path().join("a.esd"));
    fs::create_dir(&tree).expect("a folder");
    for number in 0..1500 {
        // wimlib stores the data of files in the order of their extensions.
        for extension in ["a", "b"] {
            let name = format!("{number}.{extension}");
            let data = name.clone() + &"x".repeat(12_000);
            fs::write(tree.join(name), data).expect("a file");
        }
    }
    let paths = [&tree, &esd].map(|path| path.to_str().expect("UTF-8"));
    let chunks = ["--solid", "--solid-chunk-size=16M", "--no-acls"];
    let captured = winpe_tests::run(&imagex, [&["capture"], &paths[..], &chunks].concat());
    assert!(captured.status.success(), "{captured:?}");
    assert!(fs::metadata(&esd).expect("the WIM").len() < MIB);
    let command = ["wim", "cp", "a.esd:1:/", "out"];
    let taken = meter::run(folder.path(), &command);
    show(0, &command, taken);
    assert_eq!(taken.status, 0);
    assert!(taken.memory <= meter::MOST_MEMORY, "{taken:?}");
    // This also shows in a test build, whose codec is optimized: in the order of names it takes 9
    // s.
    assert!(taken.time < Duration::from_secs(5), "{taken:?}");
}

#[test]
fn xml() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        let path = folder.join("a.wim");
        wim::write(&path, &wim::metadata("deep", &mut Random::new(1), 2000), Compression::None);
        wim::replace_xml(&path, &wim::xml(random, BUDGET / 2 - 5000));
    };
    each_seed(20, make, &WIM[..8]);
}

/// Files of a WinPE that the program reads, filled with data that compresses well.
#[test]
fn files_of_an_image() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        let wim = folder.join("a.wim");
        fs::rename(folder.join("winpe.wim"), &wim).expect("a WIM");
        let path = random.pick(&[
            r"Windows\System32\startnet.cmd",
            r"Windows\System32\winpeshl.ini",
            r"Windows\System32\config\SYSTEM",
            r"Windows\System32\config\SOFTWARE",
            r"Windows\System32\winpe-iscsi\record.json",
            r"Windows\System32\winload.exe",
        ]);
        let size = random.size(1, 9_000_000);
        let data = match random.below(5) {
            0 => vec![b'\n'; size],
            1 => b"[LaunchApps]\r\nx,y\r\n".repeat(size / 19),
            2 => b"{\"a\":[[{".repeat(size / 8),
            3 => vec![0; size],
            _ => hives::hive(random, size.clamp(20_000, 4_000_000)),
        };
        let change = FileChange::Put { path: path.to_owned(), content: Content::Bytes(data) };
        let changes = [ImageChanges { image: 1, changes: vec![change] }];
        let archive = Archive::open(&wim).expect("a WIM");
        archive.commit(&changes, &Target::InPlace, CommitOptions::default()).expect("a commit");
        fs::copy(folder.join("install.wim"), folder.join("winpe.wim")).expect("a WIM");
    };
    each_seed(10, make, WIM);
}

/// With a source, since drivers are read after the files of the profile.
const DRIVER: &[&str] =
    &["inject", "winpe.wim", "--source", "install.wim", "--driver", "driver", "--dry-run"];

#[test]
fn inf() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        fs::create_dir(folder.join("driver")).expect("a folder");
        fs::write(folder.join("driver/a.inf"), texts::inf(random, BUDGET)).expect("an INF");
    };
    each_seed(20, make, &[DRIVER]);
}

/// Archives of drivers that are full of zeros, and those that are full of empty files.
#[test]
fn archives_of_drivers() {
    let make = |seed: u64, random: &mut Random, folder: &Path| {
        demo(folder);
        let path = folder.join("driver");
        let zeros = seed.is_multiple_of(2);
        let count = if zeros { random.size(1, 5) } else { 2000 };
        let data = if zeros { vec![0; 40 << 20] } else { vec![] };
        let mut builder = cab::CabinetBuilder::new();
        let cabinet = builder.add_folder(cab::CompressionType::MsZip);
        for number in 0..count {
            let deep = "d\\".repeat(random.size(1, 14));
            cabinet.add_file(format!("{number}\\{deep}{number}.inf"));
        }
        let mut writer = builder.build(fs::File::create(path).expect("a file")).expect("a cabinet");
        while let Some(mut file) = writer.next_file().expect("a cabinet") {
            std::io::Write::write_all(&mut file, &data).expect("a cabinet");
        }
        let size = writer.finish().expect("a cabinet").metadata().expect("a file").len();
        assert!(size < MIB, "{size}");
    };
    each_seed(4, make, &[DRIVER]);
}

/// An image with one large INF under many names, all of which are loaded.
#[test]
fn drivers_of_an_image() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        let wim = folder.join("a.wim");
        fs::rename(folder.join("winpe.wim"), &wim).expect("a WIM");
        let data = texts::inf(random, 4 << 20);
        let ours = r"Windows\System32\winpe-iscsi";
        let script: String = (0..2000)
            .map(|number| format!("drvload \"%~dp0drivers\\a\\{number}.inf\"\r\n"))
            .collect();
        let put =
            |path: String, data: Vec<u8>| FileChange::Put { path, content: Content::Bytes(data) };
        let infs =
            (0..20).map(|number| put(format!(r"{ours}\drivers\a\{number}.inf"), data.clone()));
        let changes =
            infs.chain([put(format!(r"{ours}\early.cmd"), script.into_bytes())]).collect();
        let changes = [ImageChanges { image: 1, changes }];
        let archive = Archive::open(&wim).expect("a WIM");
        archive.commit(&changes, &Target::InPlace, CommitOptions::default()).expect("a commit");
    };
    each_seed(10, make, &[&["info", "a.wim"], &["info", "--json", "a.wim"]]);
}

#[test]
fn reg() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        fs::write(folder.join("a.reg"), texts::reg(random, BUDGET)).expect("a text");
        fs::write(folder.join("b.reg"), texts::reg(random, BUDGET)).expect("a text");
    };
    let commands: &[&[&str]] = &[
        &["reg", "check", "a.reg"],
        &["reg", "diff", "a.reg", "b.reg"],
        &["inject", "winpe.wim", "--source", "install.wim", "--reg", "a.reg", "--dry-run"],
        &["hive", "import", "winpe.wim:SOFTWARE", "a.reg", "--dry-run"],
        // The command changes the file.
        &["reg", "fmt", "a.reg"],
    ];
    each_seed(10, make, commands);
}

/// A record of many values of one key, as large as one is written into a small image.
#[test]
fn record() {
    let make = |_, _: &mut Random, folder: &Path| {
        demo(folder);
        let line = |number: usize| format!("\"{number:06}\"=dword:0\n");
        let values: String = (0..20_500).map(line).collect();
        let text = format!("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\k]\n{values}");
        fs::write(folder.join("a.reg"), text).expect("a text");
        let words = ["inject", "winpe.wim", "--source", "install.wim", "--reg", "a.reg"];
        assert_eq!(meter::run(folder, &words).status, 0);
        let size = fs::metadata(folder.join("winpe.wim")).expect("the WIM").len();
        assert!(size < MIB, "{size}");
    };
    let commands: &[&[&str]] = &[
        &["info", "winpe.wim"],
        &["verify", "winpe.wim"],
        &["inject", "winpe.wim", "--source", "install.wim", "--dry-run"],
        &["remove", "winpe.wim", "--dry-run"],
    ];
    each_seed(1, make, commands);
}

#[test]
fn hive() {
    let make = |_, random: &mut Random, folder: &Path| {
        for name in ["a", "b"] {
            fs::write(folder.join(name), hives::hive(random, BUDGET)).expect("a hive");
        }
        fs::write(folder.join("c.reg"), "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\a\\new]\n")
            .expect("text");
    };
    let commands: &[&[&str]] = &[
        &["hive", "info", "a", "--lenient"],
        &["hive", "query", "a", "--lenient"],
        &["hive", "export", "a", "--lenient", "-o", "out"],
        &["hive", "find", "--lenient", "a", "(x|d)+.*v"],
        &["hive", "diff", "--lenient", "a", "b"],
        &["hive", "diff", "--lenient", "--json", "a", "b"],
        &["hive", "check", "a"],
        &["hive", "recover", "a", "-o", "out"],
        &["hive", "compact", "a", "-o", "out"],
        &["hive", "import", "a", "c.reg", "-o", "out"],
    ];
    each_seed(20, make, commands);
}

#[test]
fn disc() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        fs::write(folder.join("a.iso"), discs::iso(random, BUDGET)).expect("a disc");
    };
    let commands: &[&[&str]] = &[
        &["inject", "winpe.wim", "--source", "a.iso", "--dry-run"],
        &["serve", "--check", "--iso", "a.iso"],
    ];
    each_seed(20, make, commands);
}

#[test]
fn recipe() {
    let make = |_, random: &mut Random, folder: &Path| {
        demo(folder);
        // More is refused before it is parsed.
        let recipe = texts::recipe(random, 256 << 10);
        fs::create_dir(folder.join("profile")).expect("a folder");
        fs::write(folder.join("profile/profile.toml"), recipe.replace("inject", "file"))
            .expect("a profile");
        fs::write(folder.join("a.toml"), recipe).expect("a recipe");
    };
    let commands: &[&[&str]] = &[
        &["inject", "winpe.wim", "--recipe", "a.toml", "--dry-run"],
        &["serve", "--check", "--config", "a.toml"],
        &["inject", "winpe.wim", "--profile", "profile", "--dry-run"],
    ];
    each_seed(20, make, commands);
}
