//! The examples of `--help`, each run as a reader would paste it.

use std::process::Command;

use winpe_tests::{tool, winpe_iscsi};

use crate::bench::Bench;

/// Examples that a test cannot run, and where others run them.
const NOT_RUN: &[(&str, &str)] = &[
    ("winpe-iscsi mount", "tests/mount, and the pages of the book"),
    ("winpe-iscsi unmount", "tests/mount, and the pages of the book"),
    ("winpe-iscsi hive recover SYSTEM ", "tests/cli-hive/recover.rs"),
];

/// Examples whose exit status may be 1: they look for something, and find it.
const MAY_DIFFER: &[&str] = &["diff", "--check", " check", "verify"];

/// What must be done first for an example that makes what the bench has.
const FIRST: &[(&str, &str)] = &[
    ("wim export install", "cp install.wim other.wim; rm install.wim"),
    ("wim export boot.wim:1", "rm winpe.wim"),
    ("--iso Windows.iso -o winpe.wim", "rm winpe.wim"),
    ("--from install.wim:SYSTEM", "winpe-iscsi remove winpe.wim -q"),
    ("winpe.wim:2", "winpe-iscsi wim export boot.wim:1 winpe.wim --name Second"),
    ("more.reg", "cp software.reg more.reg"),
    ("cp overlay/.", "mkdir overlay; echo a > overlay/a.txt"),
    ("reg apply hives", "mkdir hives; cp SYSTEM SOFTWARE hives/"),
    ("user.reg", "cp software.reg user.reg"),
    ("SOFTWARE -o software.reg", "rm software.reg"),
    ("hive new", "rm NTUSER.DAT SOFTWARE"),
    ("--export my-profile", "rm -r my-profile"),
    ("-o old.reg", "rm old.reg"),
    (
        "remove boot.wim --image all",
        "winpe-iscsi inject boot.wim --image all --source install.wim:1 -q",
    ),
];

/// What the examples take as given, beside what the pages do.
const GIVEN: &str = r#"
mkdir d; cp -r netkvm/w10/amd64 d/netkvm
winpe-iscsi inject winpe.wim --source install.wim:1 --driver d/netkvm --autostart -q \
    --connect iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
winpe-iscsi wim cat winpe.wim:Windows/System32/config/SOFTWARE > SOFTWARE
winpe-iscsi wim cat winpe.wim:Windows/System32/config/SYSTEM > SYSTEM
winpe-iscsi hive new NTUSER.DAT
printf 'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lab]\n"a"="b"\n' > software.reg
printf 'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\PE_Soft\\Lab]\n"a"="b"\n' > policies.reg
printf 'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Lab]\n"Start"=dword:00000003\n' > services.reg
winpe-iscsi hive import SYSTEM services.reg -q
winpe-iscsi hive set install.wim:SYSTEM 'CurrentControlSet\Services\MSiSCSI' Start 3 --type dword -q
winpe-iscsi hive set SOFTWARE Lab Root 'C:\Windows' -q
cat recipe.toml >> winpe-iscsi.toml
echo wpeinit > startnet.cmd
echo setup > setup.exe
winpe-iscsi wim cp startnet.cmd winpe.wim:Windows/System32/winpeshl.ini
mkdir -p en-us Boot
echo text > en-us/text; echo text > Boot/text
winpe-iscsi wim cp setup.exe boot.wim:2:setup.exe
winpe-iscsi wim cp en-us boot.wim:2:sources/en-us
winpe-iscsi wim cp Boot install.wim:1:Windows/Boot
winpe-iscsi wim cp tools winpe.wim:Tools
for n in 1 2 3 4 5 6; do winpe-iscsi wim export install.wim:1 six.wim --name "Image $n"; done
"#;

/// The commands of the program, each with the words that lead to it.
fn commands(words: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let output = Command::new(winpe_iscsi()).args(words).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let listed = text.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names.filter(|name| !name.is_empty() && *name != "help").collect();
    for name in names {
        commands(&[words, &[name.to_owned()]].concat(), found);
    }
    found.push((words.to_vec(), text.clone()));
}

/// The examples of a help text, with the lines on which they go on.
fn examples(help: &str) -> Vec<String> {
    let Some((_, rest)) = help.split_once("Examples:\n") else { return Vec::new() };
    let mut examples: Vec<String> = Vec::new();
    for line in rest.lines().take_while(|line| !line.is_empty()) {
        match examples.last_mut() {
            Some(last) if last.ends_with('\\') => *last += &format!("\n{line}"),
            _ => examples.push(line.trim_start().to_owned()),
        }
    }
    examples
}

#[test]
fn every_example_of_the_help_runs() {
    let mut found = Vec::new();
    commands(&[], &mut found);
    let Some(imagex) = tool("wimlib-imagex", "wimtools") else { return };
    let bench = Bench::new();
    if bench.add_disc().is_none() {
        return;
    }
    let esd = format!(
        "'{0}' export six.wim all install.esd --solid; '{0}' split install.wim install.swm 1",
        imagex.display()
    );
    let given = bench.run(&format!("{GIVEN}\n{esd}\nmkdir -p mnt srv/www\ncp -r . ../given"));
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    let mut run = 0;
    for (words, help) in &found {
        for example in examples(help) {
            if let Some((_, place)) = NOT_RUN.iter().find(|(start, _)| example.starts_with(start)) {
                eprintln!("{example}: {place} runs such a command");
                continue;
            }
            run_example(&bench, words, &example);
            run += 1;
        }
    }
    assert!(run > 90, "{run} examples only");
}

fn run_example(bench: &Bench, words: &[String], example: &str) {
    assert!(
        example.starts_with(format!("winpe-iscsi {}", words.join(" ")).trim_end()),
        "{example}"
    );
    let first = FIRST.iter().filter(|(part, _)| example.contains(part)).map(|(_, first)| *first);
    let first: Vec<_> = first.collect();
    // The folders of a reader's machine.
    let here = example.replace("/srv/", "srv/").replace("/tmp/", "");
    let may_differ = MAY_DIFFER.iter().any(|word| example.contains(word));
    let after = if may_differ { " || [ $? = 1 ]" } else { "" };
    let (command, comment) = here.split_once("  #").unwrap_or((&here, ""));
    let script = format!(
        "shopt -s dotglob; rm -rf -- *; cp -r ../given/. .; {}\n{command}{after} #{comment}",
        first.join("; ")
    );
    let output = bench.run(&script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}\n{errors}");
    assert!(!errors.contains("error:"), "{example}\n{errors}");
}

/// Terminals have 80 columns unless someone makes them wider.
#[test]
fn an_example_fits_on_a_terminal() {
    let mut found = Vec::new();
    commands(&[], &mut found);
    for (words, help) in &found {
        let lines: Vec<_> = examples(help)
            .iter()
            .flat_map(|it| it.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        for line in lines {
            assert!(line.chars().count() + 2 <= 80, "{words:?}: {line}");
        }
    }
}
