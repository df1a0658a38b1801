//! `winpe-iscsi manual`: what packages install beside the program.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Command;
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use winpe_disk::folder::Folder;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome, help};

/// The name of the program.
const NAME: &str = "winpe-iscsi";

/// Write manual pages, and completions for bash, zsh and fish
///
/// Examples:
///   winpe-iscsi manual target/manual
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where to
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    // Each replaces a file or link of its name, since others may have put links into the folder.
    let folder = Folder::open_or_make(&args.dir)?;
    let mut pages = completions();
    let mut command = help::command().disable_help_subcommand(true);
    command.build();
    manual_pages(&command, &mut pages)?;
    for (name, text) in pages {
        let mut new = folder.replacement(name.as_ref())?;
        let written = new.file().write_all(&text);
        written.map_err(|error| Failure::new(format!("{}: {error}", new.path().display())))?;
        new.finish()?;
    }
    printer.file(&args.dir, true);
    printer.status(format_args!("manual pages and completions are in {}", args.dir.display()));
    Ok(Exit::Done)
}

/// The name and the text of a file.
type Page = (String, Vec<u8>);

fn completions() -> Vec<Page> {
    [Shell::Bash, Shell::Zsh, Shell::Fish].map(completion).into()
}

fn completion(shell: Shell) -> Page {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut help::command(), NAME, &mut text);
    match shell {
        Shell::Bash => text = with_one_label(&String::from_utf8_lossy(&text)).into_bytes(),
        Shell::Fish => text.extend(fish_arguments(&help::command()).into_bytes()),
        _ => {}
    }
    (shell.file_name(NAME), text)
}

/// Names each subcommand as the script looks it up.
///
/// clap_complete 4.6.11 writes the hyphen of the program's name in two ways, so that the script finds no
/// subcommand and completes the first word only.
fn with_one_label(script: &str) -> String {
    let label = |hyphen| NAME.replace('-', hyphen);
    script.replace(&label("__subcmd__"), &label("__"))
}

/// The values of arguments that are no options, which clap_complete leaves out for fish.
fn fish_arguments(command: &Command) -> String {
    let mut lines = String::new();
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        for argument in subcommand.get_positionals() {
            for value in argument.get_possible_values() {
                let value = value.get_name();
                lines += &format!(
                    "complete -c {NAME} -n \"__fish_seen_subcommand_from {name}\" -f -a \"{value}\"\n"
                );
            }
        }
    }
    lines
}

fn manual_pages(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        manual_pages(command, pages)?;
    }
    let (page, mut text) = (Man::new(command.clone()), Vec::new());
    page.render(&mut text)?;
    pages.push((page.get_filename(), text));
    Ok(())
}
