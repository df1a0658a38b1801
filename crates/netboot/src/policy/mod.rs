//! What the configuration means for a client: its boot file, menus and scripts.

mod addresses;
mod bases;
mod boot;
pub(crate) mod bootfile;
mod choices;
pub(crate) mod distribution;
pub mod grub;
pub mod ipxe;
pub(crate) mod loaders;
pub mod login;
pub mod pxelinux;
mod report;

pub use addresses::{HOW_TO_GIVE, SubnetRow, no_subnet_here, subnet_table};
pub use boot::{Boot, Pxelinux, View};
pub use login::{Login, LoginError, LoginRow, Logins};
pub use report::{MenuRow, Row, boot_table, menu_table};
