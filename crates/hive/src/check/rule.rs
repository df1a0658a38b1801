use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; Windows leaves such hives itself.
    Info,
    /// Windows never writes this, or its bookkeeping is wrong; it loads.
    Warning,
    /// Windows refuses the hive, silently drops a part of it to heal it, or misreads it.
    Error,
}

/// The names as in the report, in the order of the structures.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $name:literal $severity:ident,)*) => {
        /// What a finding is about.
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

            /// How bad a finding of this rule is.
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
    /// A version that nobody knows.
    Version "version" Error,
    /// The file format is not 1.
    Format "format" Error,
    /// The clustering factor is not 1.
    Cluster "cluster" Warning,
    /// The bins are no whole pages, or end behind the file.
    BinsLength "len-align" Error,
    /// Bytes follow the bins.
    Trailing "trailing" Info,
    /// A bin has no sound head.
    BinHead "hbin" Error,
    /// A cell does not end inside its bin.
    CellSize "cell-size" Error,
    /// Free cells that are neighbours.
    AdjacentFree "adjacent-free" Info,
    /// Allocated cells that nothing leads to.
    Orphans "orphan-cells" Warning,
    /// An offset leads to no allocated cell.
    BadReference "bad-ref" Error,
    /// A cell has two owners.
    DoubleReference "double-ref" Error,
    /// A cell is too small for what it holds.
    CellShort "cell-short" Error,
    /// A key has two parents.
    KeyShared "nk-shared" Error,
    /// A key lies more than 512 levels deep.
    Depth "depth" Error,
    /// Not a key node.
    KeySignature "nk-sig" Error,
    /// A key's name ends behind its cell.
    KeyNameLength "nk-name-len" Error,
    /// A key without a name.
    KeyNameEmpty "nk-empty-name" Error,
    /// A UTF-16 name with half a unit.
    KeyNameOdd "nk-odd-name" Error,
    /// A name of more than 255 units.
    KeyNameLong "nk-name-255" Error,
    /// A name that could be Latin-1 is UTF-16.
    KeyNameWide "nk-uncompressed" Warning,
    /// A backslash in a name.
    KeyNameBackslash "nk-backslash" Warning,
    /// A key names another parent.
    KeyParent "nk-parent" Error,
    /// The root key is not marked as such.
    RootFlags "root-flags" Warning,
    /// Another key is marked as the root.
    NotRoot "nk-rootflag" Warning,
    /// A key on disk is marked as volatile.
    Volatile "nk-volatile" Warning,
    /// Not a subkey list, or an `ri` under an `ri`.
    ListSignature "list-sig" Error,
    /// A subkey list ends behind its cell.
    ListShort "list-short" Error,
    /// An `ri` without lists.
    RootListEmpty "ri-count" Warning,
    /// A list without keys.
    ListEmpty "empty-leaf" Warning,
    /// A list of a later version.
    ListNew "lh-in-old" Warning,
    /// A list of an earlier version.
    ListOld "lf-in-new" Warning,
    /// A list with hints where Windows had none.
    ListHints "lf-in-v1" Error,
    /// The lists do not hold as many subkeys as the key says.
    SubkeyCount "subkey-count" Error,
    /// Two subkeys have one name.
    SubkeyTwice "dup-subkey" Error,
    /// Subkeys are not in NT's order.
    SubkeyOrder "sort-order" Error,
    /// A hash does not belong to the name.
    Hash "lh-hash" Error,
    /// A hint does not belong to the name.
    Hint "lf-hint" Error,
    /// A hint is in another case, or differs where the name has a wide unit.
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
    /// A value's name ends behind its cell.
    ValueNameLength "vk-name-len" Error,
    /// A name that could be Latin-1 is UTF-16.
    ValueNameWide "vk-uncompressed" Warning,
    /// Two values have one name.
    ValueTwice "dup-value" Warning,
    /// More inline data than fit.
    InlineSize "inline-size" Error,
    /// No data, but a cell for them.
    EmptyData "empty-data-off" Error,
    /// Long data that are not in segments.
    BigDataSignature "db-sig" Error,
    /// The number of segments does not fit the data.
    BigDataCount "db-count" Error,
    /// A key without a security descriptor.
    NoSecurity "no-sk" Warning,
    /// A key's security cell is none.
    BadSecurity "bad-sk" Error,
    /// The security cells do not form a ring.
    SecurityRing "sk-ring" Error,
    /// A link back does not fit the link forth.
    SecurityBack "sk-blink" Error,
    /// A security cell in use is not on the ring.
    SecurityOffRing "sk-off-ring" Error,
    /// A descriptor ends behind its cell.
    SecurityLength "sk-len" Error,
    /// The number of users is wrong.
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
