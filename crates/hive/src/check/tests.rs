//! Each test breaks one field of a sound hive; the check must report the rule that it breaks, and
//! no unrelated rule.

use std::mem::offset_of;

use winpe_registry::{Edit, KeyName, NtString, Value, ValueName};

use super::Rule;
use crate::format::{
    BASE_BLOCK_LEN, BaseBlock, BigData, BinHeader, CellOffset, KeyNode, KeyValue, ListHeader,
    SecurityNode,
};
use crate::{FileTime, Hive, Key};

/// A small hive, with the offsets of its records.
struct Fixture {
    bytes: Vec<u8>,
    root: CellOffset,
    a: CellOffset,
    b: CellOffset,
    wide: CellOffset,
    /// The subkey list of the root.
    list: CellOffset,
    /// The `ri` of `many`.
    root_list: CellOffset,
    value_list: CellOffset,
    dword: CellOffset,
    blob: CellOffset,
    blob_data: CellOffset,
    wide_value: CellOffset,
    big_data: CellOffset,
    security: CellOffset,
    own_security: CellOffset,
}

impl Fixture {
    fn new(minor: u32) -> Self {
        let name = KeyName::new("ROOT").unwrap();
        let mut hive = Hive::create(minor, &name, FileTime::from_unix(0)).unwrap();
        for number in 0..1014 {
            hive.apply(&Edit::create_key(format!(r"many\{number}").parse().unwrap())).unwrap();
        }
        let set = |name: &str, len| {
            let value = Value::binary(vec![1; len]);
            Edit::set_value("b".parse().unwrap(), ValueName::new(name).unwrap(), value)
        };
        for edit in [
            Edit::create_key("a".parse().unwrap()),
            set("Dword", 4),
            set("Blob", 100),
            set("Big", 20_000),
            set("ключ", 4),
            Edit::create_key("жж".parse().unwrap()),
        ] {
            hive.apply(&edit).unwrap();
        }
        hive.set_class(&"a".parse().unwrap(), &NtString::from("class")).unwrap();
        let security = hive.with_own_security(&"a".parse().unwrap());

        let key = |path: &str| hive.key(&path.parse().unwrap()).unwrap().unwrap();
        let entry = |name: &str| key("b").entry(&ValueName::new(name).unwrap()).unwrap().unwrap();
        let list = |key: &Key<'_>| CellOffset::new(key.node().subkey_list.get());
        let data = |name: &str| CellOffset::new(entry(name).node().data.get());
        Self {
            root: hive.root().offset(),
            a: key("a").offset(),
            b: key("b").offset(),
            wide: key("жж").offset(),
            list: list(&hive.root()),
            root_list: list(&key("many")),
            value_list: CellOffset::new(key("b").node().value_list.get()),
            dword: entry("Dword").offset(),
            blob: entry("Blob").offset(),
            blob_data: data("Blob"),
            wide_value: entry("ключ").offset(),
            big_data: data("Big"),
            security: CellOffset::new(hive.root().node().security.get()),
            own_security: security,
            bytes: hive.into_bytes(),
        }
    }

    fn place(cell: CellOffset, field: usize) -> usize {
        BASE_BLOCK_LEN + cell.get() as usize + 4 + field
    }

    fn poke(&mut self, cell: CellOffset, field: usize, bytes: &[u8]) {
        let at = Self::place(cell, field);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn u32(&mut self, cell: CellOffset, field: usize, number: u32) {
        self.poke(cell, field, &number.to_le_bytes());
    }

    fn u16(&mut self, cell: CellOffset, field: usize, number: u16) {
        self.poke(cell, field, &number.to_le_bytes());
    }

    /// The size field of a cell.
    fn size(&mut self, cell: CellOffset, size: i32) {
        let at = Self::place(cell, 0) - 4;
        self.bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
    }

    fn peek(&self, cell: CellOffset, field: usize) -> u32 {
        let at = Self::place(cell, field);
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    /// The n-th offset in a list whose entries have this length.
    fn entry(&self, list: CellOffset, index: usize, len: usize) -> CellOffset {
        CellOffset::new(self.peek(list, size_of::<ListHeader>() + index * len))
    }

    fn rules(self) -> Vec<Rule> {
        let hive = Hive::open_lenient(self.bytes).unwrap();
        let rules: Vec<Rule> = hive.check().counts().keys().copied().collect();
        mends(&hive, &rules);
        rules
    }
}

/// The rules that concern only what can be computed from keys and values.
const BOOKKEEPING: &[Rule] = &[
    Rule::Dirty,
    Rule::Checksum,
    Rule::Cluster,
    Rule::Trailing,
    Rule::KeyNameWide,
    Rule::KeyParent,
    Rule::RootFlags,
    Rule::NotRoot,
    Rule::Volatile,
    Rule::ListNew,
    Rule::ListOld,
    Rule::SubkeyCount,
    Rule::SubkeyOrder,
    Rule::Hash,
    Rule::Hint,
    Rule::HintCase,
    Rule::MaxSubkeyName,
    Rule::MaxClass,
    Rule::MaxValueName,
    Rule::MaxValueData,
    Rule::ValueNameWide,
    Rule::SecurityBack,
    Rule::SecurityRing,
    Rule::SecurityOffRing,
    Rule::SecurityCount,
];

/// The hive, mended, is sound, and it has all keys and values where only bookkeeping was wrong. What else was wrong
/// is listed as lost, or at least named.
fn mends(hive: &Hive, rules: &[Rule]) {
    let mended = hive.mend().unwrap();
    let left = mended.hive.check();
    let left: Vec<Rule> = left.counts().keys().copied().collect();
    let kept: &[Rule] =
        if rules.contains(&Rule::KeyNameBackslash) { &[Rule::KeyNameBackslash] } else { &[] };
    assert_eq!(left, kept);
    if rules.iter().all(|rule| BOOKKEEPING.contains(rule)) {
        assert_eq!(mended.lost, []);
        assert_eq!((mended.keys, mended.values), (1019, 4));
    }
}

macro_rules! breaks {
    ($($name:ident: $minor:literal, |$f:ident| $poke:expr => [$($rule:ident),*];)*) => {
        $(
            #[test]
            fn $name() {
                let mut $f = Fixture::new($minor);
                $poke;
                assert_eq!($f.rules(), [$(Rule::$rule),*]);
            }
        )*
    };
}

const NAME: usize = size_of::<KeyNode>();
const HINT: usize = size_of::<ListHeader>() + 4;

breaks! {
    nothing_is_wrong: 5, |f| f.u32(f.root, offset_of!(KeyNode, work_var), 0) => [];
    nothing_is_wrong_in_old_hives: 3, |f| f.u32(f.root, offset_of!(KeyNode, work_var), 0) => [];

    sequence: 5, |f| f.bytes[4] ^= 1 => [Dirty, Checksum];
    checksum: 5, |f| f.bytes[0x1fc] ^= 1 => [Checksum];
    cluster: 5, |f| f.bytes[offset_of!(BaseBlock, cluster)] = 2 => [Checksum, Cluster];
    trailing: 5, |f| f.bytes.extend([0; 512]) => [Trailing];
    bin_offset: 5, |f| {
        let last = f.bytes.len() - 4096;
        let bin = (4096..=last).rev().step_by(4096).find(|&at| f.bytes[at..].starts_with(b"hbin"));
        f.bytes[bin.unwrap() + offset_of!(BinHeader, offset)] ^= 8;
    } => [BinHead, BadReference];

    name_empty: 5, |f| f.u16(f.a, offset_of!(KeyNode, name_len), 0)
        => [KeyNameEmpty, Hash];
    name_past_the_cell: 5, |f| f.u16(f.a, offset_of!(KeyNode, name_len), 500)
        => [Orphans, KeyNameLength, SecurityCount];
    name_of_half_a_unit: 5, |f| f.u16(f.wide, offset_of!(KeyNode, name_len), 3)
        => [KeyNameOdd, Hash];
    name_needlessly_wide: 5, |f| f.poke(f.wide, NAME, b"w\0z\0")
        => [KeyNameWide, Hash];
    backslash: 5, |f| f.poke(f.b, NAME, b"\\") => [KeyNameBackslash, SubkeyOrder, Hash];
    signature: 5, |f| f.poke(f.wide, 0, b"NK") => [KeySignature, SecurityCount];
    parent: 5, |f| f.u32(f.a, offset_of!(KeyNode, parent), 0x4000) => [KeyParent];
    root_unmarked: 5, |f| f.u16(f.root, offset_of!(KeyNode, flags), 0x20) => [RootFlags];
    marked_as_root: 5, |f| f.u16(f.a, offset_of!(KeyNode, flags), 0x24) => [NotRoot];
    volatile: 5, |f| f.u16(f.a, offset_of!(KeyNode, flags), 0x21) => [Volatile];
    class_out_of_bounds: 5, |f| f.u32(f.a, offset_of!(KeyNode, class), 0x7fff_fff0)
        => [Orphans, BadReference];
    class_too_long: 5, |f| f.u16(f.a, offset_of!(KeyNode, class_len), 1000)
        => [CellShort, MaxClass];
    key_twice: 5, |f| {
        let a = f.a;
        f.u32(f.list, size_of::<ListHeader>() + 8, a.get());
    } => [Orphans, KeyShared, SubkeyTwice, Hash, SecurityCount];

    subkey_count: 5, |f| f.u32(f.root, offset_of!(KeyNode, subkey_count), 9) => [SubkeyCount];
    list_signature: 5, |f| f.poke(f.list, 0, b"lx")
        => [Orphans, ListSignature, SubkeyCount, SecurityCount];
    list_past_the_cell: 5, |f| f.u16(f.list, 2, 5000)
        => [Orphans, ListShort, SubkeyCount, SecurityCount];
    hash: 5, |f| f.poke(f.list, HINT, b"x") => [Hash];
    hint: 3, |f| f.poke(f.list, HINT, b"x") => [Hint];
    hint_in_another_case: 3, |f| f.poke(f.list, HINT, b"A") => [HintCase];
    list_too_new: 3, |f| f.poke(f.list, 0, b"lh") => [ListNew, Hash];
    list_too_old: 5, |f| f.poke(f.list, 0, b"lf") => [ListOld, Hint, HintCase];
    order: 5, |f| f.poke(f.a, NAME, b"c") => [SubkeyOrder, Hash];
    twins: 5, |f| f.poke(f.a, NAME, b"B") => [SubkeyTwice, Hash];
    root_list_without_lists: 5, |f| f.u16(f.root_list, 2, 0)
        => [Orphans, RootListEmpty, SubkeyCount, SecurityCount];
    root_list_under_itself: 5, |f| {
        let at = f.entry(f.root_list, 0, 4);
        f.poke(at, 0, b"ri");
    } => [Orphans, ListSignature, SubkeyCount, SecurityCount];
    list_without_keys: 5, |f| {
        let at = f.entry(f.root_list, 0, 4);
        f.u16(at, 2, 0);
    } => [Orphans, ListEmpty, SubkeyCount, SecurityCount];
    list_twice: 5, |f| {
        let first = f.entry(f.root_list, 0, 4);
        f.u32(f.root_list, size_of::<ListHeader>() + 4, first.get());
    } => [Orphans, DoubleReference, SubkeyCount, SecurityCount];
    longest_subkey: 5, |f| f.u16(f.root, offset_of!(KeyNode, max_subkey_name), 6)
        => [MaxSubkeyName];
    longest_class: 5, |f| f.u32(f.root, offset_of!(KeyNode, max_subkey_class), 6) => [MaxClass];

    value_list_too_short: 5, |f| f.u32(f.b, offset_of!(KeyNode, value_count), 500)
        => [Orphans, CellShort];
    value_signature: 5, |f| f.poke(f.dword, 0, b"kv") => [ValueSignature];
    value_name_past_the_cell: 5, |f| f.u16(f.dword, offset_of!(KeyValue, name_len), 999)
        => [ValueNameLength];
    value_name_needlessly_wide: 5, |f| f.poke(f.wide_value, size_of::<KeyValue>(), b"w\0i\0d\0e\0")
        => [ValueNameWide];
    value_twice: 5, |f| {
        let dword = f.dword;
        f.u32(f.value_list, 4, dword.get());
    } => [Orphans, DoubleReference];
    value_twins: 5, |f| {
        f.poke(f.blob, size_of::<KeyValue>(), b"bIG\0");
        f.u16(f.blob, offset_of!(KeyValue, name_len), 3);
    } => [ValueTwice];
    longest_value_name: 5, |f| f.u32(f.b, offset_of!(KeyNode, max_value_name), 8)
        => [MaxValueName];
    longest_value: 5, |f| f.u32(f.b, offset_of!(KeyNode, max_value_data), 19_999)
        => [MaxValueData];
    inline_too_long: 5, |f| f.u32(f.dword, offset_of!(KeyValue, data_len), 0x8000_0005)
        => [InlineSize];
    empty_with_a_cell: 5, |f| f.u32(f.blob, offset_of!(KeyValue, data_len), 0)
        => [Orphans, EmptyData];
    data_in_a_free_cell: 5, |f| f.size(f.blob_data, 104) => [BadReference];
    data_too_long: 5, |f| f.u32(f.blob, offset_of!(KeyValue, data_len), 105) => [CellShort];
    cell_of_no_size: 5, |f| f.size(f.blob_data, 0)
        => [CellSize, BadReference, SecurityCount];
    long_data_without_segments: 5, |f| f.poke(f.big_data, 0, b"DB")
        => [Orphans, BigDataSignature];
    too_few_segments: 5, |f| f.u16(f.big_data, offset_of!(BigData, segment_count), 1)
        => [Orphans, BigDataCount];

    no_security: 5, |f| f.u32(f.b, offset_of!(KeyNode, security), u32::MAX)
        => [NoSecurity, SecurityCount];
    security_is_none: 5, |f| {
        let b = f.b;
        f.u32(f.b, offset_of!(KeyNode, security), b.get());
    } => [BadSecurity, SecurityCount];
    users: 5, |f| f.u32(f.security, offset_of!(SecurityNode, references), 7) => [SecurityCount];
    descriptor_past_the_cell: 5, |f| {
        f.u32(f.own_security, offset_of!(SecurityNode, descriptor_len), 5000);
    } => [BadSecurity, SecurityRing];
    link_back: 5, |f| f.u32(f.own_security, offset_of!(SecurityNode, previous), 0x20)
        => [SecurityBack];
    ring_without_one: 5, |f| {
        let own = f.security;
        f.u32(f.security, offset_of!(SecurityNode, next), own.get());
    } => [SecurityBack, SecurityOffRing];
}
