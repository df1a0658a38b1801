//! Values that people write in more than one shape.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A time as the file has it, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum Time {
    /// Seconds.
    Seconds(u32),
    /// A number with its unit.
    Text(String),
}

/// One value or a list of them, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<T>),
}

/// Reads seconds: a number, or a text such as `90s`, `15m`, `12h`, `1d`.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    struct Seconds;

    impl Visitor<'_> for Seconds {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("seconds, or a time such as \"90s\", \"15m\", \"12h\" or \"1d\"")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
            let wrong = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
            u32::try_from(number).map_err(wrong)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u32, E> {
            parse_time(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Seconds)
}

/// The seconds of a time such as `12h`; a bare number is seconds.
#[must_use]
pub fn parse_time(text: &str) -> Option<u32> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3600),
        (at, 'd') => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let plain = number.bytes().all(|digit| digit.is_ascii_digit());
    number.parse::<u32>().ok().filter(|_| plain)?.checked_mul(unit)
}

/// Reads one value or a list of them.
pub(super) fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr + Deserialize<'de>,
    T::Err: fmt::Display,
{
    struct Values<T>(std::marker::PhantomData<T>);

    impl<'de, T> Visitor<'de> for Values<T>
    where
        T: std::str::FromStr + Deserialize<'de>,
        T::Err: fmt::Display,
    {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let wrong = |error: T::Err| E::custom(format!("{error}, found {text:?}"));
            text.parse().map(|value| vec![value]).map_err(wrong)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(values))
        }
    }

    deserializer.deserialize_any(Values(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, seconds) in [
            ("3600", Some(3600)),
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("12h", Some(43_200)),
            ("1d", Some(86_400)),
            ("", None),
            ("h", None),
            ("+1h", None),
            ("-1h", None),
            ("1 h", None),
            ("1w", None),
            ("1H", None),
            ("1.5h", None),
            ("49711d", None),
        ] {
            assert_eq!(parse_time(text), seconds, "{text:?}");
        }
    }

    #[test]
    fn a_subnet_takes_what_people_write() {
        let subnet = |keys: &str| {
            let text = format!("[[serve.subnet]]\nnetwork = '10.9.0.0/255.255.0.0'\n{keys}");
            text.parse::<Config>().map(|config| config.serve.subnets[0].clone())
        };
        assert_eq!(subnet("lease = '1h'").unwrap().lease, 3600);
        assert_eq!(subnet("lease = 7200").unwrap().lease, 7200);
        let one = subnet("router = '10.9.0.1'\ndns = ['10.9.0.2', '10.9.0.3']").unwrap();
        assert_eq!((one.router.len(), one.dns.len()), (1, 2));
        for (keys, says) in [
            (
                "lease = '1w'",
                "line 3, column 9: invalid value: string \"1w\", expected seconds, or",
            ),
            ("lease = -1", "line 3, column 9: invalid value: integer `-1`"),
            ("lease = true", "line 3, column 9: invalid type: boolean"),
            ("lease = '59s'", "line 3, column 9: subnet 10.9.0.0/16: a lease of 59 s"),
            ("router = '10.9'", "line 3, column 10: invalid IPv4 address syntax, found \"10.9\""),
            ("router = ['10.9']", "line 3, column 11: "),
            ("dns = 5", "line 3, column 7: invalid type: integer `5`, expected a text or a list"),
        ] {
            let error = subnet(keys).unwrap_err().to_string();
            assert!(error.starts_with(says), "{keys}: {error}");
        }
    }
}
