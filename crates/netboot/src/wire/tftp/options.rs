//! Options as name and value in text, both ended by a zero (RFC 2347).

/// The least `blksize` that may be agreed, in bytes (RFC 2348).
pub(crate) const MIN_BLOCK_SIZE: u16 = 8;
/// The greatest `blksize`: what fits a UDP datagram over IPv4 (RFC 2348).
pub(crate) const MAX_BLOCK_SIZE: u16 = 65464;
/// Bytes in a block where nothing is agreed (RFC 1350).
pub(crate) const DEFAULT_BLOCK_SIZE: u16 = 512;

/// The options that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `blksize`: bytes in a block (RFC 2348). A greater number than the RFC allows is read as the
    /// greatest that it allows, since a server may answer with less anyway.
    pub block_size: Option<u16>,
    /// `tsize`: bytes in the file; a client asks with 0 (RFC 2349).
    pub transfer_size: Option<u64>,
    /// `timeout`: seconds until a packet is sent again (RFC 2349).
    pub timeout: Option<u8>,
    /// `windowsize`: blocks sent without waiting for an acknowledgement (RFC 7440).
    pub window_size: Option<u16>,
}

impl Options {
    /// Reads what is understood and drops the rest: unknown names, values out of range, and whatever
    /// follows an unterminated text. Of two options with one name the first counts.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut options = Self::default();
        let mut texts =
            bytes.split_inclusive(|byte| *byte == 0).map_while(|t| t.strip_suffix(b"\0"));
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let Some(value) = number(value) else { continue };
            if name.eq_ignore_ascii_case(b"blksize") {
                options.block_size = options.block_size.or_else(|| {
                    let value = value.min(MAX_BLOCK_SIZE.into());
                    u16::try_from(value).ok().filter(|value| *value >= MIN_BLOCK_SIZE)
                });
            } else if name.eq_ignore_ascii_case(b"tsize") {
                options.transfer_size = options.transfer_size.or(Some(value));
            } else if name.eq_ignore_ascii_case(b"timeout") {
                let seconds = u8::try_from(value).ok().filter(|seconds| *seconds > 0);
                options.timeout = options.timeout.or(seconds);
            } else if name.eq_ignore_ascii_case(b"windowsize") {
                let blocks = u16::try_from(value).ok().filter(|blocks| *blocks > 0);
                options.window_size = options.window_size.or(blocks);
            }
        }
        options
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let all = [
            ("blksize", self.block_size.map(u64::from)),
            ("tsize", self.transfer_size),
            ("timeout", self.timeout.map(u64::from)),
            ("windowsize", self.window_size.map(u64::from)),
        ];
        for (name, value) in all {
            let Some(value) = value else { continue };
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            out.extend_from_slice(value.to_string().as_bytes());
            out.push(0);
        }
    }
}

/// Decimal digits only: `parse` alone would take a leading plus.
fn number(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Options {
        Options::parse(bytes)
    }

    #[test]
    fn senseless_values_are_dropped_and_the_rest_is_kept() {
        let options = parsed(
            b"blksize\0-1\0tsize\0+3\0timeout\x00256\0windowsize\x000\0multicast\0\0BlkSize\x001024\0",
        );
        assert_eq!(options, Options { block_size: Some(1024), ..Options::default() });
        assert_eq!(parsed(b"blksize\x007\0").block_size, None);
        assert_eq!(parsed(b"tsize\x0018446744073709551616\0").transfer_size, None);
        assert_eq!(parsed(b"timeout\x000\0").timeout, None);
    }

    #[test]
    fn a_block_size_above_the_limit_is_read_as_the_limit() {
        assert_eq!(parsed(b"blksize\x0065535\0").block_size, Some(65464));
        assert_eq!(parsed(b"blksize\x009999999999\0").block_size, Some(65464));
    }

    #[test]
    fn the_first_of_two_counts_and_an_unterminated_one_does_not() {
        assert_eq!(parsed(b"tsize\x001\0tsize\x002\0").transfer_size, Some(1));
        assert_eq!(parsed(b"tsize\x001\0blksize\x001024").block_size, None);
    }
}
