//! Files of CHAP names and secrets.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use winpe_san::{Chap, Secret, read_private};

use super::LoginError;
use crate::config::parse_mac;
use crate::wire::dhcp::Hardware;

/// The content of a file of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chaps {
    One(Chap),
    Each(HashMap<Hardware, Chap>),
}

impl fmt::Display for Chaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(chap) => write!(f, "{} ***", chap.user()),
            Self::Each(machines) => write!(f, "{} machines, each with its own", machines.len()),
        }
    }
}

impl Chaps {
    pub(super) fn read(path: &Path) -> Result<Self, LoginError> {
        let text = read_private(path)?;
        let words = |line: &str| line.split_whitespace().next().map(str::to_owned);
        let mut lines = text.lines().filter(|line| !is_comment(line));
        let first = lines.next().and_then(words);
        if first.is_none_or(|word| parse_mac(&word).is_none()) {
            return Ok(Self::One(Chap::read(path)?));
        }
        let mut machines = HashMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !is_comment(line)) {
            let at = |reason: String| LoginError::Line { path: path.into(), line: number, reason };
            let (machine, chap) = parse_line(line).map_err(at)?;
            if machines.insert(machine, chap).is_some() {
                return Err(at(format!("{machine} has a line already")));
            }
        }
        Ok(Self::Each(machines))
    }

    pub(super) fn of(&self, machine: Hardware) -> Option<Chap> {
        match self {
            Self::One(chap) => Some(chap.clone()),
            Self::Each(machines) => machines.get(&machine).cloned(),
        }
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// `MAC NAME SECRET`; the secret is the rest of the line and may hold spaces.
fn parse_line(line: &str) -> Result<(Hardware, Chap), String> {
    let expected = || "expected MAC, CHAP name and secret, with a space between".to_owned();
    let (machine, rest) = line.trim_start().split_once([' ', '\t']).ok_or_else(expected)?;
    let (user, secret) = rest.trim_start().split_once([' ', '\t']).ok_or_else(expected)?;
    let machine = parse_mac(machine)
        .ok_or_else(|| "expected a MAC address such as 00:14:22:01:23:45".to_owned())?;
    let chap = Chap::new(user, Secret::new(secret)).map_err(|error| error.to_string())?;
    Ok((machine, chap))
}
