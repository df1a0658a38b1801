//! Unsigned catalogues. Layout: RFC 2315 (PKCS #7); Microsoft, "Windows Authenticode
//! Portable Executable Signature Format"; the list within, as `CTL_INFO` describes it.

use crate::program::{Digests, NotAProgram};

/// A catalogue: PKCS #7 signed data without a signer, over a list of the digests of files.
///
/// ```
/// use winpe_inject::demo::{Catalogue, Program};
/// let driver = Program::new(r"Windows\System32\drivers\msiscsi.sys").build();
/// let catalogue = Catalogue::new(true).program(&driver).file(b"[Version]").build();
/// assert_eq!(catalogue[0], 0x30);
/// ```
#[derive(Debug, Clone)]
pub struct Catalogue {
    sha256: bool,
    members: Vec<Member>,
}

#[derive(Debug, Clone)]
struct Member {
    digest: Vec<u8>,
    is_program: bool,
}

impl Catalogue {
    /// A catalogue that names files by SHA-256, as since Windows 8, or by SHA-1.
    #[must_use]
    pub fn new(sha256: bool) -> Self {
        Self { sha256, members: vec![] }
    }

    /// Covers a program or library, without the bytes that signing changes; another file is covered whole.
    #[must_use]
    pub fn program(self, data: &[u8]) -> Self {
        let digests: Result<Digests, NotAProgram> = Digests::of_program(data);
        match digests {
            Ok(digests) => self.member(digests, true),
            Err(_) => self.file(data),
        }
    }

    /// Covers all bytes of a file.
    #[must_use]
    pub fn file(self, data: &[u8]) -> Self {
        self.member(Digests::flat(data), false)
    }

    fn member(mut self, digests: Digests, is_program: bool) -> Self {
        let digest = if self.sha256 { digests.sha256.to_vec() } else { digests.sha1.to_vec() };
        self.members.push(Member { digest, is_program });
        self
    }

    /// The file.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let list = sequence([
            sequence([oid(CATALOGUE_LIST)]),
            tagged(OCTET_STRING, [vec![0x77; 16]]),
            tagged(UTC_TIME, [b"110215000000Z".to_vec()]),
            sequence([oid(if self.sha256 { MEMBERS_2 } else { MEMBERS }), null()]),
            sequence(self.members.iter().map(|member| self.subject(member))),
        ]);
        let signed = sequence([
            vec![INTEGER, 1, 1],
            tagged(SET, [self.algorithm()]),
            sequence([oid(TRUST_LIST), tagged(CONTEXT, [list])]),
            tagged(SET, []),
        ]);
        sequence([oid(SIGNED_DATA), tagged(CONTEXT, [signed])])
    }

    fn subject(&self, member: &Member) -> Vec<u8> {
        // The digested object: a program without flags, or an external file.
        let obsolete = "<<<Obsolete>>>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let link = tagged(CONTEXT | 2, [tagged(PRIMITIVE_CONTEXT, [obsolete])]);
        let what = match member.is_program {
            true => {
                let flags = vec![BIT_STRING, 1, 0];
                sequence([oid(PE_IMAGE), sequence([flags, tagged(CONTEXT, [link])])])
            }
            false => sequence([oid(CAB_DATA), link]),
        };
        let digest = tagged(OCTET_STRING, [member.digest.clone()]);
        let indirect = sequence([what, sequence([self.algorithm(), digest])]);
        let attribute = sequence([oid(INDIRECT_DATA), tagged(SET, [indirect])]);
        sequence([tagged(OCTET_STRING, [self.name(member)]), tagged(SET, [attribute])])
    }

    /// The digest; with SHA-1 its hex digits, as text.
    fn name(&self, member: &Member) -> Vec<u8> {
        if self.sha256 {
            return member.digest.clone();
        }
        let digits: String = member.digest.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{digits}\0").encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn algorithm(&self) -> Vec<u8> {
        sequence([oid(if self.sha256 { SHA256 } else { SHA1 }), null()])
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT: u8 = 0xa0;
const PRIMITIVE_CONTEXT: u8 = 0x80;

const SIGNED_DATA: &[u32] = &[1, 2, 840, 113_549, 1, 7, 2];
const TRUST_LIST: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 10, 1];
const CATALOGUE_LIST: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 12, 1, 1];
const MEMBERS: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 12, 1, 2];
const MEMBERS_2: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 12, 1, 3];
const INDIRECT_DATA: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 2, 1, 4];
const PE_IMAGE: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 2, 1, 15];
const CAB_DATA: &[u32] = &[1, 3, 6, 1, 4, 1, 311, 2, 1, 25];
const SHA1: &[u32] = &[1, 3, 14, 3, 2, 26];
const SHA256: &[u32] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];

fn sequence(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    tagged(SEQUENCE, parts)
}

fn null() -> Vec<u8> {
    vec![5, 0]
}

/// DER uses the shortest form of a length.
fn tagged(tag: u8, parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let content: Vec<u8> = parts.into_iter().flatten().collect();
    let mut found = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ ..0x80) => found.push(length),
        _ => {
            let bytes = content.len().to_be_bytes();
            let bytes: Vec<u8> = bytes.into_iter().skip_while(|&byte| byte == 0).collect();
            found.push(0x80 | u8::try_from(bytes.len()).expect("a length has at most 8 bytes"));
            found.extend(bytes);
        }
    }
    found.extend(content);
    found
}

fn oid(numbers: &[u32]) -> Vec<u8> {
    let mut content = Vec::new();
    let first = numbers[0] * 40 + numbers[1];
    for &number in [first].iter().chain(&numbers[2..]) {
        let groups = (1..5).rev().filter(|group| number >> (7 * group) > 0);
        content.extend(groups.map(|group| 0x80 | (number >> (7 * group) & 0x7f) as u8));
        content.push((number & 0x7f) as u8);
    }
    tagged(6, [content])
}
