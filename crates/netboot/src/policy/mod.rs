//! What the configuration means for a client: its boot file, menus and scripts.

mod bases;
mod boot;
mod bootfile;
pub mod files;
pub mod grub;
pub mod ipxe;
mod loaders;
pub mod login;
pub mod pxelinux;
mod report;

pub use boot::{Boot, Pxelinux, View};
pub(crate) use files::distribution_paths;
pub use files::{Files, FilesError, Missing};
pub use login::{Login, LoginError, LoginRow, Logins};
pub use report::{MenuRow, Row, boot_table, menu_table};
