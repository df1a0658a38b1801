//! Shared by the targets. A fuzzer cannot guess a checksum, so the targets repair them: this
//! reaches the code after the check. The checks themselves are tested elsewhere.

use winpe_hive::Hive;

/// Makes the base block that of a clean hive: signature, equal sequence numbers, checksum.
pub fn settle(hive: &mut [u8]) {
    if hive.len() >= 512 {
        hive[..4].copy_from_slice(b"regf");
        hive.copy_within(4..8, 8);
        fix_checksum(hive);
    }
}

/// Corrects the checksum of a base block.
pub fn fix_checksum(file: &mut [u8]) {
    if file.len() >= 512 {
        let words = file[..508].chunks_exact(4);
        let sum = words.fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
        let sum: u32 = match sum {
            0 => 1,
            u32::MAX => u32::MAX - 1,
            sum => sum,
        };
        file[508..512].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Corrects the hashes of all entries of a log.
pub fn fix_hashes(log: &mut [u8]) {
    let mut offset = 512;
    while log.len() >= offset + 512 && log[offset..].starts_with(b"HvLE") {
        let size = u32::from_le_bytes(log[offset + 4..offset + 8].try_into().unwrap()) as usize;
        if size < 512 || size > log.len() - offset {
            return;
        }
        let entry = &mut log[offset..offset + size];
        let pages = marvin32(&entry[40..]);
        entry[24..32].copy_from_slice(&pages.to_le_bytes());
        let header = marvin32(&entry[..32]);
        entry[32..40].copy_from_slice(&header.to_le_bytes());
        offset += size;
    }
}

fn marvin32(data: &[u8]) -> u64 {
    let (mut low, mut high) = (0x7a4e_55c5_u32, 0x82ef_4d88_u32);
    let words = data.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
    for word in words.chain([0x80, 0]) {
        low = low.wrapping_add(word);
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        high = high.rotate_left(19);
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Removes a part with a length prefix from the front: two bytes of length, in units of 64 bytes,
/// and the part. If fewer bytes are left than stated, the part is all of them.
pub fn part<'d>(data: &mut &'d [u8]) -> &'d [u8] {
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return std::mem::take(data);
    };
    let length = usize::from(u16::from_le_bytes(*length)) * 64;
    let (part, rest) = rest.split_at(length.min(rest.len()));
    *data = rest;
    part
}

/// Reads everything; unreadable parts are skipped.
pub fn read_all(hive: &Hive) {
    let mut walk = hive.root().walk();
    while let Some(visit) = walk.next() {
        let Ok(visit) = visit else { continue };
        let _ = visit.key.class();
        let _ = visit.key.security().map(|security| security.map(|s| s.descriptor().len()));
        for entry in walk.values(&visit.key).flatten() {
            let _ = (entry.name(), entry.ty(), entry.data().map(|data| data.len()));
        }
    }
}

/// The line of a lease log with its correct checksum; `None` if it has only one word.
pub fn with_checksum(line: &str) -> Option<String> {
    let (_, body) = line.split_once(' ')?;
    let crc = !body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    });
    Some(format!("{crc:08x} {body}"))
}

/// Removes a packet from the front: two bytes of length, and the packet. If fewer bytes are left
/// than stated, the packet is all of them.
pub fn packet<'d>(data: &mut &'d [u8]) -> &'d [u8] {
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return std::mem::take(data);
    };
    let (packet, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    *data = rest;
    packet
}
