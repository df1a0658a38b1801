//! Collects events into boots, metrics and problems, and wakes those that follow them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::connections::PageConnections;
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
}

impl Watch {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let timeline = Timeline::new(Limits::default());
        let state = State { timeline, metrics: Metrics::default(), problems: BTreeMap::new() };
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
