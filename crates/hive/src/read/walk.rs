//! `Walk`: all keys of a tree, with protection against loops and shared cells.

use std::cmp::Ordering;
use std::iter::FusedIterator;

use winpe_registry::KeyPath;

use super::{Image, Key, Placed, ReadError, Subkeys, ValueEntry, Values};
use crate::bitmap::Bitmap;
use crate::format::{CellOffset, Record};

/// The cells that have been reached.
pub(crate) struct Claims(Bitmap);

impl Claims {
    pub(crate) fn new(image: Image<'_>) -> Self {
        Self(Bitmap::new(image.bins().len() / 8))
    }

    /// Claims a cell; returns whether it was unclaimed.
    #[inline]
    pub(crate) fn claim(&mut self, at: CellOffset) -> bool {
        // Cells outside the bins cannot be read either, and that is the better error.
        self.0.try_insert(at.get() as usize / 8).unwrap_or(true)
    }

    /// Claims the cells of a value's data.
    #[inline]
    pub(crate) fn data(&mut self, entry: &ValueEntry<'_>) -> Result<(), ReadError> {
        let Some(at) = entry.data_cell() else { return Ok(()) };
        if !self.claim(at) {
            return Err(ReadError::Twice { record: Record::Data, at });
        }
        if entry.may_be_segmented() { self.segments(entry) } else { Ok(()) }
    }

    fn segments(&mut self, entry: &ValueEntry<'_>) -> Result<(), ReadError> {
        let Placed::Segments(segments) = entry.placed()? else { return Ok(()) };
        let mut claim = |record, at| {
            if self.claim(at) { Ok(()) } else { Err(ReadError::Twice { record, at }) }
        };
        claim(Record::SegmentList, segments.list)?;
        for segment in segments {
            claim(Record::Segment, segment?.0)?;
        }
        Ok(())
    }
}

/// One key on a walk.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'h> {
    /// The key.
    pub key: Key<'h>,
    /// Levels below the key where the walk began.
    pub depth: usize,
}

/// All keys below one key, parents first; see [`Key::walk`].
///
/// The walk ends on every input: a cell that is claimed a second time is an error and is not
/// entered again, so the work is bounded by the size of the hive. After an error the walk continues
/// with the next key.
///
/// ```
/// # use winpe_hive::{FileTime, Hive};
/// # let name = winpe_registry::KeyName::new("ROOT")?;
/// # let hive = Hive::create(5, &name, FileTime::from_unix(0))?;
/// let mut walk = hive.root().walk();
/// while let Some(visit) = walk.next() {
///     let visit = visit?;
///     println!("{:1$}{2}", "", visit.depth, visit.key.name());
///     for value in walk.values(&visit.key) {
///         let value = value?;
///         println!("  {} {}", value.name(), value.ty());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Walk<'h> {
    image: Image<'h>,
    claims: Claims,
    start: Option<Key<'h>>,
    stack: Vec<Level<'h>>,
    /// Whether subkeys come in the order of their names though their lists are in another.
    by_name: bool,
}

/// The subkeys of one key that are still to be visited.
enum Level<'h> {
    Listed(Subkeys<'h>),
    Sorted(std::vec::IntoIter<Result<Key<'h>, ReadError>>),
}

impl<'h> Walk<'h> {
    pub(crate) fn new(image: Image<'h>, start: Key<'h>) -> Self {
        let claims = Claims::new(image);
        Self { image, claims, start: Some(start), stack: Vec::new(), by_name: false }
    }

    /// A walk in the order of names, as sound lists are. Of several subkeys of one name the first is visited,
    /// which is the one that is found by name; each other is an error.
    pub(crate) fn by_name(mut self) -> Self {
        self.by_name = true;
        self
    }

    /// The values of a key, with the same protection: cells that another value or key has claimed
    /// are an error. So this can be called only once for each key.
    #[inline]
    pub fn values<'w>(&'w mut self, key: &Key<'h>) -> WalkValues<'h, 'w> {
        let node = key.node();
        let list = CellOffset::new(node.value_list.get());
        let values = if node.values() > 0 && !self.claims.claim(list) {
            let error = ReadError::Twice { record: Record::ValueList, at: list };
            Values::refused(self.image, error)
        } else {
            key.values()
        };
        WalkValues { claims: &mut self.claims, values }
    }

    #[inline]
    fn visit(&mut self, key: Key<'h>) -> Result<Visit<'h>, ReadError> {
        let at = key.offset();
        if !self.claims.claim(at) {
            return Err(ReadError::Twice { record: Record::Key, at });
        }
        let depth = self.stack.len();
        if depth > KeyPath::MAX_DEPTH {
            return Err(ReadError::TooDeep { at, limit: KeyPath::MAX_DEPTH });
        }
        if key.subkey_count() > 0 {
            let level = if self.by_name && !is_in_order(&key) {
                Level::Sorted(self.sorted(&key).into_iter())
            } else {
                Level::Listed(key.subkeys())
            };
            self.stack.push(level);
        }
        Ok(Visit { key, depth })
    }

    /// The subkeys of a key in the order of their names, after what cannot be read of its lists.
    fn sorted(&mut self, key: &Key<'h>) -> Vec<Result<Key<'h>, ReadError>> {
        let mut found = Vec::new();
        let mut sorted = Vec::new();
        let mut subkeys = key.subkeys();
        while let Some(subkey) = subkeys.next_claiming(&mut self.claims) {
            match subkey {
                Ok(subkey) => found.push(subkey),
                Err(error) => sorted.push(Err(error)),
            }
        }
        found.sort_by(by_name);
        let mut first: Option<Key<'_>> = None;
        for subkey in found {
            let same = first.filter(|first| by_name(first, &subkey) == Ordering::Equal);
            sorted.push(match same {
                Some(first) => {
                    Err(ReadError::SameName { at: subkey.offset(), first: first.offset() })
                }
                None => Ok(*first.insert(subkey)),
            });
        }
        sorted
    }
}

fn by_name(a: &Key<'_>, b: &Key<'_>) -> Ordering {
    a.stored_name().cmp_ignore_case(b.stored_name().units())
}

/// Whether the subkeys are in the order of their names, as far as they can be read.
fn is_in_order(key: &Key<'_>) -> bool {
    let mut last: Option<Key<'_>> = None;
    key.subkeys().filter_map(Result::ok).all(|subkey| {
        let follows = last.is_none_or(|last| by_name(&last, &subkey) == Ordering::Less);
        last = Some(subkey);
        follows
    })
}

impl<'h> Iterator for Walk<'h> {
    type Item = Result<Visit<'h>, ReadError>;

    #[expect(clippy::inline_always, reason = "the caller then need not read it back from memory")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(start) = self.start.take() {
            return Some(self.visit(start));
        }
        loop {
            let next = match self.stack.last_mut()? {
                Level::Listed(subkeys) => subkeys.next_claiming(&mut self.claims),
                Level::Sorted(subkeys) => subkeys.next(),
            };
            match next {
                Some(Ok(key)) => return Some(self.visit(key)),
                Some(Err(error)) => return Some(Err(error)),
                None => self.stack.pop(),
            };
        }
    }
}

impl FusedIterator for Walk<'_> {}

/// The values of one key on a walk.
pub struct WalkValues<'h, 'w> {
    claims: &'w mut Claims,
    values: Values<'h>,
}

impl<'h> Iterator for WalkValues<'h, '_> {
    type Item = Result<ValueEntry<'h>, ReadError>;

    #[expect(clippy::inline_always, reason = "the caller then need not read it back from memory")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let at = match self.values.next_cell()? {
            Ok(at) => at,
            Err(error) => return Some(Err(error)),
        };
        if !self.claims.claim(at) {
            return Some(Err(ReadError::Twice { record: Record::Value, at }));
        }
        let entry = match ValueEntry::new(self.values.image(), at) {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        if let Err(error) = self.claims.data(&entry) {
            return Some(Err(error));
        }
        Some(Ok(entry))
    }
}
