//! Text as RFC 764 carries it.

/// Appends `bytes` to `out`, LF as CR LF and CR as CR NUL: at most twice as many.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\r' => out.extend_from_slice(b"\r\0"),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_lone_returns() {
        let mut out = Vec::new();
        encode(b"a\nb\r\nc\r", &mut out);
        assert_eq!(out, b"a\r\nb\r\0\r\nc\r\0");
    }
}
