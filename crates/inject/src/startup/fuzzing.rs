//! The editors of start-up scripts for the fuzz target `startup_text`. Compiled with `--cfg fuzzing`
//! only, and no part of the public API.

use super::startnet::{self, Calls};
use super::text::Text;
use super::winpeshl;

/// A script that WinPE starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// `startnet.cmd`.
    Startnet,
    /// `winpeshl.ini`.
    Winpeshl,
}

/// The bytes with calls of our scripts instead of earlier ones. `None` if a block of ours has no end.
#[must_use]
pub fn call(script: Script, bytes: &[u8], early: bool, connect: bool) -> Option<Vec<u8>> {
    let calls = Calls { early, connect };
    let mut text = Text::parse(bytes);
    match script {
        Script::Startnet => drop(startnet::edit(&mut text, calls).ok()?),
        Script::Winpeshl => drop(winpeshl::edit(&mut text, calls)),
    }
    Some(text.to_bytes())
}

/// The bytes without calls of our scripts. `None` if a block of ours has no end.
#[must_use]
pub fn strip(script: Script, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Text::parse(bytes);
    match script {
        Script::Startnet => startnet::strip(&mut text).ok()?,
        Script::Winpeshl => winpeshl::strip(&mut text),
    }
    Some(text.to_bytes())
}
