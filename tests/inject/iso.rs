//! The whole job from one installation disc.

use std::fs;

use crate::support::{Bench, word};

/// An ISO image with the demo's images at the paths of a Windows disc.
fn disc(bench: &Bench, files: &[(&str, &str)]) -> Option<()> {
    let genisoimage = winpe_tests::tool("genisoimage", "genisoimage")?;
    let media = bench.path("media/sources");
    fs::create_dir_all(&media).unwrap();
    for (from, to) in files {
        fs::copy(bench.path(from), media.join(to)).unwrap();
    }
    let media = bench.path("media");
    let iso = bench.path("disc.iso");
    let made = winpe_tests::run(&genisoimage, ["-quiet", "-udf", "-o", word(&iso), word(&media)]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::remove_dir_all(&media).unwrap();
    Some(())
}

#[test]
fn one_disc_gives_winpe_and_files() {
    let bench = Bench::new();
    let files = [("winpe.wim", "boot.wim"), ("install.wim", "install.wim")];
    let Some(()) = disc(&bench, &files) else { return };
    let before = fs::read(bench.path("disc.iso")).unwrap();
    bench.run(&["inject", "--iso", "disc.iso", "-o", "new.wim"]).expect(0);
    bench.run(&["verify", "new.wim"]).expect(0);
    assert!(fs::read(bench.path("disc.iso")).unwrap() == before);
    // The same as from the separate files.
    bench.run(&["inject", "winpe.wim", "--source", "disc.iso", "-o", "other.wim"]).expect(0);
    bench.run(&["inject", "other.wim", "--source", "install.wim", "--check"]).expect(0);
}

#[test]
fn a_disc_without_windows_is_refused() {
    let bench = Bench::new();
    let Some(()) = disc(&bench, &[("winpe.wim", "boot.wim")]) else { return };
    let error = bench.refused(&["inject", "--iso", "disc.iso", "-o", "new.wim"]);
    assert!(error.contains("disc.iso") && error.contains("install"), "{error}");
    // Nothing can be written in place.
    let error = bench.refused(&["inject", "--iso", "disc.iso"]);
    assert!(error.contains("-o winpe.wim"), "{error}");
    let error = bench.refused(&["inject", "--iso", "winpe.wim", "-o", "new.wim"]);
    assert!(error.contains("winpe.wim"), "{error}");
}
