//! The completions, as the shells complete with them.

use std::fs;
use std::path::Path;
use std::process::Command;

use winpe_tests::{tool, winpe_iscsi};

/// What is typed, and words that must be offered.
const LINES: &[(&str, &[&str])] = &[
    ("winpe-iscsi inject --allow", &["--allow-build-mismatch"]),
    ("winpe-iscsi inject --fix", &["--fix-systemroot"]),
    ("winpe-iscsi schema ver", &["verdict"]),
    ("winpe-iscsi serve --mode pro", &["proxy"]),
    ("winpe-iscsi wim exp", &["export"]),
    ("winpe-iscsi wim export a.wim b.wim --compress xp", &["xpress"]),
    ("winpe-iscsi hive imp", &["import"]),
    ("winpe-iscsi unm", &["unmount"]),
];

fn scripts() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(winpe_iscsi()).arg("manual").arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

/// Runs a script of a shell in the folder of completions, with a line as its argument.
fn offered(shell: &Path, script: &str, more: &[&str], folder: &Path, line: &str) -> String {
    let mut command = Command::new(shell);
    command.args(more).arg("-c").arg(script).args(["shell", line]).current_dir(folder);
    let output = command.env("TERM", "dumb").env("HOME", folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{line}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// As bash calls the function: with the words of the line and the place of the cursor.
const BASH: &str = r#"
source winpe-iscsi.bash
COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p winpe-iscsi | sed 's/.*-F \([^ ]*\).*/\1/')
$function winpe-iscsi "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// A second zsh, in whose terminal the line is typed, and the tabulator after it.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty -b z "zsh -f -i"
zpty -w z "PROMPT=; fpath=($PWD \$fpath); autoload -Uz compinit; compinit -u -D; echo REA''DY"
text=
repeat 300; do zpty -r -t z chunk && text+=$chunk; [[ $text == *READY* ]] && break; sleep 0.1; done
text=
zpty -n -w z "$1"$'\t'
wanted=$2
repeat 100; do
  zpty -r -t z chunk && text+=$chunk
  [[ $text == *$wanted* ]] && break
  sleep 0.1
done
print -r -- $text
zpty -d z
"#;

#[test]
fn bash_completes_options_values_and_subcommands() {
    let (Some(bash), scripts) = (tool("bash", "bash"), scripts()) else { return };
    for (line, wanted) in LINES {
        let text = offered(&bash, BASH, &[], scripts.path(), line);
        let offered: Vec<_> = text.lines().collect();
        assert_eq!(offered, *wanted, "{line}");
    }
    // Without a letter of the word: all of them.
    let all = offered(&bash, BASH, &[], scripts.path(), "winpe-iscsi inject --");
    assert!(all.lines().count() > 20, "{all}");
}

#[test]
fn fish_completes_options_values_and_subcommands() {
    let (Some(fish), scripts) = (tool("fish", "fish"), scripts()) else { return };
    for (line, wanted) in LINES {
        let mut command = Command::new(&fish);
        let script = format!("source winpe-iscsi.fish; complete -C '{line}'");
        let output = command
            .args(["--no-config", "-c", &script])
            .current_dir(scripts.path())
            .env("HOME", scripts.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let offered: Vec<_> =
            text.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
        assert_eq!(offered, *wanted, "{line}\n{output:?}");
    }
}

#[test]
fn zsh_completes_options_values_and_subcommands() {
    let (Some(zsh), scripts) = (tool("zsh", "zsh"), scripts()) else { return };
    assert!(
        fs::read_to_string(scripts.path().join("_winpe-iscsi")).unwrap().starts_with("#compdef")
    );
    for (line, wanted) in LINES {
        let (start, _) = line.rsplit_once(' ').unwrap();
        let completed = format!("{start} {}", wanted[0]);
        let mut command = Command::new(&zsh);
        command.args(["-f", "-c", ZSH, "shell", line, &completed]).current_dir(scripts.path());
        let output = command.env("TERM", "dumb").env("HOME", scripts.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&completed), "{line}: {text:?}");
    }
}
