//! Prints a key of a hive: `cargo run --example query -- SYSTEM 'ControlSet001\Services\Tcpip'`
//!
//! Without arguments it makes a small hive in memory and prints a key of that.

use std::env;
use std::error::Error;
use std::fs;

use winpe_hive::{FileTime, Hive};
use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let hive = match args.next() {
        Some(file) => Hive::open(fs::read(file)?)?,
        None => demo()?,
    };
    let path = args.next().unwrap_or_else(|| "Services".to_owned());
    print!("{}", shown(&hive, &path)?);
    Ok(())
}

/// The values of a key, and the names of the keys in it.
fn shown(hive: &Hive, path: &str) -> Result<String, Box<dyn Error>> {
    let path: KeyPath = path.parse()?;
    let Some(key) = hive.key(&path)? else {
        return Err(format!("there is no key {path}").into());
    };
    let mut text = format!("[{path}]\n");
    for entry in key.values() {
        let entry = entry?;
        text += &format!("{} = {:?}\n", entry.name(), entry.value()?);
    }
    for subkey in key.subkeys() {
        text += &format!("{path}\\{}\n", subkey?.name());
    }
    Ok(text)
}

/// A hive with one service.
fn demo() -> Result<Hive, Box<dyn Error>> {
    let mut hive = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(1_600_000_000))?;
    let key: KeyPath = r"Services\MSiSCSI".parse()?;
    hive.apply(&Edit::set_value(key, ValueName::new("Start")?, Value::dword(2)))?;
    Ok(hive)
}

#[test]
fn a_key_is_shown_with_its_values_and_subkeys() {
    let hive = demo().unwrap();
    assert_eq!(shown(&hive, "services").unwrap(), "[services]\nservices\\MSiSCSI\n");
    assert!(shown(&hive, r"Services\MSiSCSI").unwrap().contains("Start = "));
    assert!(shown(&hive, "Setup").is_err());
}
