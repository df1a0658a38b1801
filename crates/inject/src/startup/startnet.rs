//! `startnet.cmd`, which `winpeshl.exe` runs unless a `winpeshl.ini` names something else.

use super::script::{CONNECT, EARLY, is_named_in, place};
use super::text::Text;

const BEGIN: &str = "@rem winpe-iscsi begin: put here by winpe-iscsi";
const END: &str = "@rem winpe-iscsi end";

/// The content of `startnet.cmd` in a new WinPE.
pub(super) const DEFAULT: &[u8] = b"wpeinit\r\n";

/// Which of our scripts are called when WinPE starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// The one that runs before the network starts.
    pub(super) early: bool,
    /// The login.
    pub(super) connect: bool,
}

/// The line, counted from 1, at which a block of ours begins that has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unended(pub(super) usize);

/// Makes the text call these scripts of ours and no others. Returns whether it runs `wpeinit` where that
/// matters.
///
/// The early script is called before `wpeinit`, the login after it. A text without `wpeinit` gets both at
/// its top, where our script starts the network.
pub(super) fn edit(text: &mut Text, calls: Calls) -> Result<bool, Unended> {
    strip(text)?;
    if calls == Calls::default() {
        return Ok(true);
    }
    let wpeinit = text.find(0, |line| runs(line, "wpeinit"));
    let Some(wpeinit) = wpeinit else {
        let top = text.lines().take_while(|line| is_prologue(line)).count();
        text.insert(top, &block(calls, " network"));
        return Ok(false);
    };
    // A line that ends with a caret continues in the next.
    let goes_on = |text: &Text, index| text.line(index).ends_with('^');
    let first = (0..wpeinit).rev().take_while(|&index| goes_on(text, index)).last();
    let last = (wpeinit..text.len()).find(|&index| !goes_on(text, index));
    let after = last.map_or(text.len(), |last| last + 1);
    if calls.connect {
        text.insert(after, &block(Calls { early: false, connect: true }, ""));
    }
    if calls.early {
        text.insert(first.unwrap_or(wpeinit), &block(Calls { early: true, connect: false }, ""));
    }
    Ok(true)
}

/// Which of our scripts the text calls, within a block of ours or elsewhere.
pub(super) fn calls(text: &Text) -> Calls {
    let is_called =
        |script| text.find(0, |line| !is_comment(line) && is_named_in(script, line)).is_some();
    Calls { early: is_called(EARLY), connect: is_called(CONNECT) }
}

/// Removes our blocks; every other byte stays.
pub(super) fn strip(text: &mut Text) -> Result<(), Unended> {
    let mut from = 0;
    while let Some(begin) = text.find(from, |line| line.trim_end() == BEGIN) {
        let end = text.find(begin, |line| line.trim_end() == END);
        let end = end.ok_or(Unended(begin + 1))?;
        text.remove(begin..end + 1);
        from = begin;
    }
    Ok(())
}

fn block(calls: Calls, network: &str) -> Vec<String> {
    let early = calls.early.then(|| format!("@call {}", place(EARLY)));
    let connect = calls.connect.then(|| format!("@call {}{network}", place(CONNECT)));
    let calls = early.into_iter().chain(connect);
    [BEGIN.to_owned()].into_iter().chain(calls).chain([END.to_owned()]).collect()
}

/// Whether a line only prepares the script, so that it can stay before ours.
fn is_prologue(line: &str) -> bool {
    let words = line.trim_start_matches(['@', ' ', '\t']).to_ascii_lowercase();
    ["echo off", "rem", "::", "setlocal"].iter().any(|word| words.starts_with(word))
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start_matches(['@', ' ', '\t', '(']).to_ascii_lowercase();
    line.starts_with("::") || line == "rem" || line.starts_with("rem ")
}

/// Whether a line of a script runs a program, with or without path, quotes and extension.
pub(super) fn runs(line: &str, program: &str) -> bool {
    if is_comment(line) {
        return false;
    }
    let line = line.to_ascii_lowercase();
    let words = line.split(|c: char| c.is_whitespace() || "\"&|()<>,;@".contains(c));
    words.map(|word| word.rsplit(['\\', '/']).next().unwrap_or_default()).any(|name| {
        name.strip_suffix(".exe").unwrap_or(name) == program
            || name.strip_prefix(program) == Some(".cmd")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: Calls = Calls { early: true, connect: true };
    const CONNECT_ONLY: Calls = Calls { early: false, connect: true };

    fn edited(old: &[u8], calls: Calls) -> Vec<u8> {
        let mut text = Text::parse(old);
        edit(&mut text, calls).unwrap();
        text.to_bytes()
    }

    fn shown(old: &str, calls: Calls) -> Vec<String> {
        let text = String::from_utf8(edited(old.as_bytes(), calls)).unwrap();
        let short = |line: &str| match line {
            line if line.starts_with("@rem winpe-iscsi") => None,
            line => Some(line.replace(r"@call %SystemRoot%\System32\winpe-iscsi\", "> ")),
        };
        text.lines().filter_map(short).collect()
    }

    #[test]
    fn the_login_goes_after_wpeinit_and_drivers_before_it() {
        assert_eq!(shown("wpeinit\r\n", CONNECT_ONLY), ["wpeinit", "> connect.cmd"]);
        assert_eq!(shown("wpeinit\r\n", BOTH), ["> early.cmd", "wpeinit", "> connect.cmd"]);
        assert_eq!(
            shown("@echo off\nrem wpeinit\n@WPEINIT.EXE -unattend=x.xml ^\n  more\necho\n", BOTH),
            [
                "@echo off",
                "rem wpeinit",
                "> early.cmd",
                "@WPEINIT.EXE -unattend=x.xml ^",
                "  more",
                "> connect.cmd",
                "echo"
            ]
        );
    }

    #[test]
    fn without_wpeinit_both_go_to_the_top_and_start_the_network() {
        let lines = shown("@echo off\r\ncall x:\\tools\\go.cmd\r\n", BOTH);
        let expected =
            ["@echo off", "> early.cmd", "> connect.cmd network", "call x:\\tools\\go.cmd"];
        assert_eq!(lines, expected);
        assert_eq!(shown("", CONNECT_ONLY), ["> connect.cmd network"]);
    }

    #[test]
    fn a_program_is_recognised_in_every_spelling() {
        for line in [
            "wpeinit",
            "@WpeInit",
            "call wpeinit",
            r"%SystemRoot%\System32\wpeinit.exe",
            r#"start /wait "" "x:\windows\system32\wpeinit.exe" -x"#,
            "if exist x (wpeinit) else (echo)",
            "echo a&wpeinit",
        ] {
            assert!(runs(line, "wpeinit"), "{line}");
        }
        for line in ["rem wpeinit", ":: wpeinit", "@rem wpeinit", "wpeinit2", "mywpeinit", "REM"] {
            assert!(!runs(line, "wpeinit"), "{line}");
        }
    }

    #[test]
    fn a_block_without_an_end_is_an_error() {
        let mut text = Text::parse(format!("wpeinit\r\n{BEGIN}\r\necho\r\n").as_bytes());
        assert_eq!(edit(&mut text, BOTH), Err(Unended(2)));
    }

    proptest! {
        #[test]
        fn a_second_edit_changes_nothing_and_strip_restores_the_text(
            text in "(\u{feff})?(@?(wpeinit|echo [a-zé]{0,4}|rem wpeinit|call x\\^)?\r?(\r\n|\n)){0,6}(wpeinit)?\r?",
            utf16: bool,
            calls in prop_oneof![Just(BOTH), Just(CONNECT_ONLY)],
        ) {
            let old = match utf16 {
                true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                false => text.into_bytes(),
            };
            let once = edited(&old, calls);
            prop_assert_eq!(&edited(&once, calls), &once);
            prop_assert_eq!(&edited(&edited(&old, BOTH), calls), &once);
            let mut text = Text::parse(&once);
            strip(&mut text).unwrap();
            prop_assert_eq!(text.to_bytes(), old);
        }
    }
}
