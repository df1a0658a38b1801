//! What watches, and what others watch.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::metrics::Metrics;
use super::room::Room;
use crate::config;
use crate::event::{Event, Sink};
use crate::logic::Time;
use crate::meter::{Meter, Usage, Used};
use crate::timeline::{BootView, Limits, Timeline};

/// Takes events, and shows what they come to.
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

/// The limits of the server that is watched, this one's port among them.
struct Bounds {
    meter: Arc<Meter>,
    room: Arc<Room>,
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

    /// Shows how much is used of the limits that `others` keep, and keeps those of the page's port. What
    /// was said first holds.
    pub(crate) fn bound(
        &self,
        limits: &config::Limits,
        meter: Arc<Meter>,
        others: Vec<Arc<dyn Used>>,
    ) {
        let room = Room::new(limits.clone(), Arc::clone(&meter));
        let _ = self.bounds.set(Bounds { meter, room, others });
    }

    /// Those that are connected to the page's port. Where no limits were named, the usual ones hold.
    pub(super) fn room(&self) -> Arc<Room> {
        let usual = || {
            let meter = Arc::new(Meter::new(Arc::new(|_: Event| {})));
            let room = Room::new(config::Limits::default(), Arc::clone(&meter));
            Bounds { meter, room, others: Vec::new() }
        };
        Arc::clone(&self.bounds.get_or_init(usual).room)
    }

    /// How much is used of each limit, and how often it was met.
    fn usage(&self) -> Vec<(Usage, u64)> {
        let Some(Bounds { meter, room, others }) = self.bounds.get() else { return Vec::new() };
        let usage = others.iter().flat_map(|other| other.usage()).chain(room.usage());
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
        // A revision of before a restart is none of ours.
        let revision = if revision > state.timeline.revision() { 0 } else { revision };
        (state.timeline.changed_since(revision, now()), state.timeline.revision())
    }

    /// The numbers, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        // Before the state is locked: a server that holds its own lock may be about to record an event here.
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

    /// Notices what silence means; to be called every second or so.
    pub fn advance(&self) {
        let mut state = self.state();
        state.timeline.advance(now());
        self.tell(state.timeline.revision());
    }

    /// The revision, and ready at each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        let state = self.state();
        let changed = self.changed.subscribe();
        self.tell(state.timeline.revision());
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
        self.tell(state.timeline.revision());
    }

    /// While the state is locked, so that whoever begins to listen misses nothing.
    fn tell(&self, revision: u64) {
        // Takes longer than all the rest that an event takes here.
        if self.changed.receiver_count() == 0 {
            return;
        }
        self.changed.send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is shown may miss an event, but nothing that holds the lock leaves it inconsistent.
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

/// The wall clock, which people compare with their own.
pub(super) fn now() -> Time {
    Time::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
