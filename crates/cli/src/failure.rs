//! Why a run could not be done, in words for people.

use std::error::Error;
use std::io;

/// An error and what may help.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error>,
    hints: Vec<String>,
}

impl Failure {
    pub(crate) fn new(error: impl Into<Box<dyn Error>>) -> Self {
        Self { error: error.into(), hints: Vec::new() }
    }

    /// The same failure with one more hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What happened, with each cause that says more than the text before it.
    pub(crate) fn message(&self) -> String {
        let mut message = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        message
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        let error = self.error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(io::Error::from(error))
    }
}
