//! Whole images, exported, imported and optimized; checked by wimlib-imagex and 7-Zip.

use std::fs;

use winpe_wim::{
    Archive, CommitError, Compression, ExportOptions, FormatError, OptimizeOptions, ReadError,
    WimError,
};

use crate::tools::{Bench, HIVE, hash, hive, inode, listing, noise, path_text, put, tree};

/// Everything that wimlib lists about an image's files, except the location of their data.
fn details(bench: &Bench, wim: &std::path::Path, image: u32) -> Vec<String> {
    const ASIDE: [&str; 5] =
        ["Reference Count", "Offset in WIM", "Compressed size", "Flags", "Solid"];
    let all = bench.details(wim, image, "/");
    let kept = |line: &&str| !ASIDE.iter().any(|aside| line.starts_with(aside));
    all.lines().filter(kept).map(str::to_owned).collect()
}

fn options<'a>(compression: Compression) -> ExportOptions<'a> {
    ExportOptions { compression: Some(compression), ..ExportOptions::default() }
}

#[test]
fn an_export_of_an_unchangeable_wim_can_be_changed() {
    for (compress, flags) in [("LZX", &["--solid"][..]), ("LZX", &["--pipable"])] {
        let Some(bench) = Bench::capture(compress, flags) else { return };
        let out = bench.folder.path().join("out.wim");
        let source = Archive::open(&bench.wim).expect("opens");
        let done = source.export(&[1], &out, false, ExportOptions::default()).expect("an export");
        assert_eq!(done.images, [1]);
        bench.accept(&out);
        assert!(details(&bench, &out, 1) == details(&bench, &bench.wim, 1), "{flags:?}");
        let copy = Archive::open(&out).expect("opens");
        assert_eq!(copy.header().compression, Compression::Lzx);
        assert_eq!(copy.header().boot_index, Some(1));
        assert_eq!(copy.images()[0].stats, source.images()[0].stats);
        assert!(copy.read(1, HIVE).expect("data") == hive());
        crate::tools::commit(&out, 1, vec![put("new", b"new")]).expect("it can be changed");
        bench.accept(&out);
    }
}

#[test]
fn a_split_wim_is_joined() {
    let Some(bench) = Bench::capture("LZX", &[]) else { return };
    let first = bench.folder.path().join("part.swm");
    bench.imagex(&["split", &path_text(&bench.wim), &path_text(&first), "0.3"]);
    assert!(bench.folder.path().join("part2.swm").exists());
    let source = Archive::open(&first).expect("opens");
    let out = bench.folder.path().join("out.wim");
    source.export(&[1], &out, false, ExportOptions::default()).expect("an export");
    bench.accept(&out);
    assert!(details(&bench, &out, 1) == details(&bench, &bench.wim, 1));
    fs::remove_file(bench.folder.path().join("part2.swm")).expect("a part");
    let source = Archive::open(&first).expect("opens");
    let missing = source.export(&[1], &out, true, ExportOptions::default());
    assert!(matches!(missing, Err(WimError::Read(ReadError::MissingData { .. }))), "{missing:?}");
    bench.accept(&out);
}

#[test]
fn every_compression_can_be_chosen() {
    let Some(bench) = Bench::capture("LZX", &["--check"]) else { return };
    let source = Archive::open(&bench.wim).expect("opens");
    let wanted = details(&bench, &bench.wim, 1);
    for compression in [Compression::None, Compression::Xpress, Compression::Lzx] {
        let out = bench.folder.path().join(format!("{compression}.wim"));
        source.export(&[1], &out, false, options(compression)).expect("an export");
        bench.accept(&out);
        assert_eq!(Archive::open(&out).expect("opens").header().compression, compression);
        assert!(details(&bench, &out, 1) == wanted);
        // A repeated export gives the same bytes.
        let first = hash(&out);
        source.export(&[1], &out, true, options(compression)).expect("an export");
        assert_eq!(hash(&out), first);
    }
}

#[test]
fn an_image_is_added_to_a_wim_and_shares_its_data() {
    let Some(bench) = Bench::capture("LZX", &["--check"]) else { return };
    let second = bench.folder.path().join("second");
    tree(&second);
    fs::write(second.join("only here.txt"), noise(50_000, 77)).expect("a file");
    let other = bench.folder.path().join("other.wim");
    let compress = "--compress=LZX";
    bench.imagex(&["capture", &path_text(&second), &path_text(&other), "Setup", compress]);
    let source = Archive::open(&other).expect("opens");
    let before = fs::metadata(&bench.wim).expect("a WIM").len();
    let first = details(&bench, &bench.wim, 1);
    let target = Archive::open(&bench.wim).expect("opens");
    let add = ExportOptions { boot: true, ..ExportOptions::default() };
    let done = target.import(&source, &[1], add).expect("an import");
    assert_eq!((done.images, done.blobs), (vec![2], 1), "all other data is there");
    bench.accept(&bench.wim);
    assert!(details(&bench, &bench.wim, 1) == first);
    assert!(details(&bench, &bench.wim, 2) == details(&bench, &other, 1));
    let wim = Archive::open(&bench.wim).expect("opens");
    assert_eq!(wim.header().boot_index, Some(2));
    assert!(wim.header().integrity);
    let grown = fs::metadata(&bench.wim).expect("a WIM").len() - before;
    assert!(grown < 80_000, "{grown}");
    // wimlib counts references when it rebuilds, and would report a wrong count.
    bench.imagex(&["optimize", &path_text(&bench.wim)]);
    let again = Archive::open(&bench.wim).expect("opens");
    let again = again.import(&source, &[1], ExportOptions::default());
    assert!(matches!(again, Err(WimError::Commit(CommitError::ImageExists { .. }))), "{again:?}");
}

#[test]
fn dead_space_is_removed_and_everything_else_stays() {
    let Some(bench) = Bench::capture("XPRESS", &["--check"]) else { return };
    bench.commit(1, vec![put("Windows/large.sys", &noise(2_000_000, 5))]).expect("a commit");
    bench.commit(1, vec![put("Windows/large.sys", b"small now")]).expect("a commit");
    fs::set_permissions(&bench.wim, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("own file");
    let before = Archive::open(&bench.wim).expect("opens");
    let (header, images) = (before.header().clone(), before.images().to_vec());
    let wanted = details(&bench, &bench.wim, 1);
    let done = before.optimize(OptimizeOptions::default()).expect("optimized");
    assert!(done.before - done.after > 2_000_000, "{done:?}");
    assert_eq!(done.after, fs::metadata(&bench.wim).expect("a WIM").len());
    bench.accept(&bench.wim);
    assert!(details(&bench, &bench.wim, 1) == wanted);
    let after = Archive::open(&bench.wim).expect("opens");
    assert_eq!((after.header(), after.images()), (&header, &images[..]));
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&bench.wim).expect("a WIM"));
    assert_eq!(mode & 0o777, 0o600);
    // wimlib cannot make it smaller.
    let ours = fs::metadata(&bench.wim).expect("a WIM").len();
    let theirs = bench.folder.path().join("theirs.wim");
    fs::copy(&bench.wim, &theirs).expect("a copy");
    bench.imagex(&["optimize", &path_text(&theirs)]);
    assert!(ours <= fs::metadata(&theirs).expect("a WIM").len() + 4096);
    assert_eq!(listing(bench.folder.path()), ["theirs.wim", "tree", "winpe.wim"]);

    let before = fs::metadata(&bench.wim).expect("a WIM").len();
    let old = inode(&bench.wim);
    let anew = OptimizeOptions { compression: Some(Compression::Lzx), ..Default::default() };
    let done = Archive::open(&bench.wim).expect("opens").optimize(anew).expect("optimized");
    assert!(done.after <= before && inode(&bench.wim) != old);
    bench.accept(&bench.wim);
    assert!(details(&bench, &bench.wim, 1) == wanted);
}

#[test]
fn findings_name_every_damaged_file() {
    let Some(bench) = Bench::capture("none", &[]) else { return };
    let wim = Archive::open(&bench.wim).expect("opens");
    assert!(wim.findings(None).is_empty());
    let mut bytes = fs::read(&bench.wim).expect("a WIM");
    for file in [&b"wpeinit\r\n"[..], b"not ASCII\r\n"] {
        let at = bytes.windows(file.len()).position(|window| window == file).expect("its data");
        bytes[at] ^= 1;
    }
    fs::write(&bench.wim, bytes).expect("a file");
    let findings = Archive::open(&bench.wim).expect("opens").findings(None);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings
            .iter()
            .all(|finding| matches!(finding, WimError::Format(FormatError::Corrupt { .. })))
    );
}
