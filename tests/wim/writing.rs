//! Creation of new WIMs.

use winpe_wim::{
    Arch, Archive, CommitError, Compression, ImageSelector, NewImage, ReadError, Version, WimError,
    create,
};

use crate::tools::{Bench, hash, hive, time};

const ALL: [Compression; 4] =
    [Compression::None, Compression::Xpress, Compression::Lzx, Compression::Lzms];

/// `O:BAG:BAD:(A;;FA;;;SY)`, self-relative.
fn security() -> Vec<u8> {
    let administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
    let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let mut bytes = vec![1, 0, 4, 0x80, 48, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
    bytes.extend([2, 0, 28, 0, 1, 0, 0, 0, 0, 0, 20, 0, 0xff, 1, 0x1f, 0]);
    bytes.extend(system);
    bytes.extend(administrators);
    bytes.extend(administrators);
    bytes
}

fn image(name: &str) -> NewImage {
    let mut image = NewImage::new(name);
    image.description = "Made & <tested>".to_owned();
    image.time = Some(time());
    image.arch = Some(Arch::Amd64);
    image.version = Some(Version { major: 10, minor: 0, build: 22621, service_pack_build: 525 });
    image.languages = vec!["en-US".to_owned()];
    image.security = Some(security());
    image.dirs.push("Empty".to_owned());
    image.files.push(("Windows/System32/config/SYSTEM".to_owned(), hive()));
    image.files.push(("Windows/empty.txt".to_owned(), Vec::new()));
    image.files.push(("Windows/copy of SYSTEM".to_owned(), hive()));
    image
}

#[test]
fn other_tools_accept_created_wims() {
    for compression in ALL {
        let Some(bench) = Bench::empty() else { return };
        let mut second = image("Setup");
        second.boot = true;
        create(&bench.wim, compression, &[image("PE"), second]).expect("a new WIM");
        bench.accept(&bench.wim);
        let info = bench.imagex(&["info", bench.wim.to_str().expect("UTF-8")]);
        for line in ["Boot Index:     2", "Image Count:    2"] {
            assert!(info.contains(line), "{compression}: {info}");
        }
        for text in ["Made & <tested>", "x86_64", "22621"] {
            assert!(info.contains(text), "{compression}: {text} in {info}");
        }
        let applied = bench.apply(&bench.wim, 2);
        let system = std::fs::read(applied.join("Windows/System32/config/SYSTEM"));
        assert!(system.expect("applied") == hive(), "{compression}");
        assert!(applied.join("Empty").is_dir(), "{compression}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = ["1.wim", "2.wim"].map(|name| folder.path().join(name));
    for path in [&one, &two] {
        create(path, Compression::Lzx, &[image("PE")]).expect("a new WIM");
    }
    assert_eq!(hash(&one), hash(&two));
}

#[test]
fn created_wims_are_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.wim");
    create(&path, Compression::Lzx, &[image("PE")]).expect("a new WIM");
    let wim = Archive::open(&path).expect("own WIM");
    assert_eq!(wim.select(&ImageSelector::Boot).expect("the only image"), 1);
    assert_eq!(wim.select(&ImageSelector::Name("PE".into())).expect("by name"), 1);
    assert!(wim.read(1, r"\windows\SYSTEM32\Config\system").expect("a file") == hive());
    assert_eq!(wim.read(1, "windows/empty.txt").expect("a file"), b"");
    let entry = wim.entry(1, "WINDOWS").expect("metadata").expect("a folder");
    assert_eq!((entry.path.to_string().as_str(), entry.is_dir), (r"\Windows", true));
    assert_eq!(entry.security.as_deref(), Some(&security()[..]));
    let names: Vec<_> = wim.read_dir(1, "\\").expect("the root").map(|entry| entry.name).collect();
    assert_eq!(names, ["Empty", "Windows"]);
    // Folders: root, Empty, Windows, System32, config.
    let stats = wim.images()[0].stats;
    assert_eq!((stats.dirs, stats.files), (5, 3));
    assert_eq!(stats.bytes, 2 * hive().len() as u64);
}

#[test]
fn create_never_replaces_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("there.wim");
    std::fs::write(&path, "mine").expect("a file");
    let refused = create(&path, Compression::Lzx, &[image("PE")]);
    assert!(
        matches!(refused, Err(WimError::Commit(CommitError::TargetExists { .. }))),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(&path).expect("a file"), b"mine");
    let taken = image("PE");
    let taken = NewImage {
        files: vec![("Empty/a".into(), vec![1]), ("Empty/a/b".into(), vec![1])],
        ..taken
    };
    let refused = create(&folder.path().join("bad.wim"), Compression::Lzx, &[taken]);
    assert!(matches!(refused, Err(WimError::Read(ReadError::WrongKind { .. }))), "{refused:?}");
    assert_eq!(crate::tools::listing(folder.path()), ["there.wim"], "nothing half done stays");
}
