//! Small files whose counts and sizes claim far more than they hold.

use std::mem::offset_of;

use winpe_registry::{Edit, Value};
use zerocopy::FromBytes;

use super::{cell, hive, name, path, poke, set};
use crate::format::{BaseBlock, CellOffset, KeyNode, KeyValue, SEGMENT_LEN};
use crate::{Hive, Key, ReadError, Refusal, Rule};

fn data_cell(key: &Key<'_>, value: &str) -> CellOffset {
    let entry = key.entry(&name(value)).unwrap().unwrap();
    CellOffset::new(entry.node().data.get())
}

/// A file of 300 KiB with a value that claims 1 GiB: 65,535 segments, all of them the same cell.
#[test]
fn segments_are_not_counted_twice() {
    const COUNT: u16 = u16::MAX;
    let mut hive = hive(3);
    hive.apply(&set("k", "segment", Value::binary(vec![1; SEGMENT_LEN]))).unwrap();
    let segment = data_cell(&hive.key(&path("k")).unwrap().unwrap(), "segment");
    let list: Vec<u8> = (0..COUNT).flat_map(|_| segment.get().to_le_bytes()).collect();
    hive.apply(&set("k", "list", Value::binary(list))).unwrap();
    let list = data_cell(&hive.key(&path("k")).unwrap().unwrap(), "list");
    let head = [&b"db"[..], &COUNT.to_le_bytes(), &list.get().to_le_bytes()].concat();
    hive.apply(&set("k", "bomb", Value::binary(head))).unwrap();
    let key = hive.key(&path("k")).unwrap().unwrap();
    let bomb = key.entry(&name("bomb")).unwrap().unwrap().offset();
    let len = (usize::from(COUNT) * SEGMENT_LEN) as u32;
    let hive = poke(hive, bomb, offset_of!(KeyValue, data_len), &len.to_le_bytes());

    let mut file = hive.into_bytes();
    let (block, _) = BaseBlock::mut_from_prefix(&mut file).unwrap();
    block.minor.set(5);
    block.checksum.set(block.computed_checksum());
    let mut hive = Hive::open(file).unwrap();
    let key = hive.key(&path("k")).unwrap().unwrap();
    let error = key.value(&name("bomb")).unwrap_err();
    assert!(matches!(error, ReadError::Short { expected: 1_071_104_040, .. }), "{error}");
    assert!(hive.check().counts().contains_key(&Rule::DoubleReference));
    assert!(hive.root().tree().is_err());
    let bytes = hive.bytes().to_vec();
    assert!(hive.apply(&Edit::delete_key(path("k"))).is_err());
    assert!(hive.bytes() == bytes);
}

/// A list of lists that names the same list 4000 times, in a key that claims four million subkeys.
#[test]
fn lists_are_not_entered_twice() {
    let mut hive = hive(5);
    for number in 0..1000 {
        hive.apply(&Edit::create_key(path(&format!(r"many\{number}")))).unwrap();
    }
    let many = hive.key(&path("many")).unwrap().unwrap();
    let leaf = many.node().subkey_list.get().to_le_bytes();
    // As many entries as fit in one cell; longer data would be stored in segments.
    const COUNT: u16 = 4000;
    let entries: Vec<u8> = (0..COUNT).flat_map(|_| leaf).collect();
    let list = [&b"ri"[..], &COUNT.to_le_bytes(), &entries].concat();
    hive.apply(&set("k", "list", Value::binary(list))).unwrap();
    let list = data_cell(&hive.key(&path("k")).unwrap().unwrap(), "list");
    let at = cell(&hive, "many");
    let hive = poke(hive, at, offset_of!(KeyNode, subkey_list), &list.get().to_le_bytes());
    let count = 4_000_000_u32.to_le_bytes();
    let mut hive = poke(hive, at, offset_of!(KeyNode, subkey_count), &count);

    let many = hive.key(&path("many")).unwrap().unwrap();
    let room = hive.header().bins_len as usize / size_of::<KeyNode>();
    assert!(many.subkeys().count() <= room + 1, "no more keys than there is room for");
    let twice = many.walk().filter(|visit| matches!(visit, Err(ReadError::Twice { .. }))).count();
    assert_eq!(twice, usize::from(COUNT) - 1, "each list is entered once");
    assert!(matches!(hive.compact(), Err(Refusal::Read(ReadError::Twice { .. }))));
    assert!(hive.check().counts().contains_key(&Rule::DoubleReference));
    let bytes = hive.bytes().to_vec();
    assert!(hive.apply(&Edit::delete_key(path("many"))).is_err());
    assert!(hive.bytes() == bytes);
}

/// A key that is its own grandchild.
#[test]
fn a_loop_ends() {
    let mut hive = hive(5);
    hive.apply(&Edit::create_key(path(r"a\b\c"))).unwrap();
    let top = cell(&hive, "a");
    let list = hive.key(&path(r"a\b")).unwrap().unwrap().node().subkey_list.get();
    let mut hive = poke(hive, CellOffset::new(list), 4, &top.get().to_le_bytes());
    let errors: Vec<_> = hive.root().walk().filter_map(Result::err).collect();
    assert!(matches!(errors[..], [ReadError::Twice { .. }]), "{errors:?}");
    assert!(hive.check().counts().contains_key(&Rule::KeyShared));
    assert!(crate::diff(hive.root(), hive.root()).count() > 0);
    assert!(hive.apply(&Edit::delete_key(path("a"))).is_err());
}

/// A record inside another cell can be read, but is never written.
#[test]
fn nothing_is_written_into_the_middle_of_a_cell() {
    let mut hive = hive(5);
    hive.apply(&Edit::create_key(path("a"))).unwrap();
    let key = hive.key(&path("a")).unwrap().unwrap();
    // The bytes of the key with its size field are in the data of a value.
    let mut image = vec![0; 4];
    image.extend((-88_i32).to_le_bytes());
    image.extend(zerocopy::IntoBytes::as_bytes(key.node()));
    image.extend(*b"a\0\0\0\0\0\0\0");
    hive.apply(&set("b", "v", Value::binary(image))).unwrap();
    let data = data_cell(&hive.key(&path("b")).unwrap().unwrap(), "v");
    let within = CellOffset::new(data.get() + 8);
    let list = hive.root().node().subkey_list.get();
    let mut hive = poke(hive, CellOffset::new(list), 4, &within.get().to_le_bytes());
    assert_eq!(hive.key(&path("a")).unwrap().unwrap().offset(), within);
    for edit in [set("a", "v", Value::dword(1)), Edit::create_key(path(r"a\b"))] {
        let error = hive.apply(&edit).unwrap_err();
        assert_eq!(error.reason, Refusal::NotACell { at: within });
    }
}
