//! The bytes of the blocks in flight.

use bytes::Bytes;

/// A queue of bytes.
///
/// They are in one piece, which transfers share if the whole file was supplied. Else the piece is moved to
/// the front of its memory only where as much has gone as there is left, so that each byte is moved about
/// once, and the memory is at most about twice as large as the most bytes held.
#[derive(Debug, Default)]
pub(super) struct Held {
    memory: Memory,
    start: usize,
    end: usize,
}

#[derive(Debug)]
enum Memory {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Held {
    /// All that there will be.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self { start: 0, end: bytes.len(), memory: Memory::Shared(bytes) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let memory = match &self.memory {
            Memory::Own(memory) => memory,
            Memory::Shared(memory) => &memory[..],
        };
        &memory[self.start..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.append_with(bytes.len(), |room| {
            room.copy_from_slice(bytes);
            true
        });
    }

    /// Appends as many bytes as `fill` puts where they belong; nothing where it says that it did not.
    pub(super) fn append_with(
        &mut self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        let held = self.len();
        let mut memory = match std::mem::take(&mut self.memory) {
            Memory::Own(memory) => memory,
            Memory::Shared(memory) => memory.into(),
        };
        if self.end + length > memory.len() && self.start >= held {
            memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, held);
        }
        let end = self.end + length;
        if end > memory.len() {
            memory.resize(end, 0);
        }
        let filled = fill(&mut memory[self.end..end]);
        if filled {
            self.end = end;
        }
        self.memory = Memory::Own(memory);
        filled
    }

    /// Drops this many bytes at the front, or all.
    pub(super) fn release(&mut self, length: usize) {
        self.start += length.min(self.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_went_in_comes_out_in_bounded_memory(
            shared in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
            steps in prop::collection::vec((0_usize..40, 0_usize..60, any::<bool>()), 0..200),
        ) {
            let mut held = shared.map_or_else(Held::default, |shared| Held::whole(shared.into()));
            let mut model: std::collections::VecDeque<_> = held.bytes().to_vec().into();
            let mut next = 0_u8;
            let mut most = 0;
            for (add, release, fills) in steps {
                let bytes: Vec<u8> = (0..add).map(|index| next.wrapping_add(index as u8)).collect();
                let filled = held.append_with(add, |room| {
                    room.copy_from_slice(&bytes);
                    fills
                });
                prop_assert_eq!(filled, fills);
                if fills {
                    next = next.wrapping_add(add as u8);
                    model.extend(bytes);
                }
                prop_assert!(held.bytes().iter().eq(&model));
                most = most.max(held.len() + add);
                let Memory::Own(memory) = &held.memory else { panic!("what was added is its own") };
                prop_assert!(memory.len() <= 2 * most + 40, "{} {most}", memory.len());
                held.release(release);
                model.drain(..release.min(model.len()));
                prop_assert_eq!(held.len(), model.len());
            }
        }
    }
}
