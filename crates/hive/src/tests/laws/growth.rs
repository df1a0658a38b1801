//! A hive grows only if no free space fits.

use crate::Hive;
use winpe_registry::{Edit, KeyPath, Value, ValueName};

use super::model::empty_hive;

fn name(text: &str) -> ValueName {
    ValueName::new(text).unwrap()
}

fn size(hive: &Hive) -> u32 {
    hive.header().bins_len
}

#[test]
fn a_thousand_rounds_of_set_and_delete_do_not_grow_the_file() {
    let mut hive = empty_hive(5);
    let key: KeyPath = r"ControlSet001\Services\MSiSCSI".parse().unwrap();
    let round = |hive: &mut Hive, number: usize| {
        let data = vec![1; 8 + number * 37 % 20_000];
        let below = key.child(winpe_registry::KeyName::new("Parameters").unwrap());
        for edit in [
            Edit::set_value(key.clone(), name("Start"), Value::dword(number as u32)),
            Edit::set_value(key.clone(), name("Blob"), Value::binary(data)),
            Edit::set_value(below.clone(), ValueName::default(), Value::sz("text")),
            Edit::delete_value(key.clone(), name("Blob")),
            Edit::delete_key(below),
        ] {
            assert!(!hive.apply(&edit).unwrap().is_noop());
        }
    };
    // The longest data of all rounds make the room that later rounds use.
    hive.apply(&Edit::set_value(key.clone(), name("Blob"), Value::binary(vec![0; 20_007])))
        .unwrap();
    hive.apply(&Edit::delete_value(key.clone(), name("Blob"))).unwrap();
    round(&mut hive, 0);
    let before = size(&hive);
    (1..=1000).for_each(|number| round(&mut hive, number));
    assert_eq!(size(&hive), before);
    assert!(hive.check().iter().next().is_none());
}

/// Freed cells keep nothing of their content.
#[test]
fn deleted_data_are_wiped() {
    let mut hive = empty_hive(5);
    let secret = b"the secret of the house".to_vec();
    let key: KeyPath = "k".parse().unwrap();
    for len in [secret.len(), 20_000] {
        let data: Vec<u8> = secret.iter().copied().cycle().take(len).collect();
        hive.apply(&Edit::set_value(key.clone(), name("s"), Value::binary(data))).unwrap();
        hive.apply(&Edit::set_value(key.clone(), name("s"), Value::dword(0))).unwrap();
    }
    let bytes = hive.into_bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
}

/// Growth adds a whole bin, over bytes that follow the bins if there are any; bytes after it stay.
#[test]
fn a_hive_grows_over_trailing_bytes() {
    let mut bytes = empty_hive(5).into_bytes();
    bytes.extend([0xaa; 16_384]);
    let mut hive = Hive::open(bytes).unwrap();
    let value = Value::binary(vec![1; 4000]);
    hive.apply(&Edit::set_value(KeyPath::root(), name("v"), value.clone())).unwrap();
    assert_eq!(size(&hive), 8192);
    let bytes = hive.into_bytes();
    assert_eq!(bytes.len(), 8192 + 16_384);
    assert!(bytes[4096 + 8192..].iter().all(|&byte| byte == 0xaa));
    let hive = Hive::open(bytes).unwrap();
    assert_eq!(hive.root().value(&name("v")).unwrap(), Some(value));
    assert!(hive.check().is_sound());
}

/// The value list of a key is moved when it grows, and its old cell becomes free.
#[test]
fn a_hive_grows_with_the_values_of_one_key() {
    let mut hive = empty_hive(5);
    let key: KeyPath = "k".parse().unwrap();
    for number in 0..40_000 {
        let edit = Edit::set_value(key.clone(), name(&number.to_string()), Value::dword(number));
        hive.apply(&edit).unwrap();
    }
    assert!(hive.check().is_sound());
    let compact = hive.compact().unwrap();
    assert!(size(&hive) < size(&compact) * 2, "{} and {}", size(&hive), size(&compact));
}
