//! The seeds that are read through the library.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use winpe_hive::Hive;
use winpe_regfile::{Document, ParseOptions};
use winpe_wim::{Archive, Compression, NewImage, WimError};

use crate::random::Random;
use crate::{BUDGET, discs, hives, meter, seeds, texts, wim};

/// CPU time of this thread.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

/// Passes each seed's input to `read`, and fails if reading takes longer than the rule allows.
fn each_seed<T>(count: u64, make: impl Fn(u64, &mut Random) -> T, read: impl Fn(&T)) {
    for seed in seeds(count, count.min(8)) {
        let input = make(seed, &mut Random::new(seed));
        let start = now();
        read(&input);
        let taken = now() - start;
        assert!(taken < meter::most_time(), "seed {seed}: {taken:?}");
    }
}

#[test]
fn metadata() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.wim");
    let make = |seed: u64, random: &mut Random| {
        // Small inputs show as much, and a thousand large ones take long to generate.
        let kind = wim::KINDS[usize::try_from(seed).expect("small") % wim::KINDS.len()];
        let budget = if seed < 12 { BUDGET } else { 100_000 };
        wim::write(&path, &wim::metadata(kind, random, budget), Compression::None);
    };
    each_seed(1000, make, |()| {
        let archive = Archive::open(&path).expect("a WIM");
        // Refusing the input is correct as well.
        let Ok(entries) = archive.below(1, "") else { return };
        let count =
            entries.map(|entry| entry.path.names().len()).filter(|names| *names > 0).count();
        assert!(count > 0);
        for entry in archive.read_dir(1, "").expect("the root").take(3000) {
            let found = archive.entry(1, &entry.name).expect("metadata");
            assert!(found.is_some(), "{:?}", entry.path);
        }
    });
}

#[test]
fn data_read_into_memory_is_in_proportion_to_the_file() {
    const LIMIT: usize = 8 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.wim");
    let says = |error: WimError| error.to_string().split_once(": ").expect("a path").1.to_owned();
    let metadata = |size: usize| {
        wim::write(&path, &wim::Metadata::of_size(size), Compression::Lzx);
        let archive = Archive::open(&path).expect("a WIM");
        let verified = archive.verify(None).map_err(says);
        // wimlib has no such limit, so it runs only after our check.
        assert_eq!(verified.is_ok(), size <= LIMIT, "{verified:?}");
        archive.entry(1, "file").map(|entry| entry.expect("the file").is_dir).map_err(says)
    };
    assert_eq!(metadata(LIMIT), Ok(false));
    let read = "at most 8388608 are read into memory";
    let expected = format!("the metadata of all images has 8388616 bytes; {read}");
    assert_eq!(metadata(LIMIT + 8), Err(expected));
    let file = |size: usize| {
        let mut image = NewImage::new("PE");
        image.files.push(("file".to_owned(), vec![1; size]));
        wim::make(&path, Compression::Lzx, image);
        let archive = Archive::open(&path).expect("a WIM");
        let mut copied = Vec::new();
        let mut reader = archive.reader(1, "file").expect("a reader has no limit");
        reader.copy_to(&mut copied).expect("data").expect("memory takes all");
        assert_eq!(copied.len(), size);
        archive.read(1, "file").map(|data| data.len()).map_err(says)
    };
    assert_eq!(file(LIMIT), Ok(LIMIT));
    assert_eq!(file(LIMIT + 1), Err(format!("\\file has 8388609 bytes; {read}")));
}

#[test]
fn xml() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.wim");
    wim::write(&path, &wim::metadata("deep", &mut Random::new(1), 2000), Compression::None);
    let empty = fs::read(&path).expect("the WIM");
    let make = |seed: u64, random: &mut Random| {
        fs::write(&path, &empty).expect("the WIM");
        let budget = if seed < 12 { BUDGET / 2 } else { 50_000 };
        wim::replace_xml(&path, &wim::xml(random, budget - 1000));
    };
    each_seed(1000, make, |()| {
        let archive = Archive::open(&path).expect("below the limits");
        assert_eq!(archive.images()[0].name, "PE");
    });
}

#[test]
fn reg() {
    let make = |seed: u64, random: &mut Random| {
        texts::reg(random, if seed < 12 { BUDGET } else { 50_000 })
    };
    each_seed(1000, make, |text| {
        let document = Document::parse(text, &ParseOptions::lenient()).expect("lenient takes all");
        assert!(document.edits().count() <= text.len());
    });
}

#[test]
fn hive() {
    let make = |seed: u64, random: &mut Random| {
        hives::hive(random, if seed < 4 { BUDGET } else { 40_000 })
    };
    each_seed(1000, make, |bytes| {
        if let Ok(hive) = Hive::open_lenient(bytes.clone()) {
            assert!(hive.root().walk().count() <= bytes.len());
            assert!(hive.check().counts().len() <= bytes.len());
            // Damaged input may be refused.
            let _ = hive.compact();
        }
    });
}

#[test]
fn iso() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.iso");
    let make = |_, random: &mut Random| {
        fs::write(&path, discs::iso(random, BUDGET)).expect("a disc");
    };
    each_seed(200, make, |()| {
        for inner in ["sources/boot.wim", "SOURCES/SOURCES/SOURCES", "x"] {
            // Only the time matters, not the result.
            let _ = winpe_wim::find_in_iso(&path, inner);
        }
    });
}
