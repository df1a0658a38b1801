//! The pages that are made from the code: the keys of `winpe-iscsi.toml` and `profile.toml`, and those of other boot
//! servers. `WINPE_BLESS=1` writes them.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use winpe_iscsi::FOREIGN_KEYS;
use winpe_tests::workspace;

use crate::markdown::{Page, anchor};
use crate::schema::{Key, Table, faults, resolved, schema, tables};

const BEGIN: &str =
    "<!-- made from the code; WINPE_BLESS=1 cargo test -p winpe-tests --test book writes it -->\n";
const END: &str = "<!-- end of what is made from the code -->\n";

/// Compares what a page has between its marks; with `WINPE_BLESS` set, writes it.
#[track_caller]
fn compare(name: &str, made: &str) {
    let page = Page::read(name);
    let (before, rest) = page.text.split_once(BEGIN).expect("the page has a mark");
    let (found, after) = rest.split_once(END).expect("the page has a mark");
    let made = format!("\n{}\n\n", made.trim());
    if std::env::var_os("WINPE_BLESS").is_some() {
        let text = format!("{before}{BEGIN}{made}{END}{after}");
        // In one step: other tests read the page meanwhile.
        let (new, path) = (workspace().join(format!("{name}.new")), workspace().join(name));
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    } else {
        assert!(
            found == made,
            "{name} is not what the code says; WINPE_BLESS=1 writes it:\n{made}"
        );
    }
}

#[test]
fn the_page_of_the_configuration_is_the_code() {
    let (serve, recipe) = (schema("serve"), schema("recipe"));
    let server = tables(&serve, &["serve", "client", "entry", "watch"]);
    let inject = tables(&recipe, &["inject"]);
    let found = [faults(&server), faults(&inject)].concat();
    assert!(found.is_empty(), "{found:#?}");
    let made = [rendered(&serve, &server), rendered(&recipe, &inject)].concat();
    compare("docs/config.md", &made);
}

#[test]
fn the_page_of_profiles_is_the_code() {
    let profile = schema("profile");
    let tables = tables(&profile, &[]);
    let found = faults(&tables);
    assert!(found.is_empty(), "{found:#?}");
    compare("docs/profile.md", &rendered(&profile, &tables));
}

#[test]
fn the_page_of_other_servers_is_the_table() {
    let (serve, recipe) = (schema("serve"), schema("recipe"));
    let mut known = tables(&serve, &["serve", "client", "entry", "watch"]);
    known.extend(tables(&recipe, &["inject"]));
    let has = |path: &str| {
        let (table, key) = path.rsplit_once('.').expect("a key in a table");
        known.iter().any(|it| it.path == table && it.keys.iter().any(|it| it.name == key))
    };
    let mut made = String::new();
    let mut program = "";
    for row in FOREIGN_KEYS {
        if row.program != program {
            program = row.program;
            write!(made, "\n## {program}\n\n| there | here | note |\n|---|---|---|\n").unwrap();
        }
        let missing: Vec<_> = row.new.iter().filter(|path| !has(path)).collect();
        assert!(missing.is_empty(), "{}: there is no key {missing:?}", row.old);
        let new = if row.new.is_empty() { "–".to_owned() } else { linked(&known, row.new) };
        writeln!(made, "| `{}` | {new} | {} |", row.old, cell(row.note)).unwrap();
    }
    compare("docs/coming-from.md", &made);
}

/// `serve.subnet.first` and `serve.subnet.last` as these keys of a linked table.
fn linked(known: &[Table], paths: &[&str]) -> String {
    let mut text = String::new();
    let mut paths =
        paths.iter().map(|path| path.rsplit_once('.').expect("a key in a table")).peekable();
    while let Some((name, key)) = paths.next() {
        write!(text, "`{key}`").unwrap();
        if paths.peek().is_some_and(|(next, _)| *next == name) {
            text += ", ";
            continue;
        }
        let table = known.iter().find(|it| it.path == name).expect("a known table");
        let title = heading(table);
        write!(text, " of [`{title}`](config.md#{})", anchor(&title)).unwrap();
        if paths.peek().is_some() {
            text += "; ";
        }
    }
    text
}

fn heading(table: &Table) -> String {
    if table.is_list { format!("[[{}]]", table.path) } else { format!("[{}]", table.path) }
}

fn rendered(root: &Value, tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        if table.path.is_empty() {
            text += "\n## The file\n\n";
        } else {
            let title = heading(table);
            let plain = table.description.strip_prefix(&format!("`{title}`: "));
            let plain = plain.map_or(table.description.clone(), capitalised);
            write!(text, "\n## `{title}`\n\n{plain}\n\n").unwrap();
        }
        text += "| key | type | default | what it is | example |\n|---|---|---|---|---|\n";
        for key in &table.keys {
            text += &row(root, tables, key);
        }
    }
    text
}

fn row(root: &Value, tables: &[Table], key: &Key) -> String {
    let Key { name, schema, required, table } = key;
    if let Some(path) = table {
        let table = tables.iter().find(|it| it.path == *path).expect("a table of the file");
        let title = heading(table);
        let words = key.description();
        let words = words.split_once("`: ").map_or(words.clone(), |(_, after)| capitalised(after));
        let kind = if table.is_list { "list of tables" } else { "table" };
        let link = format!("[`{title}`](#{})", anchor(&title));
        return format!("| `{name}` | {kind} | | {} | {link} |\n", cell(&words));
    }
    let default = match &schema["default"] {
        Value::Null if *required => "required".to_owned(),
        Value::Null => "–".to_owned(),
        value => format!("`{}`", toml(value)),
    };
    let words = [key.description(), values(root, schema)].concat();
    let examples: Vec<_> =
        key.examples().iter().map(|value| format!("`{name} = {}`", toml(value))).collect();
    format!(
        "| `{name}` | {} | {} | {} | {} |\n",
        cell(&kind(root, schema)),
        cell(&default),
        cell(&words),
        cell(&examples.join(", ")),
    )
}

/// The type of a value, in words.
fn kind(root: &Value, schema: &Value) -> String {
    let plain = resolved(root, schema);
    if let Some(alternatives) = plain["anyOf"].as_array() {
        let alternatives = alternatives.iter().filter(|it| it["type"] != "null");
        return alternatives.map(|it| kind(root, it)).collect::<Vec<_>>().join(" or ");
    }
    if !choices(plain).is_empty() {
        let names: Vec<_> =
            choices(plain).into_iter().map(|(name, _)| format!("`{name}`")).collect();
        return names.join(", ");
    }
    let types = match &plain["type"] {
        Value::Array(types) => types.iter().find(|it| *it != "null").cloned().unwrap_or_default(),
        one => one.clone(),
    };
    match types.as_str() {
        Some("string") => "text".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => match (plain["minimum"].as_u64(), plain["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            (Some(least), None) => format!("number from {least}"),
            _ => "number".to_owned(),
        },
        Some("array") => format!("list of: {}", kind(root, &plain["items"])),
        Some("object") => match plain["propertyNames"]["enum"].as_array() {
            Some(names) => {
                let names: Vec<_> =
                    names.iter().map(|it| format!("`{}`", it.as_str().unwrap())).collect();
                format!("table with the keys {}", names.join(", "))
            }
            None => "table".to_owned(),
        },
        other => panic!("the reference has no words for {other:?}: {plain}"),
    }
}

/// The values of a type that has few, each with its description.
fn choices(plain: &Value) -> Vec<(String, String)> {
    let alternatives = plain["oneOf"].as_array().into_iter().flatten();
    alternatives
        .filter_map(|it| {
            let words = it["description"].as_str().unwrap_or_default();
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            Some((it["const"].as_str()?.to_owned(), words))
        })
        .collect()
}

/// What each value means, where there are few.
fn values(root: &Value, schema: &Value) -> String {
    let plain = resolved(root, schema);
    let plain = if plain["items"].is_null() { plain } else { resolved(root, &plain["items"]) };
    let values = choices(plain).into_iter().map(|(name, words)| format!(" `{name}`: {words}"));
    values.collect()
}

/// A value as TOML has it.
fn toml(value: &Value) -> String {
    toml::Value::try_from(value).expect("TOML has it").to_string()
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
