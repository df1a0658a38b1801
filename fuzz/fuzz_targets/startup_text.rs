//! Arbitrary bytes as `startnet.cmd` or `winpeshl.ini`: calls of our scripts are added, changed,
//! added again and removed; afterwards every other byte is unchanged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use winpe_inject::fuzzing::{Script, call, strip};

fuzz_target!(|input: &[u8]| {
    let Some((&flags, given)) = input.split_first() else { return };
    let script = if flags & 1 == 0 { Script::Startnet } else { Script::Winpeshl };
    // Existing calls in the input are removed first.
    let Some(old) = strip(script, given) else { return };
    assert_eq!(strip(script, &old).as_ref(), Some(&old), "nothing is left to take out");
    let edit = |text: &[u8], calls: u8| {
        // A script without calls to add is not edited.
        let (early, connect) = (calls & 1 != 0, calls & 2 != 0 || calls & 1 == 0);
        call(script, text, early, connect).expect("every block has its end")
    };
    let (flags, others) = (flags >> 1, flags >> 3);
    let first = edit(&old, flags);
    assert_eq!(strip(script, &first).as_ref(), Some(&old), "what was put in comes out");
    assert_eq!(edit(&first, flags), first, "a second time changes nothing");
    // Without a byte order mark, zero bytes decide whether a text is UTF-16, and removing calls
    // removes their zero bytes too.
    if mark(given) == mark(&old) && !given.contains(&0) {
        assert_eq!(edit(given, flags), first, "earlier calls make no difference");
    }
    let other = edit(&old, others);
    assert_eq!(edit(&other, flags), first, "other calls before make no difference");
});

/// The properties that determine the encoding of a text; lines of ours in another encoding are not
/// recognised.
fn mark(text: &[u8]) -> (bool, [Option<bool>; 2]) {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let marked = marks.iter().any(|mark| text.starts_with(mark));
    (marked, [0, 1].map(|at| text.get(at).map(|byte| *byte == 0)))
}
