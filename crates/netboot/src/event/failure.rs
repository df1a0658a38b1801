//! Why a file was not sent.

/// Why a file was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no such file.
    #[error("not found")]
    NotFound,
    /// The client may not have it.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// No file that is served can have such a name.
    #[error("refused: {0}")]
    Name(&'static str),
    /// The client only wanted to know the size, and said so by giving up; UEFI does it every time.
    #[error("client asked for the size only")]
    SizeProbe,
    /// The client gave up.
    #[error("client gave up: error {code}, {text:?}")]
    ClientError {
        /// The TFTP error code.
        code: u16,
        /// Its text, shortened.
        text: String,
    },
    /// The client went silent or hung up.
    #[error("client went silent")]
    Lost,
    /// A limit was reached.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The request is malformed.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The file was written to while it was sent, so that what was sent is a mixture.
    #[error("the file changed while it was sent")]
    Changed,
    /// The file could not be read.
    #[error("cannot read: {0}")]
    Io(String),
}

impl Failure {
    /// One word for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Refused(_) | Self::Name(_) => "refused",
            Self::SizeProbe => "size_probe",
            Self::ClientError { .. } => "client_error",
            Self::Lost => "lost",
            Self::Busy(_) => "busy",
            Self::Malformed(_) => "malformed",
            Self::Changed => "changed",
            Self::Io(_) => "io",
        }
    }
}
