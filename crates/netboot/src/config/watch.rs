//! `[watch]`: the page, the API and the metrics, and the console of iPXE.

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
    /// Names by which browsers may reach them, in addition to `localhost` and IP addresses.
    #[schemars(example = vec!["boot.example.org"])]
    pub names: Vec<String>,
    /// Whether to receive the console of iPXE by syslog, and to name this server in option 7. By default it
    /// is received if the port is free.
    #[schemars(example = false)]
    pub syslog: Option<bool>,
}

/// Where the page, the API and the metrics are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listen {
    /// On the loopback interface, if the port is free. Others on the link of machines that boot should not
    /// read which machines these are.
    #[default]
    Loopback,
    /// At this address; the server does not start if it is in use.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// The default port.
const PORT: u16 = 8067;

impl Listen {
    /// The address; none for `off`.
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
