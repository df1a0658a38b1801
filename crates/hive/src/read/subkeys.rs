//! Subkey lists: iteration, and binary search for a name.

use std::cmp::Ordering;
use std::iter::FusedIterator;

use zerocopy::FromBytes;

use super::{Claims, Image, Key, ReadError};
use crate::format::{CellOffset, KeyNode, ListHeader, ListKind, Record};

/// A subkey list of any kind: offsets, each at the start of an entry.
#[derive(Clone, Copy)]
pub(crate) struct List<'h> {
    pub(crate) at: CellOffset,
    pub(crate) kind: ListKind,
    entries: &'h [u8],
}

impl<'h> List<'h> {
    pub(crate) fn new(image: Image<'h>, at: CellOffset) -> Result<Self, ReadError> {
        let (head, rest) = image.record::<ListHeader>(at, Record::SubkeyList)?;
        let kind = ListKind::from_signature(head.signature).ok_or(ReadError::Signature {
            record: Record::SubkeyList,
            at,
            expected: b"li|lf|lh|ri",
            actual: head.signature,
        })?;
        let len = usize::from(head.count.get()) * kind.entry_len();
        let entries = rest.get(..len).ok_or(ReadError::Short {
            record: Record::SubkeyList,
            at,
            expected: (size_of::<ListHeader>() + len) as u64,
            actual: (size_of::<ListHeader>() + rest.len()) as u64,
        })?;
        Ok(Self { at, kind, entries })
    }

    /// The entries that fit in the cell of a list whose count is too large.
    pub(crate) fn as_far_as_it_goes(image: Image<'h>, at: CellOffset) -> Option<Self> {
        let (head, rest) = image.record::<ListHeader>(at, Record::SubkeyList).ok()?;
        let kind = ListKind::from_signature(head.signature)?;
        let count = usize::from(head.count.get()).min(rest.len() / kind.entry_len());
        Some(Self { at, kind, entries: &rest[..count * kind.entry_len()] })
    }

    /// A list that holds keys, as every list under an `ri` must.
    fn leaf(image: Image<'h>, at: CellOffset) -> Result<Self, ReadError> {
        let list = Self::new(image, at)?;
        if list.kind == ListKind::Root {
            return Err(ReadError::Signature {
                record: Record::SubkeyList,
                at,
                expected: b"li|lf|lh",
                actual: ListKind::Root.signature(),
            });
        }
        Ok(list)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() / self.kind.entry_len()
    }

    /// The offset in an entry.
    #[inline]
    pub(crate) fn cell(&self, index: usize) -> Option<CellOffset> {
        let start = index * self.kind.entry_len();
        let bytes = self.entries.get(start..)?.first_chunk::<4>()?;
        Some(CellOffset::new(u32::from_le_bytes(*bytes)))
    }

    /// The offset of an entry, in bytes from the start of the list.
    pub(crate) fn entry_offset(kind: ListKind, index: usize) -> usize {
        size_of::<ListHeader>() + index * kind.entry_len()
    }

    /// The hash or hint in an entry, if the list has them.
    pub(crate) fn hint(&self, index: usize) -> Option<[u8; 4]> {
        let start = index * self.kind.entry_len();
        let entry = self.entries.get(start..start + self.kind.entry_len())?;
        entry.get(4..8).and_then(|hint| <[u8; 4]>::read_from_bytes(hint).ok())
    }

    pub(crate) fn entries(&self) -> &'h [u8] {
        self.entries
    }
}

/// The lists of a key that hold its subkeys: one, or those under an `ri`.
pub(crate) struct Lists<'h> {
    image: Image<'h>,
    state: ListsState<'h>,
}

enum ListsState<'h> {
    Start(CellOffset),
    Root(List<'h>, usize),
    End,
}

impl<'h> Lists<'h> {
    pub(crate) fn new(image: Image<'h>, node: &KeyNode) -> Self {
        let at = CellOffset::new(node.subkey_list.get());
        let state =
            if node.subkey_count.get() == 0 { ListsState::End } else { ListsState::Start(at) };
        Self { image, state }
    }
}

impl<'h> Lists<'h> {
    /// The next list of keys. A list that `enter` refuses, including the `ri`, is an error.
    pub(crate) fn next(
        &mut self,
        enter: &mut impl FnMut(CellOffset) -> bool,
    ) -> Option<Result<List<'h>, ReadError>> {
        let mut guard = |at| {
            let record = Record::SubkeyList;
            if enter(at) { Ok(()) } else { Err(ReadError::Twice { record, at }) }
        };
        if let ListsState::Start(at) = self.state {
            self.state = ListsState::End;
            match guard(at).and_then(|()| List::new(self.image, at)) {
                Ok(list) if list.kind == ListKind::Root => self.state = ListsState::Root(list, 0),
                other => return Some(other),
            }
        }
        let ListsState::Root(root, index) = &mut self.state else { return None };
        let at = root.cell(*index)?;
        *index += 1;
        Some(guard(at).and_then(|()| List::leaf(self.image, at)))
    }
}

/// The subkeys of a key; see [`Key::subkeys`].
pub struct Subkeys<'h> {
    lists: Lists<'h>,
    list: Option<List<'h>>,
    next: usize,
    owner: CellOffset,
    stated: u32,
    /// The stated number, or the number that fits in the hive if that is less: bounds the work on
    /// lists that repeat themselves.
    limit: u32,
    seen: u32,
    /// Set once the stated count has been compared, or cannot be.
    settled: bool,
}

impl<'h> Subkeys<'h> {
    pub(crate) fn new(image: Image<'h>, owner: CellOffset, node: &KeyNode) -> Self {
        let stated = node.subkey_count.get();
        Self {
            lists: Lists::new(image, node),
            list: None,
            next: 0,
            owner,
            stated,
            limit: stated.min(image.max_keys()),
            seen: 0,
            settled: stated == 0,
        }
    }

    /// The next subkey; entering a list twice is an error.
    pub(crate) fn next_claiming(
        &mut self,
        claims: &mut Claims,
    ) -> Option<Result<Key<'h>, ReadError>> {
        let image = self.lists.image;
        Some(self.next_cell(|list| claims.claim(list))?.and_then(|at| Key::new(image, at)))
    }

    /// The offset of the next subkey, which may not be a key at all. A list that `enter` refuses is
    /// an error.
    #[inline]
    fn next_cell(
        &mut self,
        mut enter: impl FnMut(CellOffset) -> bool,
    ) -> Option<Result<CellOffset, ReadError>> {
        loop {
            if let Some(at) = self.list.as_ref().and_then(|list| list.cell(self.next)) {
                self.next += 1;
                if self.seen == self.limit {
                    (self.list, self.lists.state) = (None, ListsState::End);
                    return self.miscounted(self.seen.saturating_add(1));
                }
                self.seen += 1;
                return Some(Ok(at));
            }
            self.next = 0;
            match self.lists.next(&mut enter) {
                Some(Ok(list)) => self.list = Some(list),
                Some(Err(error)) => {
                    self.list = None;
                    self.settled = true;
                    return Some(Err(error));
                }
                None => {
                    self.list = None;
                    if self.seen == self.stated {
                        return None;
                    }
                    return self.miscounted(self.seen);
                }
            }
        }
    }

    fn miscounted(&mut self, actual: u32) -> Option<Result<CellOffset, ReadError>> {
        if self.settled {
            return None;
        }
        self.settled = true;
        Some(Err(ReadError::SubkeyCount { at: self.owner, expected: self.stated, actual }))
    }
}

impl<'h> Iterator for Subkeys<'h> {
    type Item = Result<Key<'h>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let image = self.lists.image;
        Some(self.next_cell(|_| true)?.and_then(|at| Key::new(image, at)))
    }
}

impl FusedIterator for Subkeys<'_> {}

/// The position of a name in the lists of a key, or where it would be inserted.
pub(crate) struct Place<'h> {
    /// The `ri` and the index of the leaf in it.
    pub(crate) root: Option<(List<'h>, usize)>,
    pub(crate) leaf: List<'h>,
    pub(crate) index: usize,
    pub(crate) key: Option<Key<'h>>,
}

pub(crate) fn find_subkey<'h>(
    image: Image<'h>,
    node: &KeyNode,
    name: &[u16],
) -> Result<Option<Key<'h>>, ReadError> {
    Ok(locate(image, node, name)?.and_then(|place| place.key))
}

/// `None` if the key has no list.
pub(crate) fn locate<'h>(
    image: Image<'h>,
    node: &KeyNode,
    name: &[u16],
) -> Result<Option<Place<'h>>, ReadError> {
    if node.subkey_count.get() == 0 {
        return Ok(None);
    }
    let top = List::new(image, CellOffset::new(node.subkey_list.get()))?;
    if top.kind != ListKind::Root {
        let (index, key) = search(image, &top, name)?;
        return Ok(Some(Place { root: None, leaf: top, index, key }));
    }
    // The first leaf whose last name is not below the searched one; the last leaf if there is none.
    let (mut low, mut high) = (0, top.len().saturating_sub(1));
    while low < high {
        let middle = low.midpoint(high);
        let leaf = List::leaf(image, top.cell(middle).unwrap_or(CellOffset::NIL))?;
        let last = leaf.cell(leaf.len().wrapping_sub(1)).unwrap_or(CellOffset::NIL);
        match compare(image, last, name)? {
            (Ordering::Less, _) => low = middle + 1,
            _ => high = middle,
        }
    }
    let Some(at) = top.cell(low) else { return Ok(None) };
    let leaf = List::leaf(image, at)?;
    let (index, key) = search(image, &leaf, name)?;
    Ok(Some(Place { root: Some((top, low)), leaf, index, key }))
}

/// The position of the name in a leaf, or where it would be inserted.
fn search<'h>(
    image: Image<'h>,
    leaf: &List<'h>,
    name: &[u16],
) -> Result<(usize, Option<Key<'h>>), ReadError> {
    let (mut low, mut high) = (0, leaf.len());
    while low < high {
        let middle = low.midpoint(high);
        let at = leaf.cell(middle).unwrap_or(CellOffset::NIL);
        match compare(image, at, name)? {
            (Ordering::Less, _) => low = middle + 1,
            (Ordering::Equal, key) => return Ok((middle, Some(key))),
            (Ordering::Greater, _) => high = middle,
        }
    }
    Ok((low, None))
}

fn compare<'h>(
    image: Image<'h>,
    at: CellOffset,
    name: &[u16],
) -> Result<(Ordering, Key<'h>), ReadError> {
    let key = Key::new(image, at)?;
    Ok((key.stored_name().cmp_ignore_case(name.iter().copied()), key))
}
