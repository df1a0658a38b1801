//! Media types of files.

use crate::files::FilePath;

/// The media type by the name's ending. UEFI HTTP Boot takes an image for an application, a disk or
/// a CD by it (UEFI specification, section 24.7.3.1).
pub(super) fn media_type(path: &FilePath) -> &'static str {
    match path.extension().as_deref() {
        Some("efi") => "application/efi",
        Some("iso") => "application/vnd.efi-iso",
        Some("img") => "application/vnd.efi-img",
        Some("ipxe" | "cfg" | "conf" | "txt") => "text/plain; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}
