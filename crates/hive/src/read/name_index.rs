//! `NameIndex`: the values of a key in the order of their names.

use std::cmp::Ordering;

use super::{StoredName, ValueEntry};

/// Positions of values, sorted by name without case. To look up every value of a key by it takes n log n
/// comparisons.
pub(crate) struct NameIndex(Vec<u32>);

impl NameIndex {
    pub(crate) fn of(values: &[ValueEntry<'_>]) -> Self {
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|at| values[at as usize].stored_name());
            a.cmp_ignore_case(b.units())
        });
        Self(order)
    }

    /// The first of `values`, from which the index was made, that has a name. `order` compares the name of a
    /// value with it.
    pub(crate) fn find<'v, 'h>(
        &self,
        values: &'v [ValueEntry<'h>],
        order: impl Fn(StoredName<'h>) -> Ordering,
    ) -> Option<&'v ValueEntry<'h>> {
        let compare = |at: u32| order(values[at as usize].stored_name());
        let start = self.0.partition_point(|&at| compare(at) == Ordering::Less);
        let first = *self.0.get(start)?;
        (compare(first) == Ordering::Equal).then(|| &values[first as usize])
    }
}
