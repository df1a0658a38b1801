//! `Find`: search by a regular expression in paths, value names and data.

use std::borrow::Cow;

use regex::Regex;
use winpe_registry::{KeyName, KeyPath, ValueType};

use crate::read::{Key, ReadError, ValueEntry, Walk};

/// What to search for, and in which parts.
///
/// ```
/// use winpe_hive::{FileTime, Find, Hive, Match};
/// use winpe_registry::{Edit, KeyName, Value, ValueName};
/// # let name = KeyName::new("ROOT")?;
/// # let mut hive = Hive::create(5, &name, FileTime::from_unix(0))?;
/// # let (key, image) = (r"Services\MSiSCSI".parse()?, ValueName::new("ImagePath")?);
/// # hive.apply(&Edit::set_value(key, image, Value::sz(r"drivers\msiscsi.sys")))?;
/// let find = Find::everywhere(regex::Regex::new("(?i)msiscsi")?);
/// let found: Vec<_> = find.below(&hive.root()).collect::<Result<_, _>>()?;
/// assert!(matches!(&found[0].what, Match::Key));
/// assert!(matches!(&found[1].what, Match::Data(entry) if entry.name() == "ImagePath"));
/// assert_eq!(found[1].key.to_string(), r"Services\MSiSCSI");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Find {
    /// The pattern. Unpaired surrogates are matched as U+FFFD.
    pub pattern: Regex,
    /// Search the paths of keys. A key is found if a match reaches into its own name, but not if
    /// only its parents match.
    pub keys: bool,
    /// Search the names of values.
    pub names: bool,
    /// Look at data: the text of text values without the NULs that end it, each string of a `REG_MULTI_SZ`, the
    /// number of a `REG_DWORD` or `REG_QWORD` as `0x00000002`, and other data as UTF-16 and as Latin-1. So
    /// `^` and `$` match at the ends of what a person sees as the text.
    pub data: bool,
}

impl Find {
    /// Searches everywhere.
    #[must_use]
    pub fn everywhere(pattern: Regex) -> Self {
        Self { pattern, keys: true, names: true, data: true }
    }

    /// All matches in a key and below it, in the order of the hive.
    #[must_use]
    pub fn below<'h>(&self, key: &Key<'h>) -> Found<'h> {
        Found {
            find: self.clone(),
            walk: key.walk(),
            path: KeyPath::root(),
            text: String::new(),
            ends: Vec::new(),
            ready: Vec::new(),
        }
    }

    fn matches_data(&self, entry: &ValueEntry<'_>) -> Result<bool, ReadError> {
        let data = entry.data()?;
        let matches = |text: &str| self.pattern.is_match(text);
        Ok(match (entry.ty(), &*data) {
            (ValueType::DWORD, &[a, b, c, d]) => {
                matches(&format!("{:#010x}", u32::from_le_bytes([a, b, c, d])))
            }
            (ValueType::QWORD, bytes) if bytes.len() == 8 => {
                let number = bytes.iter().rev().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
                matches(&format!("{number:#018x}"))
            }
            (ValueType::SZ | ValueType::EXPAND_SZ | ValueType::LINK, data) => {
                matches(utf16(data).trim_end_matches('\0'))
            }
            (ValueType::MULTI_SZ, data) => {
                utf16(data).trim_end_matches('\0').split('\0').any(matches)
            }
            (_, data) => matches(&utf16(data)) || matches(&latin1(data)),
        })
    }
}

/// One match.
#[derive(Debug, Clone)]
pub struct FoundAt<'h> {
    /// The path of the key, relative to the one where the search began.
    pub key: KeyPath,
    /// The matching part of that key.
    pub what: Match<'h>,
}

/// The part that matched.
#[derive(Debug, Clone)]
pub enum Match<'h> {
    /// The key's path.
    Key,
    /// A value's name.
    Name(ValueEntry<'h>),
    /// A value's data.
    Data(ValueEntry<'h>),
}

/// All matches; see [`Find::below`]. After an error the search continues.
pub struct Found<'h> {
    find: Find,
    walk: Walk<'h>,
    path: KeyPath,
    /// The path as text, and the end of each of its names in it.
    text: String,
    ends: Vec<usize>,
    /// Pending matches in the key visited last, the next one last.
    ready: Vec<Result<FoundAt<'h>, ReadError>>,
}

impl<'h> Iterator for Found<'h> {
    type Item = Result<FoundAt<'h>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.ready.pop() {
                return Some(found);
            }
            match self.walk.next()? {
                Ok(visit) => {
                    self.enter(&visit.key, visit.depth);
                    self.search(&visit.key, visit.depth);
                    self.ready.reverse();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<'h> Found<'h> {
    fn enter(&mut self, key: &Key<'h>, depth: usize) {
        if depth == 0 {
            return;
        }
        while self.path.depth() >= depth {
            self.path.pop();
            self.ends.pop();
        }
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
        if depth > 1 {
            self.text.push('\\');
        }
        let name = key.name();
        self.text.push_str(&name.to_string());
        self.ends.push(self.text.len());
        self.path.push(KeyName::from_stored(name));
    }

    fn search(&mut self, key: &Key<'h>, depth: usize) {
        let parent_end = self.ends.iter().rev().nth(1).copied().unwrap_or(0);
        let mut matches = self.find.pattern.find_iter(&self.text);
        if self.find.keys && depth > 0 && matches.any(|found| found.end() > parent_end) {
            self.ready.push(Ok(FoundAt { key: self.path.clone(), what: Match::Key }));
        }
        if !self.find.names && !self.find.data {
            return;
        }
        for entry in self.walk.values(key) {
            let found = entry.and_then(|entry| {
                if self.find.names && self.find.pattern.is_match(&entry.name().to_string()) {
                    return Ok(Some(Match::Name(entry)));
                }
                let in_data = self.find.data && self.find.matches_data(&entry)?;
                Ok(in_data.then_some(Match::Data(entry)))
            });
            match found {
                Ok(Some(what)) => self.ready.push(Ok(FoundAt { key: self.path.clone(), what })),
                Ok(None) => {}
                Err(error) => self.ready.push(Err(error)),
            }
        }
    }
}

fn utf16(data: &[u8]) -> String {
    let units = data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn latin1(data: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(data) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => data.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
    }
}
