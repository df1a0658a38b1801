//! `[watch]`: who may see what happens, and where.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `[watch]`: the page, the API and the metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WatchConfig {
    /// Where the page, the API and the metrics are: an address with a port, or `off`. Without this key they are
    /// left out where the port is taken.
    #[schemars(example = &"10.0.0.1:8067", example = &"off", with = "String")]
    pub listen: Listen,
    /// Names by which browsers may reach them, beside `localhost` and IP addresses.
    #[schemars(example = ["boot.example.org"])]
    pub names: Vec<String>,
    /// Whether to take the console of iPXE by syslog, and to tell iPXE so by option 7. Where it is not
    /// said, the port is taken where it is free.
    #[schemars(example = false)]
    pub syslog: Option<bool>,
}

/// Where the page, the API and the metrics are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listen {
    /// On the loopback interface, where the port is free. Whoever shares the link with machines that
    /// boot is not to read who they are.
    #[default]
    Loopback,
    /// There, or not at all.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// The port where none is named.
const PORT: u16 = 8067;

impl Listen {
    /// The address, where there is to be one.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Loopback => Some((Ipv4Addr::LOCALHOST, PORT).into()),
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.address() {
            Some(address) => address.serialize(serializer),
            None => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "off" => Ok(Self::Off),
            text => text.parse().map(Self::At).map_err(|_| {
                let expected = "an address and port such as 127.0.0.1:8067, or off";
                de::Error::invalid_value(de::Unexpected::Str(text), &expected)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn it_listens_on_the_loopback_unless_told_otherwise() {
        let listen = |text: &str| text.parse::<Config>().map(|config| config.watch.listen);
        assert_eq!(listen("").unwrap().address(), "127.0.0.1:8067".parse().ok());
        assert_eq!(listen("[watch]\nlisten = 'off'").unwrap().address(), None);
        let all = listen("[watch]\nlisten = '0.0.0.0:80'").unwrap();
        assert_eq!(all, Listen::At("0.0.0.0:80".parse().unwrap()));
        let error = listen("[watch]\nlisten = '8067'").unwrap_err().to_string();
        assert!(error.contains("an address and port"), "{error}");
    }
}
