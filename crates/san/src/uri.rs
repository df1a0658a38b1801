//! URIs of iSCSI disks. Source: RFC 4173, section 5, as iPXE reads it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::name::{IscsiNameError, check_target};

/// `iscsi:HOST:PROTOCOL:PORT:LUN:NAME`, where protocol, port and LUN may be left empty.
///
/// ```
/// use winpe_san::SanUri;
/// let uri: SanUri = "iscsi:192.168.0.20::::iqn.2011-12.com.example:win7".parse()?;
/// assert_eq!((uri.host(), uri.port(), uri.lun()), ("192.168.0.20", 3260, 0));
/// let uri: SanUri = "iscsi:[2001:db8::20]::3261:2:iqn.2011-12.com.example:win7".parse()?;
/// assert_eq!((uri.host(), uri.port(), uri.lun()), ("2001:db8::20", 3261, 2));
/// # Ok::<(), winpe_san::SanUriError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SanUri {
    text: String,
    host: String,
    port: u16,
    lun: u64,
    target: String,
}

/// Why a text is not the URI of an iSCSI disk.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{uri:?}, character {column}: expected {expected}, found {found:?}")]
pub struct SanUriError {
    /// The text given.
    pub uri: String,
    /// Where the wrong part begins, in characters from 1.
    pub column: usize,
    /// What was expected there.
    pub expected: String,
    /// The text found there.
    pub found: String,
}

/// The TCP port of a portal unless the URI names another (RFC 7143, section 4.1).
pub const PORT: u16 = 3260;

impl SanUri {
    /// A host name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port; 3260 unless given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The LUN as a number, with the first of the four groups in the most significant 16 bits; 0
    /// unless given.
    #[must_use]
    pub fn lun(&self) -> u64 {
        self.lun
    }

    /// The target's iSCSI name.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl TryFrom<String> for SanUri {
    type Error = SanUriError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for SanUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for SanUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl FromStr for SanUri {
    type Err = SanUriError;

    fn from_str(text: &str) -> Result<Self, SanUriError> {
        let mut parts = Parts { uri: text, rest: text };
        let scheme = parts.field("iscsi:")?;
        if !scheme.eq_ignore_ascii_case("iscsi") {
            return Err(parts.error(scheme, "iscsi:"));
        }
        let host = parts.host()?;
        let protocol = parts.field("a colon after the protocol")?;
        if !matches!(protocol, "" | "6") {
            return Err(parts.error(protocol, "the protocol 6, which is TCP, or nothing"));
        }
        let port = parts.field("a colon after the port")?;
        let number = if port.is_empty() { Some(PORT) } else { decimal(port) };
        let number = number.ok_or_else(|| parts.error(port, "a port from 1 to 65535, or nothing"));
        let port = number?;
        let lun = parts.field("a colon after the LUN")?;
        let number = parse_lun(lun).ok_or_else(|| {
            parts.error(lun, "a LUN of up to four groups of hex digits with hyphens, or nothing")
        });
        let lun = number?;
        let target = parts.rest;
        check_target(target)
            .map_err(|IscsiNameError { expected, .. }| parts.error(target, expected))?;
        Ok(Self { text: text.to_owned(), host, port, lun, target: target.to_owned() })
    }
}

/// The part of a URI that has not been read yet.
struct Parts<'a> {
    uri: &'a str,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// Returns the text up to the next colon, and moves after it.
    fn field(&mut self, expected: &str) -> Result<&'a str, SanUriError> {
        let Some((field, rest)) = self.rest.split_once(':') else {
            return Err(self.error(self.rest, expected));
        };
        self.rest = rest;
        Ok(field)
    }

    fn host(&mut self) -> Result<String, SanUriError> {
        let Some(bracketed) = self.rest.strip_prefix('[') else {
            let host = self.field("a colon after the host")?;
            let is_host = host.parse::<Ipv4Addr>().is_ok() || is_domain(host);
            return match is_host {
                true => Ok(host.to_owned()),
                false => Err(self.error(
                    host,
                    "a host name, or an IPv4 address, or an IPv6 \
                    address in brackets",
                )),
            };
        };
        let expected = "an IPv6 address in brackets and a colon";
        let found = bracketed.split_once("]:");
        let Some((address, rest)) = found.filter(|(it, _)| it.parse::<Ipv6Addr>().is_ok()) else {
            return Err(self.error(self.rest, expected));
        };
        self.rest = rest;
        Ok(address.to_owned())
    }

    /// `found` is a part of the URI.
    fn error(&self, found: &str, expected: &str) -> SanUriError {
        let at = (found.as_ptr() as usize).saturating_sub(self.uri.as_ptr() as usize);
        let column = self.uri.get(..at).unwrap_or_default().chars().count() + 1;
        SanUriError {
            uri: self.uri.to_owned(),
            column,
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

fn is_domain(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && label.chars().all(plain)
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    host.len() <= 253 && !numeric && host.split('.').all(label)
}

fn decimal(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port > 0)
}

/// Up to four groups of 16 bits; a single group is the first one, as in a usual LUN.
fn parse_lun(text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let mut lun = 0;
    for (index, group) in text.split('-').enumerate() {
        let hex = group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if index == 4 || !(1..=4).contains(&group.len()) || !hex {
            return None;
        }
        lun |= u64::from_str_radix(group, 16).ok()? << (48 - 16 * index);
    }
    Some(if text.contains('-') { lun } else { lun >> 48 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "iqn.2011-12.com.example:win7";

    #[test]
    fn empty_fields_have_defaults() {
        for text in ["iscsi:h::::", "iscsi:h:6::0:", "iscsi:h::3260::", "ISCSI:h:6:3260:0:"] {
            let uri: SanUri = format!("{text}{NAME}").parse().unwrap();
            assert_eq!((uri.host(), uri.port(), uri.lun(), uri.target()), ("h", 3260, 0, NAME));
        }
        let uri: SanUri = format!("iscsi:nas.lab::860:4752-3A4F-6b7e-2F99:{NAME}").parse().unwrap();
        assert_eq!((uri.host(), uri.port(), uri.lun()), ("nas.lab", 860, 0x4752_3a4f_6b7e_2f99));
        // A common form without the date.
        assert!("iscsi:h::::iqn.example.com:win7".parse::<SanUri>().is_ok());
    }

    #[test]
    fn an_error_has_the_column_and_the_expected_part() {
        for (text, column, expected) in [
            ("", 1, "iscsi:"),
            ("iscsi", 1, "iscsi:"),
            ("nbd:h::::iqn.a", 1, "iscsi:"),
            ("iscsi:::::iqn.a", 7, "a host name"),
            ("iscsi:h", 7, "a colon after the host"),
            ("iscsi:h:17:::iqn.a", 9, "the protocol 6"),
            ("iscsi:h::0::iqn.a", 10, "a port"),
            ("iscsi:h::65536::iqn.a", 10, "a port"),
            ("iscsi:h::+1::iqn.a", 10, "a port"),
            ("iscsi:h:::12345:iqn.a", 11, "a LUN"),
            ("iscsi:h:::1-2-3-4-5:iqn.a", 11, "a LUN"),
            ("iscsi:h::::win7", 12, "begins with iqn."),
            ("iscsi:h::::iqn.a&b", 12, "letters"),
            ("iscsi:[::1::::iqn.a", 7, "an IPv6 address"),
            ("iscsi:[h]::::iqn.a", 7, "an IPv6 address"),
            ("iscsi:[fe80::1%eth0]::::iqn.a", 7, "an IPv6 address"),
            ("iscsi:::1::::iqn.a", 7, "a host name"),
            ("iscsi:1.2.3::::iqn.a", 7, "a host name"),
            ("iscsi:h&calc::::iqn.a", 7, "a host name"),
        ] {
            let error = text.parse::<SanUri>().unwrap_err();
            assert_eq!(error.column, column, "{error}");
            assert!(error.expected.contains(expected), "{error}");
        }
    }

    proptest! {
        /// An accepted name is used in a command line without quotes.
        #[test]
        fn no_accepted_name_leaves_its_argument(text in "iscsi:[ -~é]{0,40}(:[ -~]{0,4}){3}:iqn\\.[ -~]{0,20}") {
            if let Ok(uri) = text.parse::<SanUri>() {
                let safe = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
                prop_assert!(uri.host().chars().all(safe) && uri.target().chars().all(safe));
                prop_assert_eq!(uri.to_string(), text);
            }
        }
    }
}
