//! Properties of reading and writing, for arbitrary trees and changes.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use winpe_wim::{
    Archive, CommitOptions, Compression, Content, FileChange, ImageChanges, NewImage, Target,
    WimError, create,
};

/// Path (lower case, `\`) → content.
type Model = BTreeMap<String, Vec<u8>>;

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", "[A-D]{2}", "[a-zäöü]{1,12}\\.[a-z]{3}", "x{200}"]
}

fn path() -> impl Strategy<Value = String> {
    // Folders and files have different names, so that each path can be a file.
    (prop::collection::vec("dir[0-4]|DIR[0-4]", 0..4), name()).prop_map(|(folders, name)| {
        folders.into_iter().chain([name]).collect::<Vec<_>>().join("\\")
    })
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..200),
        (any::<u8>(), 1_usize..140_000).prop_map(|(byte, size)| vec![byte; size]),
        // Around the limits of chunks, with content that does and does not compress.
        (prop::sample::select(vec![32_767, 32_768, 32_769, 65_536]), any::<u64>()).prop_map(
            |(size, seed)| (0..size).map(|at| (seed.wrapping_mul(at + 1) >> 40) as u8).collect()
        ),
    ]
}

fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![Compression::None, Compression::Xpress, Compression::Lzx])
}

fn model(files: &[(String, Vec<u8>)]) -> Model {
    files.iter().map(|(path, content)| (path.to_lowercase(), content.clone())).collect()
}

fn options() -> CommitOptions<'static> {
    CommitOptions { time: Some(UNIX_EPOCH), ..CommitOptions::default() }
}

/// All files of an image.
fn contents(wim: &Archive, image: u32) -> Result<Model, WimError> {
    let mut paths = Vec::new();
    wim.walk(image, "", &mut |entry| {
        paths.extend((!entry.is_dir).then(|| entry.path.to_string()));
        ControlFlow::Continue(())
    })?;
    let read = |path: String| {
        let data = wim.read(image, &path)?;
        Ok((path.trim_start_matches('\\').to_lowercase(), data))
    };
    paths.into_iter().map(read).collect()
}

fn new_wim(path: &Path, compression: Compression, images: &[&[(String, Vec<u8>)]]) {
    let images: Vec<_> = (1..)
        .zip(images)
        .map(|(number, files)| {
            let mut image = NewImage::new(format!("image {number}"));
            image.time = Some(UNIX_EPOCH);
            image.files = files.to_vec();
            image
        })
        .collect();
    create(path, compression, &images).expect("a new WIM");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn put_files_are_read_back_and_the_rest_stays(
        compression in compression(),
        before in prop::collection::vec((path(), content()), 0..12),
        other in prop::collection::vec((path(), content()), 0..6),
        puts in prop::collection::vec((path(), content()), 1..8),
        delete in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("a.wim");
        new_wim(&wim, compression, &[&before, &other]);
        let mut expected = model(&before);
        expected.extend(model(&puts));
        let mut changes: Vec<_> = puts
            .iter()
            .map(|(path, bytes)| FileChange::Put {
                path: path.clone(),
                content: Content::Bytes(bytes.clone()),
            })
            .collect();
        let deleted = expected.keys().nth(delete.index(expected.len())).expect("not empty").clone();
        expected.remove(&deleted);
        changes.push(FileChange::Delete { path: deleted, recursive: false });

        let opened = Archive::open(&wim).expect("own WIM");
        let changes = [ImageChanges { image: 1, changes }];
        opened.commit(&changes, &Target::InPlace, options()).expect("a commit");

        let after = Archive::open(&wim).expect("own WIM");
        prop_assert_eq!(contents(&after, 1).expect("reads"), expected.clone());
        prop_assert_eq!(contents(&after, 2).expect("reads"), model(&other));
        prop_assert_eq!(after.images()[0].stats.files, expected.len() as u64);
        let bytes: usize = expected.values().map(Vec::len).sum();
        prop_assert_eq!(after.images()[0].stats.bytes, bytes as u64);
        after.verify(None).expect("wimlib reads all of it");
    }

    #[test]
    fn a_damaged_wim_is_read_or_refused(
        compression in compression(),
        files in prop::collection::vec((path(), content()), 1..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_tables in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let wim = folder.path().join("a.wim");
        new_wim(&wim, compression, &[&files]);
        let mut bytes = fs::read(&wim).expect("a WIM");
        // The header, or anywhere.
        let reach = if in_tables { 208 } else { bytes.len() };
        for (at, byte) in damage {
            bytes[at.index(reach)] = byte;
        }
        fs::write(&wim, &bytes).expect("a file");
        let Ok(opened) = Archive::open(&wim) else { return Ok(()) };
        for image in 0..=3 {
            if let Ok(found) = contents(&opened, image) {
                // The data was compared with its SHA-1, so it must be what was written.
                for (path, data) in found {
                    prop_assert!(files.iter().any(|(_, written)| *written == data), "{}", path);
                }
            }
        }
        let put = FileChange::Put { path: "new".into(), content: Content::Bytes(vec![1]) };
        let changes = [ImageChanges { image: 1, changes: vec![put] }];
        if opened.commit(&changes, &Target::InPlace, options()).is_err() {
            prop_assert!(fs::read(&wim).expect("a file") == bytes, "refused, so unchanged");
        }
    }
}
