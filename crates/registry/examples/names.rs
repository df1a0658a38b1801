//! How names compare and values print: `cargo run --example names -- 'Services\MSiSCSI' 'SERVICES\msiscsi'`

use std::env;
use std::error::Error;

use winpe_registry::{KeyPath, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = env::args().skip(1);
    let left = paths.next().unwrap_or_else(|| r"Services\MSiSCSI".to_owned());
    let right = paths.next().unwrap_or_else(|| r"SERVICES\msiscsi".to_owned());
    println!("{}", compared(&left, &right)?);
    for value in [Value::dword(2), Value::sz("iSCSI"), Value::multi_sz(["Tcpip", "iScsiPrt"])] {
        println!("{value:?}");
    }
    Ok(())
}

/// Whether Windows takes two spellings for one key.
fn compared(left: &str, right: &str) -> Result<String, Box<dyn Error>> {
    let same = left.parse::<KeyPath>()? == right.parse::<KeyPath>()?;
    Ok(format!("{left} and {right} {}", if same { "are one key" } else { "are two keys" }))
}

#[test]
fn names_compare_as_windows_compares_them() {
    assert!(compared("Setup", "SETUP").unwrap().ends_with("are one key"));
    // NT's table has no upper case for the dotless i; Unicode has.
    assert!(compared("ı", "I").unwrap().ends_with("are two keys"));
}
