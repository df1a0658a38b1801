//! Comparison with the texts in `tests/inject/golden`.

use std::{env, fs};

/// Compares with a golden file; with `WINPE_BLESS` set, writes it.
#[track_caller]
pub(crate) fn golden(name: &str, found: &str) {
    let path = winpe_tests::workspace().join("tests/inject/golden").join(name);
    if env::var_os("WINPE_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(found == expected, "{name} is not as it was; it is now\n{found}");
}
