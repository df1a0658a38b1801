//! The state of a boot, why, and what helps.

use serde::Serialize;
use utoipa::ToSchema;

/// The state of a boot, why, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    /// In one word.
    pub status: Status,
    /// Which signature decided; a name that stays.
    pub signature: &'static str,
    /// In a line.
    pub summary: String,
    /// The likely reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The state of a boot, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It goes on.
    Booting,
    /// A menu may wait for a person.
    Waiting,
    /// The program that it loaded has taken over.
    HandedOver,
    /// The operating system is up.
    Up,
    /// It stopped.
    Stopped,
}

impl Verdict {
    pub(super) fn new(status: Status, signature: &'static str, summary: impl Into<String>) -> Self {
        Self { status, signature, summary: summary.into(), reason: None, remedy: None }
    }

    pub(super) fn stopped(signature: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Status::Stopped, signature, summary)
    }

    #[must_use]
    pub(super) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    #[must_use]
    pub(super) fn try_this(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
