//! Which of its control sets a hive uses.

use winpe_hive::{Hive, ReadError};
use winpe_registry::{KeyName, KeyPath, ValueName};

/// What `CurrentControlSet` means in a SYSTEM hive: Windows makes it a link to the set that
/// `Select\Current` names when it starts, so no hive of Windows has a key of that name. Other tools make
/// one; there it means that key.
///
/// ```
/// use winpe_hive::{FileTime, Hive};
/// use winpe_inject::ControlSet;
/// use winpe_registry::{Edit, KeyName, Value, ValueName};
///
/// let mut hive = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(0))?;
/// let (select, current) = ("Select".parse()?, ValueName::new("Current")?);
/// hive.apply(&Edit::set_value(select, current, Value::dword(2)))?;
/// let set = ControlSet::of(&hive)?;
/// let key = set.resolve(&r"CurrentControlSet\Services".parse()?).expect("the hive selects one");
/// assert_eq!(key.to_string(), r"ControlSet002\Services");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ControlSet {
    selected: Option<KeyName>,
    /// The hive has a key of the alias's name.
    is_key: bool,
}

impl ControlSet {
    /// What stands for it in `.reg` files and in the running Windows.
    pub const CURRENT: &str = "CurrentControlSet";

    /// Reads which one the hive selects.
    ///
    /// # Errors
    /// The key `Select` cannot be read.
    pub fn of(hive: &Hive) -> Result<Self, ReadError> {
        let current = ValueName::new("Current").expect("short");
        let number = match hive.key(&KeyPath::from_iter([name("Select")]))? {
            Some(select) => select.value(&current)?,
            None => None,
        };
        let number = number.and_then(|number| number.as_dword());
        let number = number.filter(|number| (1..=999).contains(number));
        let selected = number.map(|number| name(&format!("ControlSet{number:03}")));
        let is_key = hive.key(&KeyPath::from_iter([name(Self::CURRENT)]))?.is_some();
        Ok(Self { selected, is_key })
    }

    /// The name of the set; `None` where the hive selects none.
    #[must_use]
    pub fn name(&self) -> Option<&KeyName> {
        self.selected.as_ref()
    }

    /// The key of the hive that is meant; `None` where it is in the current set and the hive selects
    /// none.
    #[must_use]
    pub fn resolve(&self, key: &KeyPath) -> Option<KeyPath> {
        if self.is_key || key.names().first() != Some(&name(Self::CURRENT)) {
            return Some(key.clone());
        }
        let current = self.selected.clone()?;
        Some([current].into_iter().chain(key.names()[1..].iter().cloned()).collect())
    }
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).expect("short and without a backslash")
}
