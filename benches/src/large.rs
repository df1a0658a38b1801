//! Generated hives for the measurements.

use winpe_hive::{FileTime, Hive};
use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName};

use crate::Result;

/// A hive of about `size` bytes: keys and values in the proportions of a SYSTEM hive, two values to a
/// key, most of them short.
pub(crate) fn hive(size: usize) -> Result<Vec<u8>> {
    let mut hive = empty()?;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for group in 0.. {
        let top = KeyPath::from_iter([name(&format!("Group {group:04}"))?]);
        for item in 0..300 {
            let key = top.child(name(&format!("{{{:08X}-{item:04}}}", next(1 << 32)))?);
            let below = key.child(name("Properties")?);
            for (key, count) in [(key, next(5)), (below, next(4))] {
                hive.apply(&Edit::create_key(key.clone()))?;
                for value in 0..count {
                    let length = if next(40) == 0 { next(4000) } else { next(120) };
                    let data: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
                    let name = ValueName::new(format!("Value number {value}"))?;
                    hive.apply(&Edit::set_value(key.clone(), name, Value::binary(data)))?;
                }
            }
        }
        if hive.header().bins_len as usize >= size {
            break;
        }
    }
    Ok(hive.into_bytes())
}

/// A hive whose root has `count` subkeys.
pub(crate) fn wide(count: usize) -> Result<Vec<u8>> {
    let mut hive = empty()?;
    for number in 0..count {
        hive.apply(&Edit::create_key(KeyPath::from_iter([wide_name(number)])))?;
    }
    Ok(hive.into_bytes())
}

/// The name of one of them; the numbers are scattered, like names of devices.
pub(crate) fn wide_name(number: usize) -> KeyName {
    name(&format!("Key {:06}", number * 7919 % 1_000_003)).expect("a short name")
}

fn empty() -> Result<Hive> {
    Ok(Hive::create(5, &name("ROOT")?, FileTime::from_unix(0))?)
}

fn name(text: &str) -> Result<KeyName> {
    Ok(KeyName::new(text)?)
}
