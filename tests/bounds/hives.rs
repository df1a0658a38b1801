//! Hives of the maximum size for a budget, and hives with altered parts.

use winpe_hive::{FileTime, Hive};
use winpe_registry::{Edit, KeyName, KeyPath, Value, ValueName};

use crate::random::Random;

fn path(text: &str) -> KeyPath {
    text.parse().expect("a key path")
}

/// A hive of at most `budget` bytes.
pub(crate) fn hive(random: &mut Random, budget: usize) -> Vec<u8> {
    let root = KeyName::new("ROOT").expect("a name");
    let mut hive = Hive::create(5, &root, FileTime::default()).expect("an empty hive");
    let (kind, size) = (random.below(4), random.size(1, 20_000));
    let named = |number: usize| ValueName::new(format!("{number}")).expect("a name");
    let (count, each): (usize, &dyn Fn(usize) -> Edit) = match kind {
        0 => (budget / 130, &|number| Edit::create_key(path(&format!("{number}")))),
        1 => (500, &|number| Edit::create_key(path(&vec!["d"; number + 1].join("\\")))),
        2 => (budget / (size + 300), &|number| {
            let key = path(&format!(r"k{}\s{number}", number % 3));
            Edit::set_value(key, named(0), Value::binary(vec![number as u8; size]))
        }),
        _ => (budget / 60, &|number| Edit::set_value(path("k"), named(number), Value::sz("x"))),
    };
    // Each added entry rewrites the whole list.
    for number in 0..count.min(4000) {
        hive.apply(&each(number)).expect("an edit");
    }
    let mut bytes = hive.into_bytes();
    // Replaces some numbers that refer to cells by others.
    for _ in 0..random.below(20) {
        let last = bytes.len() / 4 - 1;
        let [from, to] = [random.below(last), random.below(last)].map(|at| at.max(1024) * 4);
        if from + 4 <= bytes.len() && to + 4 <= bytes.len() {
            bytes.copy_within(from..from + 4, to);
        }
    }
    bytes
}
