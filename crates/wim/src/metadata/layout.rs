//! Where the lists of children stand in a metadata resource.
//!
//! The resource is compressed in chunks of 32 KiB, and one that is byte for byte as before need not be
//! compressed again. So a list keeps its place wherever it can. What then stands in the way goes, and
//! what it leaves is filled to the byte with lists from the end:
//!
//! ```text
//! as read   │ root │ A    │ B   │ C │ D   │ E │ F   │ G │
//! A grew    │ root │ A     │ F  │ C │ D   │ E │ G │ B    │
//! ```
//! Readers follow the offsets that folders have, so any order is good, but for the list of the root:
//! 7-Zip takes what stands right behind the root for it. And there must be no hole: 7-Zip reports bytes
//! that belong to no list as an error.

/// A list of children that is to be written.
pub(super) struct List {
    /// Where it was read.
    pub(super) was: Option<u64>,
    /// Its bytes now, its end included: a multiple of 8.
    pub(super) size: u64,
}

/// How many lists at the end are tried as filling, one number after the other.
const RELEASED: [usize; 5] = [0, 8, 32, 128, 512];
/// How many lists in a row give up their places, to widen a hole that cannot be filled.
const WIDEST: usize = 8;
/// Holes are counted in this many bytes.
const UNIT: u64 = 8;
/// How many sums may be tried to fill all holes, some milliseconds.
const MOST_SUMS: u64 = 1 << 22;

/// The offset of each list but the root's, the first at `start`. `lists` are in the order in which they
/// were read, new ones last; where holes cannot be filled, that order stays.
pub(super) fn place(lists: &[List], start: u64) -> Vec<u64> {
    let (kept, loose) = settle(lists, start);
    let filled = RELEASED.iter().filter(|released| **released <= kept.len());
    let mut order = filled.map(|released| {
        let (kept, released) = kept.split_at(kept.len() - released);
        // The last first, so that those before them stay where they are.
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

/// The lists that can keep their places, in their order, and the others.
fn settle(lists: &[List], start: u64) -> (Vec<usize>, Vec<usize>) {
    let (mut kept, mut loose) = (Vec::new(), Vec::new());
    for (index, list) in lists.iter().enumerate() {
        let Some(at) = list.was.filter(|at| *at >= start && (at - start).is_multiple_of(UNIT))
        else {
            loose.push(index);
            continue;
        };
        // Of two that overlap, the smaller one gives way.
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

/// One past the last byte of a list that keeps its place.
fn end(list: &List) -> u64 {
    list.was.unwrap_or(0).saturating_add(list.size)
}

/// The order in which `kept` keep their places; `others` stand in the holes between, and what is left of
/// them stands at the end, turned round.
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

/// Which of `sizes` are together exactly `hole`: those that stand first, if there is a choice.
fn subset(hole: u64, sizes: &[u64]) -> Option<Vec<usize>> {
    let units = |size: u64| usize::try_from(size / UNIT).ok();
    let hole = units(hole)?;
    // Sum → the last of the sizes that add up to it, the others of which stand before.
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

    /// Lists as they were read, one behind the other, each with the size that it has now.
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
    fn what_stands_behind_a_list_that_grew_stays() {
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
        fn lists_lie_one_behind_the_other_without_a_hole(
            sizes in prop::collection::vec((1_u64..60, 1_u64..60, any::<bool>()), 0..400),
            // Also where no writer would put them.
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
