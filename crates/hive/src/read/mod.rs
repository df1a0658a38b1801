//! Checked, borrowing access: every offset is checked before it is followed.

mod error;
mod image;
mod key;
mod name;
mod name_index;
mod open;
mod security;
mod subkeys;
mod time;
mod values;
mod walk;

pub use error::{OpenError, ReadError};
pub(crate) use image::Image;
pub use key::Key;
pub(crate) use key::subtree;
pub use name::StoredName;
pub(crate) use name_index::NameIndex;
pub use open::{Damage, Header};
pub(crate) use open::{MAX_BINS_LEN, open, open_lenient};
pub use security::Security;
pub use subkeys::Subkeys;
pub(crate) use subkeys::{List, Lists, find_subkey, locate};
pub use time::FileTime;
pub(crate) use values::Placed;
pub use values::{ValueEntry, Values};
pub(crate) use walk::Claims;
pub use walk::{Visit, Walk, WalkValues};
