//! The only place that writes to the terminal: results to stdout, everything else to stderr.

mod channel;
mod document;
mod escape;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, PrettyFormatter, Serializer};
use winpe_wim::Progress;

use self::channel::Channel;
use self::document::{END, Unended};
use self::escape::Stream;
use crate::failure::Failure;

pub(crate) use self::document::Ending;

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
    choice: ColorChoice,
    out: Channel<io::Stdout>,
    err: Channel<io::Stderr>,
    /// Bytes of the result on their way to a terminal.
    stream: Stream,
    /// Whether the end of a JSON document is still to be written.
    unended: bool,
    /// Whether the result is JSON documents of a line each.
    in_lines: bool,
    /// Files and folders that were written, or found right.
    files: Vec<(PathBuf, bool)>,
    /// Whether a write has failed since the reader of the output has closed it.
    ended: bool,
}

/// The version of what `--json` prints. It becomes another where a field gets another meaning or goes.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Versioned<'a, T> {
    schema: u32,
    #[serde(flatten)]
    result: &'a T,
}

impl Printer {
    pub(crate) fn new(json: bool, quiet: bool, color: Color) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self::to_streams(json, quiet, choice)
    }

    /// Another one that writes to the same places, for another thread.
    pub(crate) fn beside(&self) -> Self {
        Self::to_streams(self.json, self.quiet, self.choice)
    }

    fn to_streams(json: bool, quiet: bool, choice: ColorChoice) -> Self {
        let (out, err) = (Channel::stdout(choice), Channel::stderr(choice));
        Self {
            json,
            quiet,
            choice,
            out,
            err,
            stream: Stream::default(),
            unended: false,
            in_lines: false,
            files: Vec::new(),
            ended: false,
        }
    }

    /// Whether results are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether only results and errors are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line of the result. A line break in it is one of the data.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        self.out.line(Style::new(), "", text)
    }

    /// Lines of the result, as a file that is shown has them.
    pub(crate) fn lines(&mut self, text: &str) -> io::Result<()> {
        let shown =
            |line| if self.out.is_terminal { str::trim_end_matches(line, '\r') } else { line };
        let lines: Vec<_> = text.split('\n').map(shown).collect();
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    /// A line of the result whose first words have a tone.
    pub(crate) fn toned(&mut self, tone: Tone, words: &str, rest: impl Display) -> io::Result<()> {
        let style = match tone {
            Tone::Good => ADDED.bold(),
            Tone::Bad => ERROR,
            Tone::Plain => STRONG,
        };
        self.out.line(style, words, rest)
    }

    /// A heading of the result.
    pub(crate) fn heading(&mut self, text: impl Display) -> io::Result<()> {
        self.out.line(STRONG, text, "")
    }

    /// The result, a structure, as one JSON document that says which schema it follows.
    pub(crate) fn json(&mut self, result: &impl Serialize) -> Result<(), Failure> {
        self.document(&Versioned { schema: SCHEMA, result })
    }

    /// A JSON document as it is. Its end follows when the run ends: then it is known what was written.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        self.end(&Ending::default())?;
        let out = Unended::new(self.out.bytes());
        document.serialize(&mut Serializer::with_formatter(
            out,
            escape::Json(PrettyFormatter::new()),
        ))?;
        self.unended = true;
        Ok(())
    }

    /// A file or folder that was written, or that already was what it would be.
    pub(crate) fn file(&mut self, path: &Path, written: bool) {
        self.files.push((path.to_path_buf(), written));
    }

    /// Ends the JSON document; without one it is a new document.
    fn end(&mut self, ending: &Ending) -> Result<(), Failure> {
        if !self.unended && (ending.is_empty() || !self.json) {
            return Ok(());
        }
        if !self.unended && self.in_lines {
            return self.json_line(&Versioned { schema: SCHEMA, result: ending });
        }
        if !self.unended {
            self.json(&serde_json::json!({}))?;
        }
        self.unended = false;
        if !ending.is_empty() {
            let mut text = Vec::new();
            let format = escape::Json(PrettyFormatter::new());
            ending.serialize(&mut Serializer::with_formatter(&mut text, format))?;
            let fields = text.strip_prefix(b"{").and_then(|text| text.strip_suffix(END));
            let out = self.out.bytes();
            out.write_all(b",")?;
            out.write_all(fields.unwrap_or_default())?;
        }
        let out = self.out.bytes();
        out.write_all(END)?;
        Ok(out.write_all(b"\n")?)
    }

    /// A part of the result as a JSON document in one line.
    pub(crate) fn json_line(&mut self, part: &impl Serialize) -> Result<(), Failure> {
        self.in_lines = true;
        let out = self.out.bytes();
        let format = escape::Json(CompactFormatter);
        part.serialize(&mut Serializer::with_formatter(&mut *out, format))?;
        Ok(out.write_all(b"\n")?)
    }

    /// A diff: what goes in red, what comes in green.
    pub(crate) fn diff(&mut self, text: &str) -> io::Result<()> {
        for line in text.split_terminator('\n') {
            let style = match line.as_bytes().first() {
                Some(b'+') => ADDED,
                Some(b'-') => REMOVED,
                _ => FAINT,
            };
            self.out.line(style, line, "")?;
        }
        // What follows on standard error follows on the screen.
        if self.out.is_terminal { self.out.flush() } else { Ok(()) }
    }

    /// Bytes of the result, such as an exported file. To a terminal they go as text that steers nothing. Where
    /// nobody reads them any more, writing fails, so that a command that does nothing else can end.
    pub(crate) fn raw(&mut self) -> Raw<'_> {
        Raw(self)
    }

    /// A progress bar on a terminal, for what takes over a second.
    pub(crate) fn status(&mut self, text: impl Display) {
        if !self.quiet {
            self.say(Style::new(), "", &text.to_string());
        }
    }

    /// What a person should know though it stops nothing.
    pub(crate) fn warning(&mut self, text: impl Display) {
        self.say(WARNING, "warning", &format!(": {text}"));
    }

    /// Why the run ends, and what may help.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        self.say(ERROR, "error", &format!(": {}", failure.message()));
        for hint in failure.hints() {
            self.say(HINT, "hint", &format!(": {hint}"));
        }
        // Where the result cannot be written, the text is all that there is.
        let _ = self.end(&Ending::of(&self.files, Some(failure)));
        let _ = self.out.flush();
    }

    /// Ends the output of a run that was done.
    pub(crate) fn done(&mut self) -> Result<(), Failure> {
        let files = if self.json { self.files.as_slice() } else { &[] };
        self.end(&Ending::of(files, None))?;
        self.finish()
    }

    fn say(&mut self, style: Style, words: &str, text: &str) {
        // What was printed before comes before it. A closed output is no reason to stop.
        let _ = self.out.flush();
        let _ = self.err.message(style, words, text);
        let _ = self.err.flush();
    }

    /// A bar for what may take over a second; it shows on a terminal only, and only once it has.
    pub(crate) fn progress(&self, what: &'static str) -> Bar {
        let hidden = self.quiet || self.json || !self.err.is_terminal;
        Bar { bar: if hidden { ProgressBar::hidden() } else { bar(what) } }
    }

    /// Everything written so far reaches its reader.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let rest = self.stream.end();
        self.out.bytes().write_all(rest.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Whether whoever read the result has closed it. What is printed then is dropped.
    pub(crate) fn reader_is_gone(&self) -> bool {
        self.out.is_gone()
    }

    /// Whether a command ended because of that.
    pub(crate) fn was_ended(&self) -> bool {
        self.ended
    }
}

/// Takes bytes of the result.
pub(crate) struct Raw<'p>(&'p mut Printer);

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Printer { out, stream, ended, .. } = &mut *self.0;
        if out.is_terminal {
            out.bytes().write_all(stream.pass(bytes).as_bytes())?;
        } else {
            out.bytes().write_all(bytes)?;
        }
        if out.is_gone() {
            *ended = true;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.out.flush()
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

    /// What is done, where no bytes are counted.
    pub(crate) fn say(&self, what: impl Display) {
        if self.bar.elapsed() > Duration::from_secs(1) {
            self.bar.set_style(ProgressStyle::with_template("{msg}").expect("it is constant"));
            self.bar.set_message(what.to_string());
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
