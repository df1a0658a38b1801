//! Server-sent events, as the HTML standard has them.

use std::io::{BufRead, BufReader, Read};

use super::{LONGEST, Server};
use crate::failure::Failure;

/// The live stream.
pub(super) struct Stream {
    lines: BufReader<Box<dyn Read>>,
}

impl Stream {
    pub(super) fn open(server: &Server) -> Result<Self, Failure> {
        Ok(Self::of(server.open("/api/v1/events")?))
    }

    fn of(bytes: impl Read + 'static) -> Self {
        Self { lines: BufReader::new(Box::new(bytes)) }
    }

    /// The data of the next event; none where the stream has ended.
    pub(super) fn next(&mut self) -> Result<Option<String>, Failure> {
        let mut data = String::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut self.lines).take(LONGEST).read_until(b'\n', &mut line);
            // A server that is gone mid-line has gone.
            if read.is_err() || !line.ends_with(b"\n") {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() && !data.is_empty() {
                return Ok(Some(data));
            }
            if let Some(text) = line.strip_prefix("data:") {
                data.push_str(text.trim_start());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart_and_comments_passed_over() {
        let bytes: &[u8] =
            b": hello\n\nid: 1\nevent: boots\ndata: {}\n\n: still\n\ndata: 2\r\n\r\ndata: to";
        let mut stream = Stream::of(bytes);
        assert_eq!(stream.next().unwrap().as_deref(), Some("{}"));
        assert_eq!(stream.next().unwrap().as_deref(), Some("2"));
        assert_eq!(stream.next().unwrap(), None);
    }
}
