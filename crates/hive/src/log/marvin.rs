//! Marvin32, the checksum of log entries.

/// The seed that Windows uses for log entries.
const SEED: u64 = 0x82ef_4d88_7a4e_55c5;

/// The hash of `data`, which consists of whole words as in a log entry. A log entry stores it as a
/// little-endian 64-bit number.
pub(super) fn marvin32(data: &[u8]) -> u64 {
    let mut state = State { low: SEED as u32, high: (SEED >> 32) as u32 };
    for word in data.chunks_exact(4) {
        state.mix(u32::from_le_bytes(word.try_into().expect("chunks of four bytes")));
    }
    state.mix(0x80);
    state.mix(0);
    u64::from(state.high) << 32 | u64::from(state.low)
}

struct State {
    low: u32,
    high: u32,
}

impl State {
    fn mix(&mut self, word: u32) {
        self.low = self.low.wrapping_add(word);
        self.high ^= self.low;
        self.low = self.low.rotate_left(20).wrapping_add(self.high);
        self.high = self.high.rotate_left(9) ^ self.low;
        self.low = self.low.rotate_left(27).wrapping_add(self.high);
        self.high = self.high.rotate_left(19);
    }
}
