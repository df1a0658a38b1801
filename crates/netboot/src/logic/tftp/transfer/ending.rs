//! How far a transfer has come, and how it ended.

use crate::wire::tftp::ErrorCode;

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The client has the whole file.
    Complete,
    /// The whole file was sent, but the last acknowledgement is missing: some firmware starts what it loaded
    /// before it sends one.
    Unconfirmed,
    /// The client wanted to know the size and left when it knew it; UEFI and others do so each time.
    SizeProbe,
    /// The client gave up.
    Aborted {
        /// Its error code.
        code: ErrorCode,
        /// Its text, shortened.
        message: String,
    },
    /// The client went silent.
    Lost,
    /// The file could not be read on.
    Unreadable,
}

/// Why a packet changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// An ACK that was heard before. Answering it would send everything twice from there on, the
    /// "sorcerer's apprentice" of RFC 1123.
    #[error("repeated acknowledgement")]
    Repeated,
    /// An ACK of a block that is not on its way.
    #[error("acknowledgement of a block that is not on its way")]
    Stray,
    /// A packet that only a server sends, or another request.
    #[error("packet that a client does not send during a transfer")]
    Unexpected,
    /// The transfer is over.
    #[error("the transfer is over")]
    Over,
}

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes acknowledged, as they went over the wire.
    pub bytes: u64,
    /// DATA packets sent, repeated ones too.
    pub packets: u64,
    /// DATA packets that were sent again.
    pub repeated: u64,
}
