//! The options that server and client agree on.

use super::Limits;
use crate::wire::tftp::{DEFAULT_BLOCK_SIZE, Mode, Options, Request};

/// The options of one transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Bytes in a block.
    pub block_size: u16,
    /// Blocks sent without waiting.
    pub window: u16,
    /// Seconds until a packet is sent again, if the client has set them.
    pub timeout: Option<u8>,
    /// How bytes are carried.
    pub mode: Mode,
    /// The OACK that opens the transfer; none where the client asked for nothing that we grant, so
    /// that the first block is the answer.
    pub answer: Option<Options>,
    /// Whether the file has no bytes.
    pub empty: bool,
}

impl Agreed {
    /// Bytes in flight, at most.
    #[must_use]
    pub fn window_bytes(&self) -> usize {
        usize::from(self.block_size) * usize::from(self.window)
    }
}

/// Decides what is agreed for a file of `size` bytes, with `window_bytes` left to grant.
///
/// Each option is granted, lowered or left out; none makes the request fail, since RFC 2347 lets a client
/// live with any subset. The size is sent for octet transfers only: for netascii it would be that of the
/// translated file, which is unknown before it is sent.
#[must_use]
pub fn negotiate(request: &Request<'_>, size: u64, limits: &Limits, window_bytes: usize) -> Agreed {
    let asked = request.options;
    let block_size = asked.block_size.map(|asked| asked.min(limits.block_size));
    let bytes = block_size.unwrap_or(DEFAULT_BLOCK_SIZE);
    let window_size = asked.window_size.map(|asked| {
        let blocks = window_bytes.min(limits.window_bytes) / usize::from(bytes);
        let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
        asked.min(limits.window_blocks).min(blocks).max(1)
    });
    let answer = Options {
        block_size,
        transfer_size: (asked.transfer_size.is_some() && request.mode == Mode::Octet)
            .then_some(size),
        timeout: asked.timeout,
        window_size,
    };
    Agreed {
        block_size: bytes,
        window: window_size.unwrap_or(1),
        timeout: asked.timeout,
        mode: request.mode,
        answer: (answer != Options::default()).then_some(answer),
        empty: size == 0,
    }
}

/// The greatest block to grant where `most` is allowed and the path carries blocks of `path` bytes
/// without fragments.
///
/// Boot programs ask for what their own link carries and may not reassemble fragments, so they get what the
/// whole path carries. A client that asks for more than an Ethernet frame holds was configured so, such as
/// Windows' loader by `ramdisktftpblocksize`, and gets it.
#[must_use]
pub(crate) fn most_block_size(asked: Option<u16>, most: u16, path: impl FnOnce() -> u16) -> u16 {
    match asked {
        Some(..=ETHERNET_BLOCK_SIZE) => most.min(path()),
        _ => most,
    }
}

/// 1500 bytes without the headers of IPv4, UDP and TFTP.
const ETHERNET_BLOCK_SIZE: u16 = 1468;

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(options: Options, mode: Mode, window_bytes: usize) -> Agreed {
        let request = Request { file: "f", mode, options };
        negotiate(&request, 42430, &Limits::default(), window_bytes)
    }

    #[test]
    fn nothing_asked_is_nothing_answered() {
        let agreed = agreed(Options::default(), Mode::Octet, 0);
        assert_eq!((agreed.block_size, agreed.window, agreed.answer), (512, 1, None));
    }

    #[test]
    fn the_window_is_bounded_in_blocks_in_bytes_and_by_what_is_left() {
        let window = |block_size, window_size, left| {
            let options = Options {
                block_size: Some(block_size),
                window_size: Some(window_size),
                ..Options::default()
            };
            let agreed = agreed(options, Mode::Octet, left);
            assert_eq!(agreed.answer.unwrap().window_size, Some(agreed.window));
            agreed.window
        };
        assert_eq!(window(1468, 4, usize::MAX), 4);
        assert_eq!(window(512, 65535, usize::MAX), 64);
        assert_eq!(window(65464, 64, usize::MAX), 4);
        assert_eq!(window(1468, 64, 3000), 2);
        assert_eq!(window(1468, 64, 0), 1);
    }

    #[test]
    fn fragments_are_sent_only_to_who_asks_for_them() {
        let granted = |asked| most_block_size(asked, 16_384, || 1400);
        assert_eq!(granted(Some(1468)), 1400);
        assert_eq!(granted(Some(1469)), 16_384);
        assert_eq!(granted(None), 16_384, "and 512 by RFC 1350");
    }

    #[test]
    fn the_size_is_told_in_octets_only() {
        let options = Options { transfer_size: Some(0), ..Options::default() };
        assert_eq!(agreed(options, Mode::Octet, 0).answer.unwrap().transfer_size, Some(42430));
        assert_eq!(agreed(options, Mode::Netascii, 0).answer, None);
    }
}
