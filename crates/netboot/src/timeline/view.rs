//! A boot as others see it.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::boot::Boot;
use super::client::ClientRecord;
use super::signatures;
use super::step::{Outcome, Step, StepKind};
use super::verdict::{Status, Verdict};
use crate::client::ChoiceKind;
use crate::logic::Time;

/// Links of a chain that are shown; what is between the first and the last ones is left out.
const LINKS: usize = 14;

/// Milliseconds after which a rate can be said.
const RATED: u64 = 500;

/// A boot as others see it. Names and texts hold what clients sent, unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BootView {
    /// Its number, unique while the server runs.
    pub id: u64,
    /// The machine's hardware address, or its IP address where that is unknown.
    pub client: String,
    /// Its IP address, once it has taken one.
    pub address: Option<String>,
    /// The `[[client]]` table that matches it.
    pub table: Option<String>,
    /// The host name that it has given itself.
    pub host_name: Option<String>,
    /// Its UUID, as firmware and operating systems spell it.
    pub uuid: Option<String>,
    /// Its vendor class (option 60).
    pub vendor_class: Option<String>,
    /// Firmware and processor.
    pub platform: Option<String>,
    /// When it began, in milliseconds since 1970.
    #[serde(rename = "began_ms", serialize_with = "millis")]
    #[schema(value_type = u64)]
    pub began: Time,
    /// When something happened last.
    #[serde(rename = "last_ms", serialize_with = "millis")]
    #[schema(value_type = u64)]
    pub last: Time,
    /// The entry of the menu that was chosen, where a script reported it.
    pub chosen: Option<String>,
    /// Bytes of files that were sent.
    pub bytes: u64,
    /// Its state, why, and what helps.
    pub verdict: Verdict,
    /// The greatest file that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferView>,
    /// The programs and files that it loaded, a short label each.
    pub chain: Vec<Link>,
    /// Everything that happened; only where one boot is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// Steps that were forgotten in between.
    pub omitted: u64,
}

/// A file that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TransferView {
    /// Its name.
    pub name: String,
    /// Bytes that were sent.
    pub bytes: u64,
    /// How many there are.
    pub size: u64,
    /// Bytes in a second, from its beginning until now; none before that can be said.
    pub rate: Option<u64>,
    /// Seconds until it is whole at that rate.
    pub seconds_left: Option<u64>,
}

impl TransferView {
    fn of(boot: &Boot) -> Option<Self> {
        let steps = boot.steps.iter().filter_map(|step| Some((step, step.file.as_ref()?)));
        let running = steps.filter(|(_, file)| file.outcome == Outcome::Underway);
        let sized = running.filter_map(|(step, file)| Some((step, file, file.size?)));
        let (step, file, size) = sized.max_by_key(|(_, _, size)| *size)?;
        let millis = u64::try_from(boot.last.since(step.time).as_millis()).unwrap_or(u64::MAX);
        let rate = (millis >= RATED).then(|| file.bytes.saturating_mul(1000) / millis);
        let rate = rate.filter(|rate| *rate > 0);
        let seconds_left = rate.map(|rate| size.saturating_sub(file.bytes).div_ceil(rate));
        Some(Self { name: file.name.clone(), bytes: file.bytes, size, rate, seconds_left })
    }
}

/// A part of the way that a boot took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    /// In a word: `DISCOVER`, or a file's name.
    pub label: String,
    /// How it went.
    pub state: LinkState,
    /// How much of a file was sent, from 0 to 100, while it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
}

/// How a part of the way went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// It is done.
    Done,
    /// It is under way.
    Now,
    /// It failed.
    Failed,
}

impl BootView {
    pub(super) fn of(client: &ClientRecord, boot: &Boot, now: Time, steps: bool) -> Self {
        let verdict = signatures::judge(boot, now);
        Self {
            id: boot.id,
            client: client.name.clone(),
            address: client.address.map(|address| address.to_string()),
            table: client.table.clone(),
            host_name: client.host_name.clone(),
            uuid: client.uuid.clone(),
            vendor_class: client.vendor_class.clone(),
            platform: client.platform.clone(),
            began: boot.began,
            last: boot.last,
            chosen: boot.entry().map(|choice| choice.name.clone()),
            bytes: boot.bytes,
            transfer: TransferView::of(boot),
            chain: chain(boot, &verdict),
            verdict,
            steps: steps.then(|| boot.steps.clone()),
            omitted: boot.omitted,
        }
    }
}

fn chain(boot: &Boot, verdict: &Verdict) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for step in &boot.steps {
        let Some(link) = link(step) else { continue };
        // A name tried again, or the next of many config files, takes the place of the one before.
        let same = |last: &Link| {
            last.label == link.label
                || (last.state == LinkState::Failed && link.state == LinkState::Failed)
        };
        if links.last().is_some_and(same) {
            links.pop();
        }
        links.push(link);
    }
    if let Some(last) = links.last_mut() {
        match verdict.status {
            Status::Stopped => last.state = LinkState::Failed,
            Status::Booting => last.state = LinkState::Now,
            Status::Waiting | Status::HandedOver | Status::Up => {}
        }
    }
    // A name that was not there and was followed by another was no failure.
    let last = links.len().saturating_sub(1);
    let mut at = 0;
    links.retain(|link| {
        at += 1;
        link.state != LinkState::Failed || at > last
    });
    if links.len() > LINKS {
        let rest = Link { label: "…".to_owned(), state: LinkState::Done, percent: None };
        let surplus = links.len() - LINKS;
        links.splice(LINKS / 2..=LINKS / 2 + surplus, [rest]);
    }
    links
}

fn link(step: &Step) -> Option<Link> {
    let plain =
        |label: &str| Link { label: label.to_owned(), state: LinkState::Done, percent: None };
    Some(match (step.kind, &step.file) {
        (_, Some(file)) => {
            let state = match file.outcome {
                Outcome::Underway => LinkState::Now,
                Outcome::Sent => LinkState::Done,
                Outcome::Missing | Outcome::Failed => LinkState::Failed,
                Outcome::SizeOnly | Outcome::NotNeeded => return None,
            };
            let label = file.name.rsplit('/').next().unwrap_or_default().to_owned();
            let part = file.size.filter(|size| *size > 0 && state == LinkState::Now);
            let percent = part.map(|size| file.bytes.saturating_mul(100) / size);
            Link { label, state, percent: percent.map(|percent| percent.min(100)) }
        }
        (StepKind::Chosen, None) => match &step.choice {
            Some(choice) if choice.kind == ChoiceKind::Failed => {
                let label = "did not boot".to_owned();
                Link { label, state: LinkState::Failed, percent: None }
            }
            choice => plain(choice.as_ref().map_or("", |choice| &choice.name)),
        },
        (StepKind::Discover, None) => plain("DISCOVER"),
        (StepKind::Offer, None) => plain("OFFER"),
        (StepKind::Request, None) => plain("REQUEST"),
        (StepKind::Ack, None) => plain("ACK"),
        (StepKind::Nak, None) => plain("NAK"),
        (StepKind::OtherServer, None) => plain("other server"),
        (StepKind::Ignored, None) => plain("ignored"),
        (StepKind::San, None) => plain("SAN"),
        (StepKind::Dhcp | StepKind::File | StepKind::Console | StepKind::Ipv6, None) => {
            return None;
        }
    })
}

/// Milliseconds since 1970.
pub(super) fn millis<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(time.as_millis())
}
