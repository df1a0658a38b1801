//! The boot configuration (BCD) that is generated when an image or disc has none.

use winpe_hive::{FileTime, Hive};
use winpe_regfile::{Document, ParseOptions};
use winpe_registry::{Edit, KeyName};

/// The content of the boot configuration.
const CONTENT: &str = include_str!("bcd.reg");
/// Number of names in `HKEY_LOCAL_MACHINE\BCD00000000`, the prefix of its keys.
const DEPTH: usize = 2;

/// A boot configuration that loads `\sources\boot.wim` into memory, with `\boot\boot.sdi`, both
/// from the place from which the boot manager was loaded. Each call gives the same bytes.
///
/// ```
/// let bcd = winpe_media::bcd();
/// assert!(bcd.starts_with(b"regf"));
/// ```
#[must_use]
pub fn bcd() -> Vec<u8> {
    let name = KeyName::new("BCD00000000").expect("short, and without a backslash");
    // Every boot manager reads the lowest version.
    let mut hive = Hive::create(3, &name, FileTime::from_unix(0)).expect("3 is a minor version");
    let document = Document::parse(CONTENT.as_bytes(), &ParseOptions::default())
        .expect("a test reads the same text");
    for (edit, _) in document.edits() {
        let root = edit.key.prefix(DEPTH);
        let key = edit.key.strip_prefix(&root).expect("its own prefix");
        hive.apply(&Edit { key, ..edit }).expect("a new hive has room, and its root stays");
    }
    hive.into_bytes()
}

#[cfg(test)]
mod tests {
    use winpe_registry::{KeyPath, ValueName};

    use super::*;

    fn element(hive: &Hive, object: &str, element: &str) -> winpe_registry::Value {
        let path = format!(r"Objects\{object}\Elements\{element}");
        let key = hive.key(&path.parse::<KeyPath>().unwrap()).unwrap().expect("the element");
        let name = ValueName::new("Element").unwrap();
        key.value(&name).unwrap().expect("a value")
    }

    #[test]
    fn the_default_entry_loads_the_wim_as_a_ram_disk() {
        let hive = Hive::open(bcd()).unwrap();
        assert_eq!(hive.check().iter().count(), 0);
        let manager = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}";
        let loader = element(&hive, manager, "23000003").as_text().unwrap().to_utf8().unwrap();
        let device = element(&hive, &loader, "11000001");
        assert_eq!(device, element(&hive, &loader, "21000001"));
        let path: Vec<u8> =
            "\\sources\\boot.wim\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(device.data.ends_with(&path));
        // The device names the object that locates the SDI file, by its GUID in memory order.
        assert_eq!(device.data[..4], 0x7619_dcc8_u32.to_le_bytes());
        let options = "{7619dcc8-fafe-11d9-b411-000476eba25f}";
        let sdi = element(&hive, options, "32000004").as_text().unwrap().to_utf8().unwrap();
        assert_eq!(sdi, r"\boot\boot.sdi");
    }

    #[test]
    fn each_call_gives_the_same_bytes() {
        assert!(bcd() == bcd());
    }
}
