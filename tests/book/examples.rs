//! The examples of the reference are what the program reads.

use std::fs;

use serde_json::Value;
use winpe_inject::{Profile, Recipe};
use winpe_netboot::config::Config;

use crate::schema::{Table, schema, tables};

/// What else a file needs so that a key means something, by the table of the key and the key.
const NEEDS: &[(&str, &str, &str)] = &[
    ("serve", "http-base-holds", "[serve]\nhttp-base = 'http://h/'\n"),
    ("serve", "default", "[[entry]]\nname = 'win7'\nlocal = true\n"),
    ("serve.tls", "", "[serve.tls]\ncertificate = 'c'\nkey = 'k'\n"),
    (
        "serve.subnet",
        "",
        "[[serve.subnet]]\nnetwork = '192.168.0.0/24'\nfirst = '192.168.0.100'\nlast = '192.168.0.199'\n",
    ),
    (
        "serve.reservation",
        "",
        "[[serve.reservation]]\nmac = '52:54:00:00:00:01'\naddress = '192.168.0.11'\n",
    ),
    (
        "client",
        "",
        "[[client]]\nname = 'a'\nmac = '52:54:00:00:00:01'\n[[entry]]\nname = 'win7'\nlocal = true\n",
    ),
    ("entry", "name", "[[entry]]\nlocal = true\n"),
    ("entry", "title", "[[entry]]\nname = 'a'\nlocal = true\n"),
    ("entry", "initrd", "[[entry]]\nname = 'a'\nkernel = 'a'\n"),
    ("entry", "args", "[[entry]]\nname = 'a'\nkernel = 'a'\n"),
    ("entry", "before", "[[entry]]\nname = 'a'\nlocal = true\n"),
    ("entry", "after", "[[entry]]\nname = 'a'\nlocal = true\n"),
    ("entry", "index", "[[entry]]\nname = 'a'\nwim = 'a.wim'\n"),
    ("entry", "", "[[entry]]\nname = 'a'\n"),
];

/// A file with one key, and with what that needs.
fn document(table: &Table, key: &str, value: &Value) -> toml::Table {
    let needs = NEEDS
        .iter()
        .find(|(path, name, _)| *path == table.path && (*name == key || name.is_empty()));
    let mut file: toml::Table = needs.map_or("", |(_, _, text)| text).parse().unwrap();
    let mut at = &mut file;
    let steps: Vec<_> = table.path.split('.').collect();
    for (index, step) in steps.iter().enumerate() {
        let is_list = table.is_list && index + 1 == steps.len();
        let empty = toml::Value::Table(toml::Table::new());
        let missing = if is_list { toml::Value::Array(vec![empty]) } else { empty };
        let next = at.entry(*step).or_insert(missing);
        at = match next {
            toml::Value::Array(list) => list[0].as_table_mut().unwrap(),
            next => next.as_table_mut().unwrap(),
        };
    }
    at.insert(key.to_owned(), toml::Value::try_from(value).unwrap());
    file
}

#[test]
fn every_example_of_the_server_is_read() {
    let mut seen = 0;
    for table in tables(&schema("serve"), &["serve", "client", "entry", "watch"]) {
        for key in &table.keys {
            for example in key.examples() {
                let text = document(&table, &key.name, example).to_string();
                if let Err(errors) = text.parse::<Config>() {
                    panic!("{text}: {errors}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 70, "found {seen} examples only");
}

#[test]
fn an_example_that_is_not_read_is_seen() {
    let tables = tables(&schema("serve"), &["serve"]);
    let table = |path: &str| tables.iter().find(|it| it.path == path).unwrap();
    for (path, key, value) in [
        ("serve", "mode", Value::from("dhpc")),
        ("serve", "default", Value::from("win8")),
        ("serve.subnet", "lease", Value::from(1)),
        ("serve.limits", "tftp-transfers", Value::from(0)),
    ] {
        let text = document(table(path), key, &value).to_string();
        assert!(text.parse::<Config>().is_err(), "{text}");
    }
}

/// The first example of each key, in one table.
fn all(table: &Table) -> toml::Table {
    let keys =
        table.keys.iter().filter_map(|key| Some((key.name.clone(), key.examples().first()?)));
    keys.map(|(name, value)| (name, toml::Value::try_from(value).unwrap())).collect()
}

#[test]
fn every_example_of_a_recipe_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("winpe-iscsi.toml");
    let tables = tables(&schema("recipe"), &["inject"]);
    let file = toml::Table::from_iter([("inject".to_owned(), toml::Value::Table(all(&tables[0])))]);
    fs::write(&path, file.to_string()).unwrap();
    let recipe = Recipe::read(&path).unwrap();
    assert_eq!(recipe.connect.len(), 1);
    assert!(recipe.autostart);
}

#[test]
fn every_example_of_a_profile_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let tables = tables(&schema("profile"), &[]);
    let mut file = all(&tables[0]);
    let table = |path: &str| tables.iter().find(|it| it.path == path).unwrap();
    let value = |path: &str| {
        let all = toml::Value::Table(all(table(path)));
        if table(path).is_list { toml::Value::Array(vec![all]) } else { all }
    };
    let mut part = all(table("part"));
    for name in ["there-if", "copy", "append", "create"] {
        part.insert(name.to_owned(), value(&format!("part.{name}")));
    }
    part.insert("file".to_owned(), value("file"));
    let mut choice = all(table("choice"));
    choice.insert("image-builds".to_owned(), value("choice.image-builds"));
    for name in ["hive", "reg", "service", "file", "catalogue", "leave-out"] {
        file.insert(name.to_owned(), value(name));
    }
    file.insert("part".to_owned(), toml::Value::Array(vec![toml::Value::Table(part)]));
    file.insert("choice".to_owned(), toml::Value::Array(vec![toml::Value::Table(choice)]));
    fs::write(folder.path().join("profile.toml"), file.to_string()).unwrap();
    fs::write(folder.path().join("service.reg"), "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\PE_Sys\\a]\n")
        .unwrap();
    let profile = Profile::from_dir(folder.path()).unwrap();
    assert_eq!((profile.parts().len(), profile.reg().len(), profile.choices().len()), (1, 1, 1));
}
