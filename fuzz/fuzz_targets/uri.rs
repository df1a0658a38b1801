//! Arbitrary text as the URI of an iSCSI disk: refused with the place of the fault, or read into
//! parts that spell the same disk and cannot leave their argument in a script.

#![no_main]

use libfuzzer_sys::fuzz_target;
use winpe_inject::{IscsiName, SanUri};
use winpe_netboot::config::Config;

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<IscsiName>() {
        assert_eq!(name.as_str(), text);
        assert!(text.chars().all(is_safe) && text.len() <= 223, "{text:?}");
    }
    let uri = match text.parse::<SanUri>() {
        Ok(uri) => uri,
        Err(error) => {
            let there: String = text.chars().skip(error.column - 1).collect();
            assert!(there.starts_with(&error.found), "{error} of {there:?}");
            return;
        }
    };
    assert_eq!(uri.to_string(), text);
    assert!(uri.host().chars().chain(uri.target().chars()).all(is_safe), "{text:?}");
    assert_ne!(uri.port(), 0);
    let host = match uri.host().contains(':') {
        true => format!("[{}]", uri.host()),
        false => uri.host().to_owned(),
    };
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| uri.lun() >> shift & 0xffff);
    let spelt = format!("iscsi:{host}:6:{}:{a:x}-{b:x}-{c:x}-{d:x}:{}", uri.port(), uri.target());
    let again: SanUri = spelt.parse().expect("the parts of a URI");
    let parts =
        |uri: &SanUri| (uri.host().to_owned(), uri.port(), uri.lun(), uri.target().to_owned());
    assert_eq!(parts(&again), parts(&uri));
    // The menu accepts every URI that can be written into an image, but only in lower case.
    let entry = format!("[[entry]]\nname = 'disk'\nsan = 'iscsi{}'\n", &text["iscsi".len()..]);
    assert!(entry.parse::<Config>().is_ok(), "{entry}");
});

/// Has no special meaning in a line of `cmd.exe`.
fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-.:_".contains(c)
}
