//! Text as RFC 764 carries it.

/// `bytes` with LF as CR LF and CR as CR NUL: at most twice as many.
pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\r' => out.extend_from_slice(b"\r\0"),
            byte => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_lone_returns() {
        assert_eq!(encode(b"a\nb\r\nc\r"), b"a\r\nb\r\0\r\nc\r\0");
    }
}
