//! In which order the lists of children stand in a metadata resource.
//!
//! Their order means nothing to a reader, and much to a writer: the resource is compressed in chunks,
//! and a chunk that holds the same bytes as one of the old resource need not be compressed again. If
//! a list that grew stayed in its place, all that follows would move by some bytes, into other
//! chunks. So it goes to the end, and its place is filled from the end, with small lists, until what
//! follows has moved by whole chunks:
//!
//! ```text
//!  old   a │ grown │ b b b b b b b b │ c │ d │ e │ f
//!  new   a │ d │ f │ b b b b b b b b │ c │ e │ grown
//!                  └ by a multiple of the chunk size
//! ```

use std::collections::VecDeque;
use std::ops::Range;

use super::Id;

/// A folder's list of children.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) folder: Id,
    /// Where it stood.
    pub(super) old: Option<Range<usize>>,
    /// Bytes that it takes now.
    pub(super) size: usize,
}

/// Lists at the end that may fill a gap.
const FILLERS: usize = 96;

/// The folders in the order in which their lists are to stand, the first at `start`.
pub(super) fn order(mut lists: Vec<List>, start: usize, chunk_size: usize) -> Vec<Id> {
    lists.sort_by_key(|list| list.old.as_ref().map_or(usize::MAX, |old| old.start));
    let stays = |list: &List| list.old.as_ref().is_some_and(|old| old.len() == list.size);
    let (stay, moved): (Vec<_>, Vec<_>) = lists.into_iter().partition(stays);
    let mut stay = VecDeque::from(stay);
    let mut ordered = Vec::new();
    let mut at = start;
    let mut given_up = None;
    while let Some(list) = stay.pop_front() {
        let old = list.old.as_ref().map_or(0, |old| old.start);
        // What is missing until the list stands where it stood, within its chunk.
        let missing = (old % chunk_size + chunk_size - at % chunk_size) % chunk_size;
        if missing > 0 && given_up != Some(missing) {
            given_up = Some(missing);
            for filler in take_from_end(&mut stay, missing, chunk_size) {
                at += filler.size;
                ordered.push(filler.folder);
            }
        }
        at += list.size;
        ordered.push(list.folder);
    }
    ordered.extend(moved.iter().map(|list| list.folder));
    ordered
}

/// Takes lists from near the end that together have `missing` bytes, or some chunks more; none where
/// no lists have such a sum.
fn take_from_end(lists: &mut VecDeque<List>, missing: usize, chunk_size: usize) -> Vec<List> {
    /// Entries, and so lists, are padded to this.
    const UNIT: usize = 8;
    /// Few lists have one given sum; among some sums, one is mostly found.
    const CHUNKS_MORE: usize = 3;
    let first = lists.len().saturating_sub(FILLERS);
    let most = (missing + CHUNKS_MORE * chunk_size) / UNIT;
    // For each sum that can be reached, the list that was added last. The lists are tried one after
    // the other, so that the sum before it was reached with lists tried before it.
    let mut last: Vec<Option<usize>> = vec![None; most + 1];
    for index in (first..lists.len()).rev() {
        let size = lists[index].size / UNIT;
        for sum in (size.max(1)..=most).rev() {
            if last[sum].is_none() && (sum == size || last[sum - size].is_some()) {
                last[sum] = Some(index);
            }
        }
    }
    let sums = (0..=CHUNKS_MORE).map(|chunks| missing + chunks * chunk_size);
    let mut sums = sums.filter(|sum| sum.is_multiple_of(UNIT)).map(|sum| sum / UNIT);
    let Some(mut sum) = sums.find(|sum| last[*sum].is_some()) else { return Vec::new() };
    let mut chosen = Vec::new();
    while let Some(index) = last[sum] {
        chosen.push(index);
        sum -= lists[index].size / UNIT;
    }
    chosen.sort_unstable_by(|a, b| b.cmp(a));
    chosen.into_iter().filter_map(|index| lists.remove(index)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNK: usize = 4096;

    fn lists(sizes: &[usize], start: usize) -> Vec<List> {
        let mut at = start;
        let place = |(folder, size): (Id, &usize)| {
            let old = Some(at..at + size);
            at += size;
            List { folder, old, size: *size }
        };
        sizes.iter().enumerate().map(place).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn each_list_stands_once(
            sizes in prop::collection::vec((1_usize..150).prop_map(|size| size * 8), 1..120),
            grown in any::<prop::sample::Index>(),
            growth in (1_usize..50).prop_map(|size| size * 8),
        ) {
            let mut lists = lists(&sizes, 120);
            let all: Vec<Id> = (0..sizes.len()).collect();
            prop_assert_eq!(order(lists.clone(), 120, CHUNK), all.clone());
            let grown = grown.index(sizes.len());
            lists[grown].size += growth;
            let mut ordered = order(lists, 120, CHUNK);
            prop_assert_eq!(ordered.last(), Some(&grown));
            ordered.sort_unstable();
            prop_assert_eq!(ordered, all);
        }
    }

    #[test]
    fn what_follows_a_list_that_grew_moves_by_whole_chunks() {
        let sizes: Vec<usize> = (0..150).map(|list| 400 + list * 37 % 150 * 8).collect();
        let mut lists = lists(&sizes, 120);
        lists[3].size += 136;
        let mut at = 120;
        let mut aligned = 0;
        for folder in order(lists.clone(), 120, CHUNK) {
            let old = lists[folder].old.as_ref().expect("all are old");
            aligned += usize::from(at % CHUNK == old.start % CHUNK);
            at += lists[folder].size;
        }
        assert!(aligned > 40, "{aligned}: all but the fillers and what stands behind them");
    }
}
