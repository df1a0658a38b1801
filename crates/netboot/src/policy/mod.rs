//! What the administrator wants: clients, boot files, menus and scripts.

pub mod boot;
pub mod bootfile;
pub mod client;
pub mod config;
pub mod matcher;
pub mod menu;
pub mod platform;
pub mod subnet;

pub use boot::{Boot, Pxelinux, View};
pub use client::{Client, Kind, Uuid};
pub use config::{Config, ConfigError, Mode};
pub use menu::{Entry, Target};
pub use platform::{Architecture, Platform};
pub use subnet::{Network, SubnetConfig};
