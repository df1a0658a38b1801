//! Collects events into boots, metrics and problems, and wakes those that follow them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::api::LeaseView;
use super::connections::PageConnections;
use super::history::History;
use super::metrics::Metrics;
use crate::config;
use crate::event::{Event, Sink};
use crate::logic::Time;
use crate::meter::{Meter, Usage, Used};
use crate::timeline::{BootView, Limits, Timeline};

/// Collects events, and shows the boots, metrics and problems that follow from them.
///
/// ```
/// use std::sync::Arc;
/// use winpe_netboot::event::{Event, Sink};
/// use winpe_netboot::watch::Watch;
///
/// let watch = Arc::new(Watch::new());
/// let sink: Arc<dyn Sink> = watch.before(Arc::new(|event: Event| eprintln!("{event}")));
/// sink.event(Event::Console {
///     client: "192.168.0.50".parse()?,
///     line: "Configuring (net0 52:54:00:00:00:01)...... ok".to_owned(),
/// });
/// assert_eq!(watch.boots()[0].client, "192.168.0.50");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub struct Watch {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    began: Instant,
    bounds: OnceLock<Bounds>,
}

/// The limits of the servers and of this port.
struct Bounds {
    meter: Arc<Meter>,
    connections: Arc<PageConnections>,
    others: Vec<Arc<dyn Used>>,
}

#[derive(Debug)]
struct State {
    timeline: Timeline,
    metrics: Metrics,
    /// Parts of the server that do less than they should, and why.
    problems: BTreeMap<&'static str, String>,
    history: History,
    /// The machine of each address, and until when, in milliseconds since 1970.
    leases: BTreeMap<Ipv4Addr, (String, u64)>,
}

impl Watch {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let timeline = Timeline::new(Limits::default());
        let state = State {
            timeline,
            metrics: Metrics::default(),
            problems: BTreeMap::new(),
            history: History::default(),
            leases: BTreeMap::new(),
        };
        let state = Mutex::new(state);
        let (changed, began) = (watch::Sender::new(0), Instant::now());
        Self { state, changed, began, bounds: OnceLock::new() }
    }

    /// Shows how much is used of the limits that `others` keep, and keeps those of the page's port. Later
    /// calls change nothing.
    pub(crate) fn bound(
        &self,
        limits: &config::Limits,
        meter: Arc<Meter>,
        others: Vec<Arc<dyn Used>>,
    ) {
        let connections = PageConnections::new(limits.clone(), Arc::clone(&meter));
        let _ = self.bounds.set(Bounds { meter, connections, others });
    }

    /// The connections to the page's port, with the default limits where [`Self::bound`] was not called.
    pub(super) fn connections(&self) -> Arc<PageConnections> {
        let usual = || {
            let meter = Arc::new(Meter::new(Arc::new(|_: Event| {})));
            let connections = PageConnections::new(config::Limits::default(), Arc::clone(&meter));
            Bounds { meter, connections, others: Vec::new() }
        };
        Arc::clone(&self.bounds.get_or_init(usual).connections)
    }

    /// How much is used of each limit, and how often it was met.
    fn usage(&self) -> Vec<(Usage, u64)> {
        let Some(Bounds { meter, connections, others }) = self.bounds.get() else {
            return Vec::new();
        };
        let usage = others.iter().flat_map(|other| other.usage()).chain(connections.usage());
        usage.map(|usage| (usage, meter.times(usage.limit))).collect()
    }

    /// A sink that shows events here before it hands them on.
    #[must_use]
    pub fn before(self: &Arc<Self>, next: Arc<dyn Sink>) -> Arc<dyn Sink> {
        let watch = Arc::clone(self);
        Arc::new(move |event: Event| {
            watch.record(&event);
            next.event(event);
        })
    }

    /// The boots, newest first, without their steps.
    #[must_use]
    pub fn boots(&self) -> Vec<BootView> {
        self.state().timeline.boots(now())
    }

    /// One boot with its steps.
    #[must_use]
    pub fn boot(&self, id: u64) -> Option<BootView> {
        self.state().timeline.boot(id, now())
    }

    /// The boots that changed after a revision, and the revision that this is.
    #[must_use]
    pub fn changed_since(&self, revision: u64) -> (Vec<BootView>, u64) {
        let state = self.state();
        // A greater revision is from before a restart of the server.
        let revision = if revision > state.timeline.revision() { 0 } else { revision };
        (state.timeline.changed_since(revision, now()), state.timeline.revision())
    }

    /// Boots of before the server's start, as JSON.
    #[must_use]
    pub fn history(&self) -> Vec<serde_json::Value> {
        self.state().history.boots().to_vec()
    }

    /// Takes the boots that [`Watch::history_text`] has written before; false where the text has none.
    pub(crate) fn restore(&self, text: &[u8]) -> bool {
        let history = History::read(text);
        let is_known = history.is_some();
        self.state().history = history.unwrap_or_default();
        is_known
    }

    /// The boots that are remembered, for the next start, and the revision that they are of.
    pub(crate) fn history_text(&self) -> (Vec<u8>, u64) {
        let (state, now) = (self.state(), now());
        let ids: Vec<_> = state.timeline.boots(now).into_iter().map(|boot| boot.id).collect();
        let boots = ids.into_iter().filter_map(|id| state.timeline.boot(id, now));
        (state.history.text(boots), state.timeline.revision())
    }

    /// Counts up with each change of the boots.
    pub(crate) fn revision(&self) -> u64 {
        self.state().timeline.revision()
    }

    /// The most bytes of the text of boots.
    pub(crate) const HISTORY: usize = History::most();

    /// The leases in force, by address.
    #[must_use]
    pub fn leases(&self) -> Vec<LeaseView> {
        let now = now().as_millis();
        let state = self.state();
        let leases = state.leases.iter().filter(|(_, (_, until))| *until > now);
        let view = |(address, (client, until)): (&Ipv4Addr, &(String, u64))| LeaseView {
            address: address.to_string(),
            client: client.clone(),
            expires_ms: *until,
        };
        leases.map(view).collect()
    }

    /// The numbers, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        // Before the state is locked: a server may hold its own lock while it records an event here.
        let usage = self.usage();
        let state = self.state();
        state.metrics.text(&state.timeline.boots(now()), &usage)
    }

    /// What the server cannot do at present, as `leases: ` and the reason.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.state().problems.iter().map(|(part, reason)| format!("{part}: {reason}")).collect()
    }

    /// Since when it watches.
    #[must_use]
    pub fn age(&self) -> std::time::Duration {
        self.began.elapsed()
    }

    /// Notices timeouts. Call it about every second.
    pub fn advance(&self) {
        let mut state = self.state();
        state.timeline.advance(now());
        self.publish(state.timeline.revision());
    }

    /// The revision, and ready at each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        let state = self.state();
        let changed = self.changed.subscribe();
        self.publish(state.timeline.revision());
        changed
    }

    fn record(&self, event: &Event) {
        let mut state = self.state();
        state.metrics.record(event);
        if let Event::Impaired { part, reason } = event {
            match reason {
                Some(reason) => state.problems.insert(part, reason.clone()),
                None => state.problems.remove(part),
            };
        }
        if let Event::Lease { address, client, until } = event {
            match until {
                Some(until) => state.leases.insert(*address, (client.clone(), *until)),
                None => state.leases.remove(address),
            };
        }
        state.timeline.record(event, now());
        self.publish(state.timeline.revision());
    }

    /// Called while the state is locked, so that a new subscriber misses no change.
    fn publish(&self, revision: u64) {
        // Sending costs more than the rest of the work on an event.
        if self.changed.receiver_count() == 0 {
            return;
        }
        self.changed.send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic may lose an event, but no code that holds the lock leaves the state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

/// The wall clock, since people compare these times with their own.
pub(super) fn now() -> Time {
    Time::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
