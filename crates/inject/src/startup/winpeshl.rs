//! `winpeshl.ini`, which names the programs that `winpeshl.exe` starts instead of a command prompt.
//!
//! Source: Microsoft, "Winpeshl.ini reference": the programs of `[LaunchApp]` and `[LaunchApps]` run in
//! the order of the file, each after the one before has ended; a comma separates a program from its
//! options.

use super::script::{CONNECT, EARLY, is_named_in, place};
use super::startnet::{Calls, runs};
use super::text::Text;
use crate::files::own::FOLDER;

/// What an ini starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Launches {
    /// Nothing: `winpeshl.exe` ignores the file.
    Nothing,
    /// `startnet.cmd`, as without the file.
    Startnet,
    /// Programs.
    Programs,
}

/// The ini after an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edited {
    /// Whether one of its programs is `wpeinit`.
    pub(super) wpeinit: bool,
    /// Whether a program of `[LaunchApp]` runs before our scripts.
    pub(super) late: bool,
}

const APPS: &str = "[launchapps]";
const APP: &str = "[launchapp]";
/// The last word of a line of ours in a section of ours.
const OWN_SECTION: &str = " section";

pub(super) fn launches(text: &Text) -> Launches {
    let lines: Vec<_> = entries(text).map(|(_, line)| line).collect();
    match lines.is_empty() {
        true => Launches::Nothing,
        false if lines.iter().any(|line| runs(line, "startnet")) => Launches::Startnet,
        false => Launches::Programs,
    }
}

/// Which of our scripts the ini starts.
pub(super) fn calls(text: &Text) -> Calls {
    let is_called = |script| entries(text).any(|(_, line)| is_named_in(script, &line));
    Calls { early: is_called(EARLY), connect: is_called(CONNECT) }
}

/// Makes the ini start these scripts of ours and no others.
pub(super) fn edit(text: &mut Text, calls: Calls) -> Edited {
    strip(text);
    if calls == Calls::default() {
        return Edited { wpeinit: true, late: false };
    }
    let wpeinit = entries(text).find(|(_, line)| runs(line, "wpeinit"));
    if let Some((index, _)) = &wpeinit
        && section_of(text, *index).as_deref() == Some(APPS)
    {
        if calls.connect {
            text.insert(index + 1, &lines(Calls { early: false, connect: true }, ""));
        }
        if calls.early {
            text.insert(*index, &lines(Calls { early: true, connect: false }, ""));
        }
        return Edited { wpeinit: true, late: false };
    }
    let find = |name| text.find(0, |line| section(line).as_deref() == Some(name));
    let (app, apps) = (find(APP), find(APPS));
    if let Some(apps) = apps {
        text.insert(apps + 1, &lines(calls, " network"));
        return Edited { wpeinit: false, late: app.is_some_and(|app| app < apps) };
    }
    let mut own = vec!["[LaunchApps]".to_owned()];
    own.extend(lines(calls, " network").into_iter().map(|line| line + OWN_SECTION));
    text.insert(0, &own);
    Edited { wpeinit: false, late: false }
}

/// Removes our lines; every other byte stays. Our folder in a line marks it as ours, since it is not
/// documented whether the file may hold comments.
pub(super) fn strip(text: &mut Text) {
    let mut from = 0;
    while let Some(index) = text.find(from, is_ours) {
        let own_section = text.line(index).ends_with(OWN_SECTION);
        let count = (index..text.len()).take_while(|&it| is_ours(&text.line(it))).count();
        let start = if own_section { index.saturating_sub(1) } else { index };
        text.remove(start..index + count);
        from = start;
    }
}

fn is_ours(line: &str) -> bool {
    line.contains(&format!(r"\{FOLDER}\"))
}

fn lines(calls: Calls, network: &str) -> Vec<String> {
    let line = |script: &str, rest: &str| {
        format!(r"%SYSTEMROOT%\System32\cmd.exe, /c {}{rest}", place(script))
    };
    let early = calls.early.then(|| line(EARLY, ""));
    let connect = calls.connect.then(|| line(CONNECT, network));
    early.into_iter().chain(connect).collect()
}

/// The lines that start programs, with their indexes.
fn entries(text: &Text) -> impl Iterator<Item = (usize, String)> {
    let mut within = String::new();
    text.lines().enumerate().filter(move |(_, line)| {
        if let Some(name) = section(line) {
            within = name;
            return false;
        }
        let line = line.trim();
        [APP, APPS].contains(&within.as_str()) && !line.is_empty() && !line.starts_with(';')
    })
}

fn section_of(text: &Text, index: usize) -> Option<String> {
    (0..index).rev().find_map(|index| section(&text.line(index)))
}

/// The name of the section that the line begins, in brackets and lower case.
fn section(line: &str) -> Option<String> {
    let line = line.trim();
    (line.starts_with('[') && line.ends_with(']')).then(|| line.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: Calls = Calls { early: true, connect: true };

    fn shown(old: &str) -> (String, Edited) {
        let mut text = Text::parse(old.as_bytes());
        let edited = edit(&mut text, BOTH);
        let text = String::from_utf8(text.to_bytes()).unwrap();
        let line = r"%SYSTEMROOT%\System32\cmd.exe, /c %SystemRoot%\System32\winpe-iscsi\";
        (text.replace(line, "> "), edited)
    }

    #[test]
    fn the_login_goes_after_wpeinit() {
        let (text, edited) = shown("[LaunchApps]\r\nwpeinit.exe\r\n\"x:\\a b.exe\", -x\r\n");
        assert_eq!(
            text,
            "[LaunchApps]\r\n> early.cmd\r\nwpeinit.exe\r\n> connect.cmd\r\n\"x:\\a b.exe\", -x\r\n"
        );
        assert_eq!(edited, Edited { wpeinit: true, late: false });
    }

    #[test]
    fn without_wpeinit_our_script_starts_the_network_before_the_programs() {
        let (text, edited) = shown("; mine\n[launchapps]\nbddrun.exe,/bootstrap\n");
        assert_eq!(
            text,
            "; mine\n[launchapps]\n> early.cmd\n> connect.cmd network\nbddrun.exe,/bootstrap\n"
        );
        assert_eq!(edited, Edited { wpeinit: false, late: false });
    }

    #[test]
    fn a_single_program_gets_a_section_before_it() {
        let (text, edited) = shown("[LaunchApp]\r\nAppPath=X:\\sources\\recovery\\recenv.exe");
        assert_eq!(
            text,
            "[LaunchApps]\r\n> early.cmd section\r\n> connect.cmd network section\r\n\
             [LaunchApp]\r\nAppPath=X:\\sources\\recovery\\recenv.exe"
        );
        assert!(!edited.late);
        let (_, edited) = shown("[LaunchApp]\nAppPath=x.exe\n[LaunchApps]\ny.exe\n");
        assert!(edited.late);
    }

    #[test]
    fn it_is_known_what_an_ini_starts() {
        let launches = |text: &str| launches(&Text::parse(text.as_bytes()));
        assert_eq!(launches(""), Launches::Nothing);
        assert_eq!(launches("[LaunchApps]\n; a.exe\n"), Launches::Nothing);
        assert_eq!(launches("[Other]\na.exe\n"), Launches::Nothing);
        assert_eq!(launches("[LaunchApp]\nAppPath=a.exe\n"), Launches::Programs);
        let startnet = "[LaunchApps]\n%SYSTEMROOT%\\System32\\cmd.exe, /k x:\\startnet.cmd\n";
        assert_eq!(launches(startnet), Launches::Startnet);
    }

    proptest! {
        #[test]
        fn a_second_edit_changes_nothing_and_strip_restores_the_text(
            text in "(\u{feff})?((\\[LaunchApps?\\]|\\[x\\]|wpeinit|a\\.exe, -b|AppPath=c|; é)?\r?(\r\n|\n)){0,8}(a\\.exe|wpeinit)?\r?",
            utf16: bool,
        ) {
            let old = match utf16 {
                true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                false => text.into_bytes(),
            };
            let mut text = Text::parse(&old);
            edit(&mut text, BOTH);
            let once = text.to_bytes();
            edit(&mut text, BOTH);
            prop_assert_eq!(text.to_bytes(), once);
            strip(&mut text);
            prop_assert_eq!(text.to_bytes(), old);
        }
    }
}
