//! WIMs inside ISO images made by genisoimage.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use winpe_tests::{run, tool};
use winpe_wim::{Archive, CommitError, FormatError, ImageChanges, ReadError, Target, WimError};

use crate::tools::{Bench, HIVE, hash, hive, options, path_text, put};

/// An ISO image whose `sources` hold a WIM and a solid one; in UDF or in ISO 9660.
fn iso(bench: &Bench, udf: bool) -> Option<PathBuf> {
    let genisoimage = tool("genisoimage", "genisoimage")?;
    let media = bench.folder.path().join("media");
    fs::create_dir_all(media.join("sources")).expect("folders");
    // More entries than fit into one sector of a folder.
    for number in 0..120 {
        fs::write(media.join(format!("sources/file{number:03}.txt")), "x").expect("a file");
    }
    fs::copy(&bench.wim, media.join("sources/boot.wim")).expect("a copy");
    let esd = path_text(&media.join("sources/install.esd"));
    bench.imagex(&["export", &path_text(&bench.wim), "1", &esd, "--solid"]);
    let iso = bench.folder.path().join("media.iso");
    let mut args = vec!["-quiet", "-o", iso.to_str().expect("UTF-8")];
    args.extend(if udf { &["-udf"][..] } else { &[] });
    let media = path_text(&media);
    args.push(&media);
    let made = run(&genisoimage, args);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    if udf {
        // Without the descriptors of ISO 9660, so that UDF must be read.
        let file = fs::OpenOptions::new().write(true).open(&iso).expect("own file");
        file.write_all_at(&[0; 2 * 2048], 16 * 2048).expect("within the image");
    }
    Some(iso)
}

#[test]
fn installation_media_are_read_without_unpacking() {
    for udf in [true, false] {
        let Some(bench) = Bench::capture("LZX", &[]) else { return };
        let Some(iso) = iso(&bench, udf) else { return };
        for inner in ["sources/boot.wim", r"\SOURCES\Install.esd"] {
            let wim = Archive::open_in_iso(&iso, inner).expect(inner);
            assert_eq!(wim.images()[0].name, "Windows PE");
            assert!(wim.read(1, HIVE).expect("the hive") == hive(), "{inner}, UDF {udf}");
            wim.verify(None).expect("all of it is read");
        }
    }
}

#[test]
fn a_wim_within_an_iso_is_written_only_elsewhere() {
    let Some(bench) = Bench::capture("LZX", &["--check"]) else { return };
    let Some(iso) = iso(&bench, true) else { return };
    let before = hash(&iso);
    let changes = [ImageChanges { image: 1, changes: vec![put("Windows/new.txt", b"new")] }];
    let open = || Archive::open_in_iso(&iso, "sources/boot.wim").expect("opens");
    let refused = open().commit(&changes, &Target::InPlace, options());
    assert!(matches!(refused, Err(WimError::Commit(CommitError::WithinIso { .. }))), "{refused:?}");
    let [from_iso, from_file] = ["iso.wim", "file.wim"].map(|name| bench.folder.path().join(name));
    let target = Target::File { path: from_iso.clone(), overwrite: false };
    open().commit(&changes, &target, options()).expect("a commit");
    let target = Target::File { path: from_file.clone(), overwrite: false };
    let file = Archive::open(&bench.wim).expect("opens");
    file.commit(&changes, &target, options()).expect("a commit");
    assert_eq!(hash(&from_iso), hash(&from_file), "as from the file itself");
    bench.accept(&from_iso);
    assert_eq!(hash(&iso), before);
}

#[test]
fn an_invalid_iso_or_a_missing_file_is_reported() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let refused = Archive::open_in_iso(&bench.wim, "sources/boot.wim");
    assert!(matches!(refused, Err(WimError::Format(FormatError::NotAnIso { .. }))), "{refused:?}");
    let Some(iso) = iso(&bench, true) else { return };
    for inner in ["sources/install.wim", "sources", "boot.wim", "sources/boot.wim/x"] {
        let refused = Archive::open_in_iso(&iso, inner);
        assert!(
            matches!(refused, Err(WimError::Read(ReadError::NotInIso { .. }))),
            "{inner}: {refused:?}"
        );
    }
    let refused = Archive::open_in_iso(&iso, "sources/file000.txt");
    assert!(matches!(refused, Err(WimError::Format(FormatError::NotAWim { .. }))), "{refused:?}");
    // Cut off inside the WIM, and inside the file system.
    let whole = fs::read(&iso).expect("an ISO image");
    for keep in [whole.len() / 2, 300 * 2048, 260 * 2048, 20 * 2048] {
        fs::write(&iso, &whole[..keep]).expect("a file");
        assert!(Archive::open_in_iso(&iso, "sources/boot.wim").is_err(), "{keep}");
    }
}
