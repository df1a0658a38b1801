//! The rules of the check: name in reports and severity of each.

use std::fmt;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Informational; Windows itself leaves such hives.
    Info,
    /// Windows never writes this, or its bookkeeping is wrong, but it loads the hive.
    Warning,
    /// Windows refuses the hive, silently drops a part of it to repair it, or misreads it.
    Error,
}

/// The rules, in the order of the structures.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $name:literal $severity:ident,)*) => {
        /// The rule that a finding breaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// The name in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// The severity of findings of this rule.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$rule => Severity::$severity,)*
                }
            }
        }
    };
}

rules! {
    /// The sequence numbers differ.
    Dirty "dirty" Error,
    /// The checksum of the base block is wrong.
    Checksum "hdr-checksum" Error,
    /// An unknown version.
    Version "version" Error,
    /// The file format is not 1.
    Format "format" Error,
    /// The clustering factor is not 1.
    Cluster "cluster" Warning,
    /// The length of the bins is no multiple of 4096, or exceeds the file.
    BinsLength "len-align" Error,
    /// Bytes follow the bins.
    Trailing "trailing" Info,
    /// The header of a bin is damaged.
    BinHead "hbin" Error,
    /// A cell does not end inside its bin.
    CellSize "cell-size" Error,
    /// Two adjacent free cells.
    AdjacentFree "adjacent-free" Info,
    /// Allocated cells that no record refers to.
    Orphans "orphan-cells" Warning,
    /// An offset that does not lead to an allocated cell.
    BadReference "bad-ref" Error,
    /// A cell has two owners.
    DoubleReference "double-ref" Error,
    /// A cell is too small for its record.
    CellShort "cell-short" Error,
    /// A key has two parents.
    KeyShared "nk-shared" Error,
    /// A key is more than 512 levels deep.
    Depth "depth" Error,
    /// Not a key node.
    KeySignature "nk-sig" Error,
    /// A key's name exceeds its cell.
    KeyNameLength "nk-name-len" Error,
    /// A key without a name.
    KeyNameEmpty "nk-empty-name" Error,
    /// A UTF-16 name with half a unit.
    KeyNameOdd "nk-odd-name" Error,
    /// A name of more than 255 units.
    KeyNameLong "nk-name-255" Error,
    /// A name is stored as UTF-16 though Latin-1 is possible.
    KeyNameWide "nk-uncompressed" Warning,
    /// A backslash in a name.
    KeyNameBackslash "nk-backslash" Warning,
    /// The parent field of a key names another key.
    KeyParent "nk-parent" Error,
    /// The root key lacks the flag of a root.
    RootFlags "root-flags" Warning,
    /// Another key has the flag of a root.
    NotRoot "nk-rootflag" Warning,
    /// A key on disk has the flag of a volatile key.
    Volatile "nk-volatile" Warning,
    /// Not a subkey list, or an `ri` under an `ri`.
    ListSignature "list-sig" Error,
    /// A subkey list exceeds its cell.
    ListShort "list-short" Error,
    /// An `ri` without lists.
    RootListEmpty "ri-count" Warning,
    /// A list without keys.
    ListEmpty "empty-leaf" Warning,
    /// A list kind that a later version introduced.
    ListNew "lh-in-old" Warning,
    /// A list kind of an earlier version.
    ListOld "lf-in-new" Warning,
    /// A list with hints in a version of Windows that had none.
    ListHints "lf-in-v1" Error,
    /// The lists do not hold the number of subkeys stated in the key.
    SubkeyCount "subkey-count" Error,
    /// Two subkeys have the same name.
    SubkeyTwice "dup-subkey" Error,
    /// Subkeys are not in NT's order.
    SubkeyOrder "sort-order" Error,
    /// A hash does not match the name.
    Hash "lh-hash" Error,
    /// A hint does not match the name.
    Hint "lf-hint" Error,
    /// A hint differs in case, or differs where the name has a unit above 255.
    HintCase "lf-hint-case" Warning,
    /// A subkey's name is longer than the maximum of its parent.
    MaxSubkeyName "max-subkeyname" Warning,
    /// A subkey's class is longer than the maximum of its parent.
    MaxClass "max-classlen" Warning,
    /// A value's name is longer than the maximum of its key.
    MaxValueName "max-valname" Warning,
    /// A value's data are longer than the maximum of its key.
    MaxValueData "max-valdata" Warning,
    /// Not a value.
    ValueSignature "vk-sig" Error,
    /// A value's name exceeds its cell.
    ValueNameLength "vk-name-len" Error,
    /// A name is stored as UTF-16 though Latin-1 is possible.
    ValueNameWide "vk-uncompressed" Warning,
    /// Two values have the same name.
    ValueTwice "dup-value" Warning,
    /// Inline data longer than four bytes.
    InlineSize "inline-size" Error,
    /// A value without data that names a data cell.
    EmptyData "empty-data-off" Error,
    /// Long data that are not stored in segments.
    BigDataSignature "db-sig" Error,
    /// The number of segments does not match the length of the data.
    BigDataCount "db-count" Error,
    /// A key without a security descriptor.
    NoSecurity "no-sk" Warning,
    /// A key's security field names no security cell.
    BadSecurity "bad-sk" Error,
    /// The security cells do not form a ring.
    SecurityRing "sk-ring" Error,
    /// A backward link does not match the forward link.
    SecurityBack "sk-blink" Error,
    /// A security cell in use is not on the ring.
    SecurityOffRing "sk-off-ring" Error,
    /// A descriptor exceeds its cell.
    SecurityLength "sk-len" Error,
    /// The reference count is wrong.
    SecurityCount "sk-refcount" Warning,
}

/// The name in reports.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}
