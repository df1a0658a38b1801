//! iSCSI names. Source: RFC 7143, section 4.2.7.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// The longest name, in bytes.
const LONGEST: usize = 223;

/// The name of an initiator, of one of the three forms: `iqn.`, `eui.` and `naa.`.
///
/// ```
/// use winpe_san::IscsiName;
/// let name: IscsiName = "iqn.2011-12.com.example:lab".parse()?;
/// assert_eq!(name.as_str(), "iqn.2011-12.com.example:lab");
/// assert!("iqn.2011-13.com.example:lab".parse::<IscsiName>().is_err(), "no such month");
/// # Ok::<(), winpe_san::IscsiNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct IscsiName(String);

/// Why a text is not an iSCSI name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} is no iSCSI name: expected {expected}")]
pub struct IscsiNameError {
    /// The text given.
    pub name: String,
    /// What was expected.
    pub expected: &'static str,
}

impl IscsiName {
    /// The name as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IscsiName {
    type Error = IscsiNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for IscsiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for IscsiName {
    type Err = IscsiNameError;

    fn from_str(name: &str) -> Result<Self, IscsiNameError> {
        let expected = |expected| IscsiNameError { name: name.to_owned(), expected };
        check_target(name)?;
        let hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let valid = match name.split_at_checked(4) {
            Some(("iqn.", rest)) => is_qualified(rest)
                .then_some(())
                .ok_or("iqn.YYYY-MM, a dot, a reversed domain, and, after a colon, anything"),
            Some(("eui.", rest)) => {
                (rest.len() == 16 && hex(rest)).then_some(()).ok_or("eui. and 16 hex digits")
            }
            Some((_, rest)) => (matches!(rest.len(), 16 | 32) && hex(rest))
                .then_some(())
                .ok_or("naa. and 16 or 32 hex digits"),
            None => Err(FORMS),
        };
        valid.map_err(expected)?;
        Ok(Self(name.to_owned()))
    }
}

const FORMS: &str = "a name that begins with iqn., eui. or naa.";

/// Checks that also apply to the name of a target. Administrators name their targets, and many omit
/// the date that an `iqn.` name should have.
pub(super) fn check_target(name: &str) -> Result<(), IscsiNameError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
    let expected = match name {
        _ if !["iqn.", "eui.", "naa."].iter().any(|form| name.starts_with(form)) => FORMS,
        _ if name.len() > LONGEST => "at most 223 bytes",
        _ if name.len() == 4 => "more than the form",
        _ if !name.chars().all(plain) => "letters, digits, hyphens, dots and colons only",
        _ => return Ok(()),
    };
    Err(IscsiNameError { name: name.to_owned(), expected })
}

/// `YYYY-MM.domain[:anything]`, without the `iqn.`.
fn is_qualified(rest: &str) -> bool {
    let Some((date, authority)) = rest.split_once('.') else { return false };
    let Some((year, month)) = date.split_once('-') else { return false };
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let domain = authority.split(':').next().unwrap_or_default();
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(plain)
    };
    digits(year, 4)
        && digits(month, 2)
        && (1..=12).contains(&month.parse().unwrap_or(0))
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_distinguished() {
        for name in [
            "iqn.1991-05.com.microsoft:pc-1",
            "iqn.2001-04.com.example",
            "iqn.2001-04.com.example:a:b.c",
            "eui.02004567A425678D",
            "naa.52004567BA64678D",
            "naa.62004567BA64678D0123456789ABCDEF",
        ] {
            assert_eq!(name.parse::<IscsiName>().unwrap().as_str(), name);
        }
        for (name, expected) in [
            ("", "begins with"),
            ("iqn", "begins with"),
            ("host", "begins with"),
            ("IQN.2001-04.com.example", "begins with"),
            ("iqn.", "more than the form"),
            ("iqn.com.example:a", "YYYY-MM"),
            ("iqn.2001-00.com.example", "YYYY-MM"),
            ("iqn.2001-4.com.example", "YYYY-MM"),
            ("iqn.2001-04.:a", "YYYY-MM"),
            ("iqn.2001-04.com..example", "YYYY-MM"),
            ("iqn.2001-04.com.example:a b", "letters"),
            ("iqn.2001-04.com.example:a&b", "letters"),
            ("eui.02004567A425678", "16 hex"),
            ("eui.02004567A425678G", "16 hex"),
            ("naa.520045", "16 or 32"),
        ] {
            let error = name.parse::<IscsiName>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let long = format!("iqn.2001-04.com.example:{}", "a".repeat(200));
        assert!(long.parse::<IscsiName>().is_err());
    }
}
