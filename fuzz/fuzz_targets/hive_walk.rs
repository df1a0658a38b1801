//! Arbitrary bytes: opened strictly and leniently, walked, checked, mended. Every call returns
//! without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use winpe_hive::Hive;
use winpe_registry::KeyName;

fuzz_target!(|data: &[u8]| {
    if let Ok(hive) = Hive::open_lenient(data.to_vec()) {
        winpe_fuzz::read_all(&hive);
        let _ = hive.check();
        if let Ok(mended) = hive.mend() {
            assert!(mended.hive.check().is_sound(), "a mended hive is sound");
        }
        for name in ["ControlSet001", "a", "~"] {
            let _ = hive.root().subkey(&KeyName::new(name).unwrap());
        }
    }
    let mut settled = data.to_vec();
    winpe_fuzz::settle(&mut settled);
    if let Ok(hive) = Hive::open(settled.clone()) {
        winpe_fuzz::read_all(&hive);
        assert_eq!(hive.into_bytes(), settled, "reading changes nothing");
    }
});
