//! The tables of a file, as its JSON schema describes them.

use std::collections::BTreeMap;
use std::ptr;

use serde_json::Value;
use winpe_tests::{run, winpe_iscsi};

/// A table of a file: `[serve.tls]`, or one of a list, `[[serve.subnet]]`.
pub(crate) struct Table {
    /// `serve.tls`; empty for the file itself.
    pub(crate) path: String,
    pub(crate) is_list: bool,
    pub(crate) description: String,
    pub(crate) keys: Vec<Key>,
}

/// A key of a table.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) required: bool,
    /// The path of the table that is its value, where there is one.
    pub(crate) table: Option<String>,
}

impl Key {
    pub(crate) fn description(&self) -> String {
        words(&self.schema)
    }

    pub(crate) fn examples(&self) -> &[Value] {
        self.schema["examples"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// `winpe-iscsi schema WHAT`.
pub(crate) fn schema(what: &str) -> Value {
    let output = run(winpe_iscsi(), ["schema", what]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The tables that begin at these keys of the file, in this order, each before those in it; at no keys, the file
/// itself with all of them. A table that several keys have is described at the first.
pub(crate) fn tables(schema: &Value, roots: &[&str]) -> Vec<Table> {
    let mut walk = Walk { root: schema, known: BTreeMap::new(), tables: Vec::new() };
    if roots.is_empty() {
        walk.add(String::new(), false, schema, String::new());
    }
    for name in roots {
        let property = &schema["properties"][name];
        let (target, is_list) = table_of(schema, property).expect("a table");
        walk.add((*name).to_owned(), is_list, target, words(property));
    }
    walk.tables
}

struct Walk<'a> {
    root: &'a Value,
    /// Where each schema of a table is described, by its address.
    known: BTreeMap<*const Value, String>,
    tables: Vec<Table>,
}

impl<'a> Walk<'a> {
    fn add(&mut self, path: String, is_list: bool, schema: &'a Value, description: String) {
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (mut keys, mut below) = (Vec::new(), Vec::new());
        for (name, property) in schema["properties"].as_object().expect("a table has keys") {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let table = table_of(self.root, property).map(|(target, is_list)| {
                let first =
                    self.known.entry(ptr::from_ref(target)).or_insert_with(|| inner.clone());
                if *first == inner {
                    below.push((inner, is_list, target, words(property)));
                }
                first.clone()
            });
            let required = required.contains(&name.as_str());
            keys.push(Key { name: name.clone(), schema: property.clone(), required, table });
        }
        self.tables.push(Table { path, is_list, description, keys });
        for (path, is_list, target, description) in below {
            self.add(path, is_list, target, description);
        }
    }
}

/// The description of a schema, on one line.
fn words(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The schema of the table that a property is, and whether it is a list of them.
fn table_of<'a>(root: &'a Value, property: &'a Value) -> Option<(&'a Value, bool)> {
    let plain = resolved(root, property);
    if plain["properties"].is_object() {
        return Some((plain, false));
    }
    let items = resolved(root, plain.get("items")?);
    items["properties"].is_object().then_some((items, true))
}

/// What a schema refers to, without the alternative that there is no value.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("a reference within the schema");
        return resolved(root, root.pointer(pointer).expect("what is referred to"));
    }
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    let mut choices = choices.filter(|it| it["type"] != "null");
    match (choices.next(), choices.next()) {
        (Some(one), None) => resolved(root, one),
        _ => schema,
    }
}

/// What is wrong with the words of a schema.
pub(crate) fn faults(tables: &[Table]) -> Vec<String> {
    let mut faults = Vec::new();
    for table in tables {
        for key in &table.keys {
            let name = format!("{}.{}", table.path, key.name);
            let words = key.description();
            if words.split(' ').count() < 2 {
                faults.push(format!("{name} has no words"));
            }
            if words.contains("[`") || words.contains("```") {
                faults.push(format!("{name} has words for programmers: {words}"));
            }
            if key.table.is_none() && key.examples().is_empty() {
                faults.push(format!("{name} has no example"));
            }
        }
    }
    faults
}

#[test]
fn a_key_without_words_or_example_is_seen() {
    let schema = serde_json::json!({
        "properties": { "serve": { "$ref": "#/$defs/Serve", "description": "`[serve]`: the server." } },
        "$defs": { "Serve": { "properties": {
            "good": { "type": "string", "description": "Some words.", "examples": ["a"] },
            "mute": { "type": "string", "examples": ["a"] },
            "bare": { "type": "string", "description": "Some words." },
            "code": { "type": "string", "description": "See [`Limit`].", "examples": ["a"] },
        } } },
    });
    let faults = faults(&tables(&schema, &["serve"]));
    assert_eq!(
        faults,
        [
            "serve.bare has no example",
            "serve.code has words for programmers: See [`Limit`].",
            "serve.mute has no words"
        ]
    );
}
