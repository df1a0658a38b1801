//! Checks of security cells: the ring of links, and the reference count of each.

use std::mem::take;

use super::{Checker, Rule};
use crate::format::{CellOffset, SecurityNode, Signed};
use crate::read::Security;

impl Checker<'_> {
    pub(super) fn securities(&mut self) {
        let users = take(&mut self.security_users);
        let mut start = None;
        for (&at, count) in &users {
            if at.is_nil() {
                self.add_at(0x24, Rule::NoSecurity, || format!("{count} keys"));
            } else if let Err(error) = Security::new(self.image, at) {
                self.add(at, Rule::BadSecurity, || format!("of {count} keys: {error}"));
            } else {
                start = start.or(Some(at));
            }
        }
        let Some(start) = start else { return };
        let mut at = start;
        while let Some(next) = self.security(at, users.get(&at).copied().unwrap_or(0)) {
            at = next;
            if self.used.contains(at.get() as usize / 8) {
                if at != start {
                    self.add(at, Rule::SecurityRing, || format!("expected to end at {start}"));
                }
                break;
            }
        }
        for &at in users.keys() {
            let is_cell = Security::new(self.image, at).is_ok();
            if is_cell && self.used.insert(at.get() as usize / 8) {
                self.add(at, Rule::SecurityOffRing, || "keys use it".to_owned());
            }
        }
    }

    /// Checks one cell of the ring; returns the next.
    fn security(&mut self, at: CellOffset, users: u32) -> Option<CellOffset> {
        self.claim(at, SecurityNode::RECORD, size_of::<SecurityNode>() as u64)?;
        let security = match Security::new(self.image, at) {
            Ok(security) => security,
            Err(error) => {
                self.add(at, Rule::SecurityRing, || error.to_string());
                return None;
            }
        };
        let next = CellOffset::new(security.node().next.get());
        if let Ok(following) = Security::new(self.image, next) {
            let back = CellOffset::new(following.node().previous.get());
            if back != at {
                self.add(next, Rule::SecurityBack, || format!("expected {at}, found {back}"));
            }
        }
        let stated = security.references();
        if stated != users {
            self.add(at, Rule::SecurityCount, || format!("expected {users} users, found {stated}"));
        }
        Some(next)
    }
}
