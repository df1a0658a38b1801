//! `Bitmap`: a set of offsets at one bit each, so that its memory is a fixed fraction of the
//! file's.

/// A set of small numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// An empty set for numbers below `len`.
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)] }
    }

    /// Extends the range to numbers below `len`.
    pub(crate) fn grow(&mut self, len: usize) {
        let words = len.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    /// Adds a number and returns whether it was missing. `None` if the number is out of range.
    #[inline]
    pub(crate) fn try_insert(&mut self, number: usize) -> Option<bool> {
        let bit = 1 << (number % 64);
        let word = self.words.get_mut(number / 64)?;
        let missing = *word & bit == 0;
        *word |= bit;
        Some(missing)
    }

    /// Adds a number and returns whether it was missing. A number out of range counts as present.
    #[inline]
    pub(crate) fn insert(&mut self, number: usize) -> bool {
        self.try_insert(number).unwrap_or(false)
    }

    #[inline]
    pub(crate) fn remove(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    #[inline]
    pub(crate) fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// The least number in the set that is at least `start`.
    pub(crate) fn next(&self, start: usize) -> Option<usize> {
        let mut index = start / 64;
        let mut word = self.words.get(index)? & (u64::MAX << (start % 64));
        while word == 0 {
            index += 1;
            word = *self.words.get(index)?;
        }
        Some(index * 64 + word.trailing_zeros() as usize)
    }

    /// The greatest number in the set below `end`.
    pub(crate) fn previous(&self, end: usize) -> Option<usize> {
        let last = end.checked_sub(1)?;
        let mut index = (last / 64).min(self.words.len().checked_sub(1)?);
        let keep = if index == last / 64 { u64::MAX >> (63 - last % 64) } else { u64::MAX };
        let mut word = self.words[index] & keep;
        while word == 0 {
            index = index.checked_sub(1)?;
            word = self.words[index];
        }
        Some(index * 64 + 63 - word.leading_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_set(numbers in prop::collection::btree_set(0usize..300, 0..40)) {
            let mut bitmap = Bitmap::new(300);
            for &number in &numbers {
                prop_assert!(bitmap.insert(number));
                prop_assert!(!bitmap.insert(number));
            }
            let set: BTreeSet<usize> = numbers;
            for place in 0..330 {
                prop_assert_eq!(bitmap.contains(place), set.contains(&place));
                prop_assert_eq!(bitmap.next(place), set.range(place..).next().copied());
                prop_assert_eq!(bitmap.previous(place), set.range(..place).next_back().copied());
            }
            for &number in &set {
                bitmap.remove(number);
            }
            prop_assert_eq!(bitmap.next(0), None);
        }
    }
}
