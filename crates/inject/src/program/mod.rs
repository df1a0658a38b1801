//! Programs and libraries: their headers and imports, and the signatures by which Windows trusts them.

mod authenticode;
pub(crate) mod catalogue;
mod error;
pub(crate) mod imports;
mod pe;

pub use error::ProgramError;
pub use pe::NotAProgram;

pub(crate) use authenticode::Digests;
pub(crate) use pe::Program;
