//! The only place that writes to the terminal: results to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use winpe_wim::Progress;

use crate::failure::Failure;

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a word says by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Neither.
    Plain,
}

pub(crate) struct Printer {
    json: bool,
    quiet: bool,
    out: io::BufWriter<AutoStream<io::Stdout>>,
    /// The same standard output, without the filter that takes escape sequences out of text.
    plain: io::Stdout,
    err: AutoStream<io::Stderr>,
}

impl Printer {
    pub(crate) fn new(json: bool, quiet: bool, color: Color) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            json,
            quiet,
            out: io::BufWriter::new(AutoStream::new(io::stdout(), choice)),
            plain: io::stdout(),
            err: AutoStream::new(io::stderr(), choice),
        }
    }

    /// Another one that writes to the same places, for another thread.
    pub(crate) fn beside(&self) -> Self {
        let choice = self.err.current_choice();
        Self {
            json: self.json,
            quiet: self.quiet,
            out: io::BufWriter::new(AutoStream::new(io::stdout(), choice)),
            plain: io::stdout(),
            err: AutoStream::new(io::stderr(), choice),
        }
    }

    /// Whether results are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of the result.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A line of the result whose first words have a tone.
    pub(crate) fn toned(&mut self, tone: Tone, words: &str, rest: impl Display) -> io::Result<()> {
        let style = match tone {
            Tone::Good => ADDED.bold(),
            Tone::Bad => ERROR,
            Tone::Plain => STRONG,
        };
        writeln!(self.out, "{style}{words}{style:#}{rest}")
    }

    /// A heading of the result.
    pub(crate) fn heading(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{STRONG}{text}{STRONG:#}")
    }

    /// The result as one JSON document.
    pub(crate) fn json(&mut self, result: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.out, result)?;
        writeln!(self.out)?;
        Ok(())
    }

    /// A diff: what goes in red, what comes in green.
    pub(crate) fn diff(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            match line.as_bytes().first() {
                Some(b'+') => writeln!(self.out, "{ADDED}{line}{ADDED:#}")?,
                Some(b'-') => writeln!(self.out, "{REMOVED}{line}{REMOVED:#}")?,
                _ => writeln!(self.out, "{FAINT}{line}{FAINT:#}")?,
            }
        }
        Ok(())
    }

    /// Bytes of the result as they are, such as an exported file.
    pub(crate) fn raw(&mut self) -> &mut impl Write {
        // What cannot be written now stays for `finish`, which says so.
        let _ = self.out.flush();
        &mut self.plain
    }

    /// What is being done, for people who wait.
    pub(crate) fn status(&mut self, text: impl Display) {
        if !self.quiet {
            // Nobody left to tell is no reason to stop.
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// What a person should know though it stops nothing.
    pub(crate) fn warning(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "{WARNING}warning{WARNING:#}: {text}");
    }

    /// Why the run ends, and what may help.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{ERROR}error{ERROR:#}: {}", failure.message());
        for hint in failure.hints() {
            let _ = writeln!(self.err, "{HINT}hint{HINT:#}: {hint}");
        }
    }

    /// A bar for what may take over a second; it shows on a terminal only, and only once it has.
    pub(crate) fn progress(&self, what: &'static str) -> Bar {
        let hidden = self.quiet || self.json || !io::stderr().is_terminal();
        Bar { bar: if hidden { ProgressBar::hidden() } else { bar(what) } }
    }

    /// Everything written so far reaches its reader.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush()?;
        Ok(self.plain.flush()?)
    }
}

/// A progress bar that vanishes when it is dropped.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// How far an operation on a WIM is.
    pub(crate) fn step(&self, step: Progress) {
        match step {
            Progress::Copy { done, total }
            | Progress::Write { done, total }
            | Progress::Extract { done, total }
            | Progress::Verify { done, total } => self.set(done, total),
            _ => {}
        }
    }

    /// `done` of `total` bytes.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if self.bar.elapsed() > Duration::from_secs(1) {
            self.bar.set_length(total);
            self.bar.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
        .expect("the template is constant and valid");
    ProgressBar::no_length().with_style(style).with_message(what)
}
