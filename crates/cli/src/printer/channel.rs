//! Standard output and standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::Style;

use super::escape;

/// A stream to a person or to a program.
///
/// To a terminal goes what names and data may do to none: see [`escape`]. To anything else goes every byte as it
/// is, since it may be a diff that is imported. Our own colours are written only where they are wanted.
pub(super) struct Channel<W: Write> {
    to: BufWriter<Patient<W>>,
    pub(super) is_terminal: bool,
    coloured: bool,
}

impl Channel<io::Stdout> {
    pub(super) fn stdout(choice: ColorChoice) -> Self {
        Self::new(io::stdout(), choice)
    }
}

impl Channel<io::Stderr> {
    pub(super) fn stderr(choice: ColorChoice) -> Self {
        Self::new(io::stderr(), choice)
    }
}

impl<W: Write> Channel<W> {
    fn new(to: W, choice: ColorChoice) -> Self
    where
        W: RawStream,
    {
        let is_terminal = to.is_terminal();
        let choice = match choice {
            ColorChoice::Auto => AutoStream::choice(&to),
            chosen => chosen,
        };
        let coloured = choice != ColorChoice::Never;
        Self { to: BufWriter::new(Patient { to, gone: false }), is_terminal, coloured }
    }

    /// A line: words in a style, and the rest.
    pub(super) fn line(
        &mut self,
        style: Style,
        words: impl Display,
        rest: impl Display,
    ) -> io::Result<()> {
        self.styled(style, words)?;
        self.text(rest)?;
        self.to.write_all(b"\n")
    }

    /// As [`line`](Self::line), where the rest may be of several lines.
    pub(super) fn message(&mut self, style: Style, words: &str, rest: &str) -> io::Result<()> {
        self.styled(style, words)?;
        if self.is_terminal {
            self.to.write_all(escape::message(rest).as_bytes())?;
        } else {
            self.to.write_all(rest.as_bytes())?;
        }
        self.to.write_all(b"\n")
    }

    /// Bytes of our own, or that were made harmless.
    pub(super) fn bytes(&mut self) -> &mut impl Write {
        &mut self.to
    }

    fn styled(&mut self, style: Style, words: impl Display) -> io::Result<()> {
        if !self.coloured {
            return self.text(words);
        }
        write!(self.to, "{style}")?;
        self.text(words)?;
        write!(self.to, "{style:#}")
    }

    fn text(&mut self, text: impl Display) -> io::Result<()> {
        if self.is_terminal {
            return self.to.write_all(escape::line(&text.to_string()).as_bytes());
        }
        write!(self.to, "{text}")
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Whether whoever read this has closed it.
    pub(super) fn is_gone(&self) -> bool {
        self.to.get_ref().gone
    }
}

/// A reader that has seen enough is no reason to stop the work: the rest is dropped.
struct Patient<W> {
    to: W,
    gone: bool,
}

impl<W: Write> Patient<W> {
    fn unless_gone<T>(&mut self, result: io::Result<T>, dropped: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(dropped)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let result = self.to.write(bytes);
        self.unless_gone(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let result = self.to.flush();
        self.unless_gone(result, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstyle::AnsiColor;

    /// Takes some bytes, and is closed then.
    struct Closing(Vec<u8>, usize);

    impl Write for Closing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.1 - self.0.len();
            if room == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.extend(&bytes[..bytes.len().min(room)]);
            Ok(bytes.len().min(room))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn channel(room: usize, is_terminal: bool, coloured: bool) -> Channel<Closing> {
        let to = BufWriter::new(Patient { to: Closing(Vec::new(), room), gone: false });
        Channel { to, is_terminal, coloured }
    }

    fn text(mut channel: Channel<Closing>) -> String {
        channel.flush().unwrap();
        String::from_utf8(channel.to.get_ref().to.0.clone()).unwrap()
    }

    #[test]
    fn what_is_dropped_is_no_error() {
        let mut closed = channel(10, false, false);
        for _ in 0..10_000 {
            closed.line(Style::new(), "0123456", "789").unwrap();
        }
        assert!(closed.is_gone());
        assert_eq!(text(closed), "0123456789");
    }

    #[test]
    fn colours_and_escapes_do_not_depend_on_each_other() {
        let green = AnsiColor::Green.on_default();
        for (is_terminal, coloured, expected) in [
            (false, false, "a\u{1b}b\nc\r\n"),
            (false, true, "\u{1b}[32ma\u{1b}b\u{1b}[0m\nc\r\n"),
            (true, false, "a\\u{1b}b\\nc\\r\n"),
            (true, true, "\u{1b}[32ma\\u{1b}b\u{1b}[0m\\nc\\r\n"),
        ] {
            let mut channel = channel(1000, is_terminal, coloured);
            channel.line(green, "a\u{1b}b", "\nc\r").unwrap();
            assert_eq!(text(channel), expected);
        }
    }
}
