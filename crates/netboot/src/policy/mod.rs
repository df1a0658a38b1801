//! What the administrator wants: clients, boot files, menus and scripts.

pub mod boot;
pub mod bootfile;
pub mod client;
pub mod config;
pub mod files;
pub mod grub;
pub mod http_base;
pub mod ipxe;
pub mod limits;
pub mod login;
pub mod matcher;
pub mod menu;
pub mod part;
pub mod platform;
pub mod pxelinux;
pub mod report;
pub mod subnet;
pub mod watch;

pub use boot::{Boot, Pxelinux, View};
pub use client::{Client, Kind, Uuid};
pub use config::{Allow, Config, ConfigError, Mode, TlsConfig};
pub(crate) use files::distribution_paths;
pub use files::{Files, FilesError, Missing};
pub use http_base::Held;
pub use limits::{Limit, Limits};
pub use login::{Login, LoginConfig, LoginError, LoginRow, Logins};
pub use menu::{Entry, Target, is_url, quick_menu};
pub use part::Part;
pub use platform::{Architecture, Platform};
pub use report::{MenuRow, Row, boot_table, menu_table};
pub use subnet::{Network, SubnetConfig};
pub use watch::{Listen, WatchConfig};
