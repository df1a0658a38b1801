//! The server, and its log on the terminal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use winpe_netboot::event::Event;
use winpe_netboot::policy::Config;
use winpe_netboot::serve::Interface;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Lines of the log that may wait for the terminal; more are counted and left out, so that a slow
/// terminal holds up no machine.
const WAITING: usize = 4096;

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

pub(super) fn serve(config: Config, interface: &Interface, printer: &mut Printer) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (sender, mut lines) = mpsc::channel::<Event>(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let log = Arc::new(move |event: Event| {
            if event.is_logged() && sender.try_send(event).is_err() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        };
        let server = winpe_netboot::serve::run(Arc::new(config), interface, log, stop);
        tokio::pin!(server);
        loop {
            tokio::select! {
                biased;
                Some(event) = lines.recv() => {
                    print(&event, printer)?;
                    let lost = lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        printer.warning(format_args!("{lost} lines of this log are left out"));
                    }
                }
                ended = &mut server => {
                    while let Ok(event) = lines.try_recv() {
                        print(&event, printer)?;
                    }
                    ended?;
                    return Ok(Exit::Done);
                }
            }
        }
    })
}

fn print(event: &Event, printer: &mut Printer) -> Result<(), Failure> {
    if printer.is_json() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (time, line) = (now.as_secs_f64(), event.to_string());
        serde_json::to_writer(printer.raw(), &LogLine { schema: 1, time, line, event })?;
        writeln!(printer.raw())?;
    } else {
        match event {
            Event::Warning { text } => printer.warning(text.escape_debug()),
            event => printer.line(event)?,
        }
    }
    // Whoever follows a log wants each line as it happens.
    printer.finish()
}
