//! The command line with help that a terminal of any width can wrap.

use clap::builder::{Resettable, StyledStr};
use clap::{Command, CommandFactory};

use crate::Cli;

/// The command line. Its help keeps the line breaks of examples, as [`Cli`] alone does, and joins those within
/// paragraphs, where the width of the source code made them.
pub(crate) fn command() -> Command {
    flowing(Cli::command())
}

fn flowing(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let [short, long] = [command.get_about(), command.get_long_about()]
        .map(|text| Resettable::from(text.map(|text| StyledStr::from(joined(&text.to_string())))));
    let command = command.about(short).long_about(long);
    names.iter().fold(command, |command, name| command.mut_subcommand(name, flowing))
}

/// Joins lines that begin without a space to the line before, where that does too.
fn joined(text: &str) -> String {
    let mut out = String::new();
    let mut before = "";
    for line in text.lines() {
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
        if !out.is_empty() {
            out.push(if is_prose(before) && is_prose(line) { ' ' } else { '\n' });
        }
        out.push_str(line);
        before = line;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_paragraphs_flow() {
        let text = "One\n\nExamples:\n  a b\n  c\n      d\n\nTwo lines of\nprose.\n";
        assert_eq!(joined(text), "One\n\nExamples:\n  a b\n  c\n      d\n\nTwo lines of prose.");
    }

    /// The lines that are shorter than they could be, though the next one goes on.
    fn broken(command: &Command, width: usize) -> Vec<String> {
        let text = command.clone().term_width(width).render_long_help().to_string();
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut broken = Vec::new();
        let mut is_list = false;
        for (line, next) in text.lines().zip(text.lines().skip(1)) {
            is_list = (is_list || line == "Commands:") && !line.is_empty();
            let word = next.split_whitespace().next().unwrap_or_default();
            // A new item: an example, an option, a value of an option.
            let begins =
                word.is_empty() || word == "winpe-iscsi" || word.starts_with(['-', '<', '[']);
            // A column of explanations beside the examples moves below them.
            let is_example = line.trim_start().starts_with("winpe-iscsi");
            let same = !line.is_empty() && indent(line) == indent(next);
            let goes_on = same && !is_list && !begins && !is_example;
            if goes_on && line.chars().count() + 1 + word.chars().count() <= width {
                broken.push(format!("{width}: {line}|{word}"));
            }
        }
        broken
    }

    fn check(command: &Command, found: &mut Vec<String>) {
        for width in 60..=120 {
            found.extend(broken(command, width));
        }
        for command in command.get_subcommands() {
            check(command, found);
        }
    }

    #[test]
    fn no_sentence_is_broken_before_the_end_of_a_line() {
        let mut command = command();
        command.build();
        let mut found = Vec::new();
        check(&command, &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
        // What the test is to find: the same help as the source code has it.
        let mut verbatim = Cli::command();
        verbatim.build();
        check(&verbatim, &mut found);
        assert!(found.len() > 100, "{}", found.len());
    }
}
