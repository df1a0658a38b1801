//! The log on the terminal, from a thread that no machine waits for.
//!
//! ```text
//!   events ─► Quiet (lines, or counted) ─► queue (full: counted) ─► thread ─► stdout (fails: counted)
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use winpe_netboot::event::{Event, Quiet, Sink};

use super::lines::Lines;
use crate::printer::{Printer, SCHEMA};

/// Lines of the log that may wait for the terminal; more are counted and left out, so that a slow
/// terminal holds up no machine.
const WAITING: usize = 4096;
/// Between two writes. A wake-up for each line would slow down the tasks that log.
const TOGETHER: Duration = Duration::from_millis(25);
/// Between two looks at what was left out.
const LOOK: Duration = Duration::from_secs(1);
/// How long the end of the program waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct LogLine<'a> {
    schema: u32,
    /// Seconds since 1970.
    time: f64,
    /// What the log says to people.
    line: String,
    #[serde(flatten)]
    event: &'a Event,
}

/// The log, and the thread that writes it.
pub(super) struct Recorder {
    sender: SyncSender<Item>,
    entry: Arc<Entry>,
    ended: Receiver<()>,
}

enum Item {
    Line(Event),
    End,
}

/// The sink in front of the queue.
struct Entry {
    quiet: Mutex<Quiet>,
    /// Lines for which the queue had no room.
    lost: AtomicU64,
    sender: SyncSender<Item>,
}

impl Sink for Entry {
    fn event(&self, event: Event) {
        if !event.is_logged() {
            return;
        }
        let is_line = self.quiet().is_line(&event, Instant::now());
        if is_line && self.sender.try_send(Item::Line(event)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Entry {
    fn quiet(&self) -> std::sync::MutexGuard<'_, Quiet> {
        // The value is only a count, so one that a panic interrupted can be used.
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// Starts to write to where `printer` writes.
    ///
    /// # Errors
    /// Where the system gives no thread, or there is no standard output.
    pub(super) fn start(printer: &Printer) -> io::Result<Self> {
        // Not through the standard library's own buffer, which keeps what it could not write.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let entry = Arc::new(Entry {
            quiet: Mutex::new(Quiet::new(Instant::now())),
            lost: AtomicU64::new(0),
            sender: sender.clone(),
        });
        let (end, ended) = mpsc::channel();
        let writer = Writer {
            lines: Lines::new(out),
            printer: printer.beside(),
            entry: Arc::clone(&entry),
            fails: false,
        };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            writer.run(&receiver);
            // Whoever does not wait any more has ended.
            let _ = end.send(());
        })?;
        Ok(Self { sender, entry, ended })
    }

    /// Where events go.
    pub(super) fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.entry) as _
    }

    /// Writes what there is, as far as it is taken soon.
    pub(super) fn finish(self) {
        let end = Instant::now() + PATIENCE;
        while let Err(TrySendError::Full(_)) = self.sender.try_send(Item::End)
            && Instant::now() < end
        {
            std::thread::sleep(TOGETHER);
        }
        let _ = self.ended.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// The thread's own.
struct Writer<W> {
    lines: Lines<W>,
    printer: Printer,
    entry: Arc<Entry>,
    /// Whether the last write failed, which is said once.
    fails: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self, items: &Receiver<Item>) {
        loop {
            let mut goes_on = match items.recv_timeout(LOOK) {
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            // Whoever follows a log wants each line as it happens, or nearly so: lines that come close
            // together are written together.
            for _ in 0..WAITING {
                let Ok(item) = items.try_recv() else { break };
                goes_on &= self.take(item);
            }
            let (now, mut quiet) = (Instant::now(), self.entry.quiet());
            let left_out = if goes_on { quiet.left_out(now) } else { quiet.rest(now) };
            drop(quiet);
            left_out.iter().for_each(|event| self.add(event));
            self.lines.without(self.entry.lost.swap(0, Ordering::Relaxed));
            self.write();
            if !goes_on {
                return;
            }
            std::thread::sleep(TOGETHER);
        }
    }

    fn take(&mut self, item: Item) -> bool {
        if let Item::Line(event) = &item {
            self.add(event);
        }
        matches!(item, Item::Line(_))
    }

    fn add(&mut self, event: &Event) {
        if self.printer.is_json() {
            return self.lines.add(&json(event));
        }
        let warning = match event {
            Event::Warning { text } => text.escape_debug().to_string(),
            Event::Hashed { before: Some(_), .. } => event.to_string(),
            event => return self.lines.add(&event.to_string()),
        };
        // What was said before it comes before it.
        self.write();
        self.printer.warning(warning);
    }

    fn write(&mut self) {
        let is_json = self.printer.is_json();
        let missing = |lines| {
            let text = format!("{lines} lines of this log are left out");
            if is_json { json(&Event::Warning { text }) } else { text }
        };
        let written = self.lines.write(missing);
        if let Err(error) = &written
            && !self.fails
        {
            self.printer
                .warning(format_args!("the log cannot be written: {error}; serving goes on"));
        }
        self.fails = written.is_err();
    }
}

fn json(event: &Event) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (time, line) = (now.as_secs_f64(), event.to_string());
    serde_json::to_string(&LogLine { schema: SCHEMA, time, line, event })
        .expect("events are written to memory without fail")
}
