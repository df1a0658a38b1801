//! Arbitrary bytes: opened, listed, read, located inside an ISO image. Every call returns without a
//! panic.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use winpe_wim::Archive;

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let path = folder.path().join("fuzz.wim");
    std::fs::write(&path, data).expect("room in memory");
    let _ = Archive::open_in_iso(&path, "sources/boot.wim");
    let Ok(wim) = Archive::open(&path) else { return };
    for image in 1..=wim.header().image_count.min(3) {
        let mut files = Vec::new();
        let _ = wim.walk(image, "", &mut |entry| {
            files.push(entry.path.to_string());
            ControlFlow::Continue(())
        });
        for file in files.iter().take(8) {
            let _ = wim.read(image, file);
        }
    }
});
