//! One machine.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::boot::Boot;
use crate::client::Client;
use crate::event::Heard;
use crate::logic::Time;

/// Letters of a name that a client sent and that are kept.
const MAX_CLASS: usize = 64;

/// One machine and its boots.
#[derive(Debug)]
pub(super) struct ClientRecord {
    /// Its hardware address; its IP address where that is unknown.
    pub(super) name: String,
    pub(super) address: Option<IpAddr>,
    pub(super) uuid: Option<String>,
    pub(super) vendor_class: Option<String>,
    pub(super) platform: Option<String>,
    /// The `[[client]]` table that matches it.
    pub(super) table: Option<String>,
    pub(super) host_name: Option<String>,
    pub(super) boots: VecDeque<Boot>,
}

impl ClientRecord {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            address: None,
            uuid: None,
            vendor_class: None,
            platform: None,
            table: None,
            host_name: None,
            boots: VecDeque::new(),
        }
    }

    /// Learns what a message says; what it leaves out stays.
    pub(super) fn learn(&mut self, about: &Client) {
        if let Some(uuid) = about.uuid {
            self.uuid = Some(uuid.smbios_spelling());
        }
        if !about.vendor_class.is_empty() {
            self.vendor_class = Some(shortened(&about.vendor_class, MAX_CLASS));
        }
        if let Some(platform) = about.platform {
            self.platform = Some(platform.to_string());
        }
    }

    /// Learns what people call it; an operating system knows more than its loader.
    pub(super) fn learn_names(&mut self, heard: &Heard) {
        if let Some(table) = &heard.table {
            self.table = Some(table.clone());
        }
        if let Some(name) = &heard.about.host_name {
            self.host_name = Some(shortened(name, MAX_CLASS));
        }
    }

    /// The order in which clients are forgotten: first those that never booted, then those seen longest ago.
    pub(super) fn rank(&self) -> (bool, Time) {
        let real = self.boots.iter().any(Boot::is_real);
        (real, self.boots.back().map(|boot| boot.last).unwrap_or_default())
    }

    pub(super) fn steps(&self) -> usize {
        self.boots.iter().map(|boot| boot.steps.len()).sum()
    }
}

/// The beginning of a text that a client sent.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
