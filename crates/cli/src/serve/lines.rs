//! Lines of a log, written to what may be full, gone or slow.

use std::io::{self, ErrorKind, Write};

/// Writes whole lines. Those that cannot be written are counted, and a line says how many they were once
/// others can be written again.
pub(super) struct Lines<W> {
    out: W,
    waiting: Vec<u8>,
    /// Lines that were left out and not yet reported.
    left_out: u64,
    /// Whether the last line that was written has no end.
    torn: bool,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, waiting: Vec::new(), left_out: 0, torn: false }
    }

    /// Adds a line, to be written with the next ones.
    pub(super) fn add(&mut self, line: &str) {
        self.waiting.extend(line.as_bytes());
        self.waiting.push(b'\n');
    }

    /// Counts lines that were left out before they came here.
    pub(super) fn without(&mut self, lines: u64) {
        self.left_out += lines;
    }

    /// Writes what was added; `missing` makes the line that says how many lines are missing.
    ///
    /// # Errors
    /// Where it cannot be written. What was not is counted.
    pub(super) fn write(&mut self, missing: impl Fn(u64) -> String) -> io::Result<()> {
        let mut bytes = Vec::new();
        if self.torn {
            bytes.push(b'\n');
        }
        if self.left_out > 0 {
            bytes.extend(missing(self.left_out).as_bytes());
            bytes.push(b'\n');
        }
        let head = bytes.len();
        bytes.append(&mut self.waiting);
        let mut written = 0;
        let result = loop {
            match self.out.write(&bytes[written..]) {
                _ if written == bytes.len() => break Ok(()),
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if written > 0 {
            self.torn = bytes[written - 1] != b'\n';
        }
        // A line that lacks its end alone is there: the end comes with the next line.
        let there = written + usize::from(self.torn && bytes.get(written) == Some(&b'\n'));
        if there >= head {
            self.left_out = 0;
        }
        let rest = &bytes[there.max(head)..];
        self.left_out += rest.iter().filter(|byte| **byte == b'\n').count() as u64;
        result.and_then(|()| self.out.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then refuses.
    struct Disk {
        room: usize,
        error: ErrorKind,
        text: String,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 && !bytes.is_empty() {
                return Err(self.error.into());
            }
            // Bit by bit, as pipes do.
            let taken = bytes.len().min(self.room).min(7);
            self.room -= taken;
            self.text.push_str(std::str::from_utf8(&bytes[..taken]).unwrap());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn missing(lines: u64) -> String {
        format!("{lines} left out")
    }

    fn lines(room: usize, error: ErrorKind) -> Lines<Disk> {
        Lines::new(Disk { room, error, text: String::new() })
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_missing_of() {
        for error in [ErrorKind::BrokenPipe, ErrorKind::StorageFull, ErrorKind::WouldBlock] {
            let mut lines = lines(12, error);
            lines.add("first line");
            lines.add("second");
            assert_eq!(lines.write(missing).unwrap_err().kind(), error);
            lines.add("third");
            assert_eq!(lines.write(missing).unwrap_err().kind(), error);
            lines.out.room = 100;
            lines.add("fourth");
            lines.write(missing).unwrap();
            lines.add("fifth");
            lines.write(missing).unwrap();
            assert_eq!(lines.out.text, "first line\ns\n2 left out\nfourth\nfifth\n");
        }
    }

    #[test]
    fn every_line_is_written_or_counted_wherever_the_room_ends() {
        for room in 0..60 {
            let mut lines = lines(room, ErrorKind::StorageFull);
            for number in 0..6 {
                lines.add(&format!("line {number}"));
                let _ = lines.write(missing);
                lines.out.room += 3;
            }
            lines.out.room = 100;
            lines.write(missing).unwrap();
            assert_eq!((lines.left_out, lines.torn), (0, false));
            let (mut whole, mut counted) = (0, 0);
            for line in lines.out.text.lines() {
                whole += usize::from(line.len() == 6 && line.starts_with("line "));
                let count = line.strip_suffix(" left out").and_then(|count| count.parse().ok());
                counted += count.unwrap_or(0_usize);
            }
            assert_eq!(whole + counted, 6, "{room}: {:?}", lines.out.text);
        }
    }

    #[test]
    fn what_was_left_out_before_is_missing_of_too() {
        let mut lines = lines(100, ErrorKind::StorageFull);
        lines.write(missing).unwrap();
        lines.without(3);
        lines.write(missing).unwrap();
        assert_eq!(lines.out.text, "3 left out\n");
    }
}
