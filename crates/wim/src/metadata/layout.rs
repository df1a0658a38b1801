//! The placement of lists of children in a metadata resource.
//!
//! The resource is compressed in chunks of 32 KiB, and an unchanged chunk need not be recompressed.
//! So a list keeps its place if possible. Lists that are then in the way are moved, and the holes
//! are filled to the byte with lists from the end:
//!
//! ```text
//! as read   │ root │ A    │ B   │ C │ D   │ E │ F   │ G │
//! A grew    │ root │ A     │ F  │ C │ D   │ E │ G │ B    │
//! ```
//! Readers follow the offsets in folders, so any order is allowed, with two restrictions by 7-Zip:
//! the list of the root must directly follow the root, and there must be no hole, since 7-Zip
//! reports bytes that belong to no list as an error.

/// A list of children to be placed.
pub(super) struct List {
    /// Its old offset.
    pub(super) was: Option<u64>,
    /// Its new size in bytes, including the end mark: a multiple of 8.
    pub(super) size: u64,
}

/// Numbers of lists at the end that are tried, one after another, as filling.
const RELEASED: [usize; 5] = [0, 8, 32, 128, 512];
/// Maximum number of consecutive lists that are moved to widen a hole that cannot be filled.
const WIDEST: usize = 8;
/// The unit of holes in bytes.
const UNIT: u64 = 8;
/// Maximum number of sums tried to fill all holes: some milliseconds.
const MOST_SUMS: u64 = 1 << 22;

/// The offset of each list but the root's, the first at `start`. `lists` are in the order in which
/// they were read, new ones last; if the holes cannot be filled, they are placed in that order.
pub(super) fn place(lists: &[List], start: u64) -> Vec<u64> {
    let (kept, loose) = settle(lists, start);
    let filled = RELEASED.iter().filter(|released| **released <= kept.len());
    let mut order = filled.map(|released| {
        let (kept, released) = kept.split_at(kept.len() - released);
        // Last ones first, so that earlier lists keep their places.
        let others = released.iter().chain(&loose).rev().copied().collect();
        fill(lists, start, kept, others)
    });
    let order = order.find_map(|order| order).unwrap_or_else(|| (0..lists.len()).collect());
    let mut offsets = vec![0; lists.len()];
    let mut at = start;
    for index in order {
        offsets[index] = at;
        at += lists[index].size;
    }
    offsets
}

/// The lists that can keep their places, in order, and the others.
fn settle(lists: &[List], start: u64) -> (Vec<usize>, Vec<usize>) {
    let (mut kept, mut loose) = (Vec::new(), Vec::new());
    for (index, list) in lists.iter().enumerate() {
        let Some(at) = list.was.filter(|at| *at >= start && (at - start).is_multiple_of(UNIT))
        else {
            loose.push(index);
            continue;
        };
        // If two overlap, the smaller one is moved.
        let in_the_way = |last: &&usize| end(&lists[**last]) > at;
        match kept.last().filter(in_the_way) {
            Some(last) if lists[*last].size >= list.size => loose.push(index),
            Some(_) => {
                loose.extend(kept.pop());
                kept.push(index);
            }
            None => kept.push(index),
        }
    }
    (kept, loose)
}

/// The offset after a list that keeps its place.
fn end(list: &List) -> u64 {
    list.was.unwrap_or(0).saturating_add(list.size)
}

/// An order in which `kept` keep their places: `others` fill the holes between them, and the
/// remaining ones follow at the end in reverse order.
fn fill(lists: &[List], start: u64, kept: &[usize], mut others: Vec<usize>) -> Option<Vec<usize>> {
    let mut order = Vec::with_capacity(lists.len());
    let (mut at, mut sums, mut widened) = (start, 0, 0);
    for index in kept {
        let hole = lists[*index].was?.checked_sub(at)?;
        if hole > 0 {
            sums += hole / UNIT * others.len() as u64;
            if sums > MOST_SUMS || widened > WIDEST {
                return None;
            }
            let sizes: Vec<u64> = others.iter().map(|other| lists[*other].size).collect();
            let Some(chosen) = subset(hole, &sizes) else {
                others.insert(0, *index);
                widened += 1;
                continue;
            };
            let chosen: Vec<usize> = chosen.into_iter().map(|chosen| others[chosen]).collect();
            others.retain(|other| !chosen.contains(other));
            order.extend(chosen);
        }
        order.push(*index);
        at = end(&lists[*index]);
        widened = 0;
    }
    order.extend(others.into_iter().rev());
    Some(order)
}

/// A subset of `sizes` whose sum is exactly `hole`; earlier sizes are preferred.
fn subset(hole: u64, sizes: &[u64]) -> Option<Vec<usize>> {
    let units = |size: u64| usize::try_from(size / UNIT).ok();
    let hole = units(hole)?;
    // Sum → the last of the sizes that add up to it; the others come before it.
    let mut last: Vec<Option<usize>> = vec![None; hole + 1];
    for (index, size) in sizes.iter().enumerate() {
        let Some(size) = units(*size).filter(|size| (1..=hole).contains(size)) else { continue };
        for sum in (size..=hole).rev() {
            if last[sum].is_none() && (sum == size || last[sum - size].is_some()) {
                last[sum] = Some(index);
            }
        }
        if last[hole].is_some() {
            break;
        }
    }
    let mut chosen = Vec::new();
    let mut left = hole;
    while left > 0 {
        let index = last[left]?;
        left -= units(sizes[index])?;
        chosen.push(index);
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 136;

    /// Lists as they were read, one after another, each with its new size.
    fn lists(sizes: &[(u64, u64)]) -> Vec<List> {
        let mut at = START;
        let list = |(before, size): &(u64, u64)| {
            let was = Some(at);
            at += before;
            List { was, size: *size }
        };
        sizes.iter().map(list).collect()
    }

    fn moved(lists: &[List]) -> usize {
        let offsets = place(lists, START);
        lists.iter().zip(offsets).filter(|(list, offset)| list.was != Some(*offset)).count()
    }

    #[test]
    fn lists_after_one_that_grew_keep_their_places() {
        let same = (0..1000).map(|number| 120 + number * 56 % 488);
        let mut sizes: Vec<(u64, u64)> = same.map(|size| (size, size)).collect();
        assert_eq!(moved(&lists(&sizes)), 0);
        sizes[10].1 += 2048;
        assert!(moved(&lists(&sizes)) < 50, "{}", moved(&lists(&sizes)));
        sizes[500].1 -= 64;
        assert!(moved(&lists(&sizes)) < 100, "{}", moved(&lists(&sizes)));
    }

    #[test]
    fn holes_that_cannot_be_filled_are_closed_in_the_old_order() {
        let mut sizes = [(400, 400); 1000];
        sizes[10].1 += 136;
        assert_eq!(moved(&lists(&sizes)), 1000 - 11);
    }

    proptest! {
        #[test]
        fn lists_follow_each_other_without_a_hole(
            sizes in prop::collection::vec((1_u64..60, 1_u64..60, any::<bool>()), 0..400),
            // Also at offsets where no writer would put them.
            elsewhere in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..30_000), 0..8),
            new in prop::collection::vec(1_u64..60, 0..5),
        ) {
            let pick = |(before, now, changed): &(u64, u64, bool)| {
                (before * 8, if *changed { *now } else { *before } * 8)
            };
            let mut lists = lists(&sizes.iter().map(pick).collect::<Vec<_>>());
            for (index, was) in elsewhere {
                if !lists.is_empty() {
                    let index = index.index(lists.len());
                    lists[index].was = Some(was);
                }
            }
            lists.sort_by_key(|list| list.was);
            lists.extend(new.iter().map(|size| List { was: None, size: size * 8 }));
            let mut places: Vec<(u64, u64)> = place(&lists, START)
                .into_iter()
                .zip(lists.iter().map(|list| list.size))
                .collect();
            places.sort_unstable();
            let mut at = START;
            for (offset, size) in places {
                prop_assert_eq!(offset, at);
                at += size;
            }
        }

        #[test]
        fn a_subset_is_found_where_there_is_one(
            sizes in prop::collection::vec(1_u64..200, 1..12),
            hole in 1_u64..600,
        ) {
            let sizes: Vec<u64> = sizes.iter().map(|size| size * 8).collect();
            let sum_of = |set: u32| -> u64 {
                (0..sizes.len()).filter(|at| set >> at & 1 == 1).map(|at| sizes[at]).sum()
            };
            let exists = (0..1 << sizes.len()).any(|set| sum_of(set) == hole * 8);
            let found = subset(hole * 8, &sizes);
            prop_assert_eq!(found.is_some(), exists);
            if let Some(mut found) = found {
                prop_assert_eq!(found.iter().map(|at| sizes[*at]).sum::<u64>(), hole * 8);
                found.sort_unstable();
                found.dedup();
                prop_assert_eq!(found.iter().map(|at| sizes[*at]).sum::<u64>(), hole * 8);
            }
        }
    }
}
