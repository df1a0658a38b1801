//! Other readers see the same hive as we do.

use std::collections::BTreeSet;
use std::fs;

use winpe_hive::Hive;
use winpe_tests::regipy;

/// The new hive holds everything that was in the old one, according to other programs too.
pub(crate) fn agree(old: &Hive, new: &Hive) {
    assert!(new.check().is_sound(), "{:?}", new.check());
    let kept: BTreeSet<_> = keys(old);
    let now = keys(new);
    assert!(kept.is_subset(&now), "keys vanished: {:?}", kept.difference(&now).take(3));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes(new)).unwrap();

    if let Some(program) = winpe_tests::tool("hivexregedit", "libwin-hivex-perl") {
        let words = ["--export".as_ref(), file.path().as_os_str(), "\\".as_ref()];
        let output = winpe_tests::run(&program, words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen = String::from_utf8_lossy(&output.stdout);
        let count = seen.lines().filter(|line| line.starts_with('[')).count();
        // hivexregedit omits keys whose names it cannot spell.
        assert!(count >= now.len() - 5 && count <= now.len(), "{count} of {} keys", now.len());
    }
    if let Some(program) = winpe_tests::tool("reged", "chntpw") {
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("out.reg");
        let words =
            ["-x".as_ref(), file.path().as_os_str(), "P".as_ref(), "\\".as_ref(), out.as_os_str()];
        let output = winpe_tests::run(&program, words);
        assert!(matches!(output.status.code(), Some(0..=2)), "{:?}", output.status);
    }
}

/// regipy counts the same as we do.
pub(crate) fn regipy(hive: &Hive) {
    let bytes = bytes(hive);
    if regipy::is_quick(bytes.len()) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        regipy::counts(file.path(), &hive.root().tree().unwrap());
    }
}

/// The bytes, without space that edits have left unused.
fn bytes(hive: &Hive) -> Vec<u8> {
    hive.compact().unwrap().into_bytes()
}

fn keys(hive: &Hive) -> BTreeSet<String> {
    let mut paths: Vec<String> = vec![];
    let mut found = BTreeSet::new();
    for visit in hive.root().walk() {
        let visit = visit.unwrap();
        paths.truncate(visit.depth);
        let above = paths.last().cloned().unwrap_or_default();
        let path = format!(r"{above}\{}", visit.key.name().to_string().to_lowercase());
        found.insert(path.clone());
        paths.push(path);
    }
    found
}
