//! The server, and its log on the terminal.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use winpe_netboot::event::Event;
use winpe_netboot::policy::Config;
use winpe_netboot::serve::{Interface, Server};

use super::changes::Changes;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Lines of the log that may wait for the terminal; more are counted and left out, so that a slow
/// terminal holds up no machine.
const WAITING: usize = 4096;
/// Between two writes to the terminal. To be woken for each line would slow down those who send.
const TOGETHER: Duration = Duration::from_millis(25);
/// Configurations that may wait for the server.
const RELOADS: usize = 4;

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

/// Serves until the program is told to stop. `reread` gives the configuration as it is now.
pub(super) fn serve(
    config: Config,
    interface: &Interface,
    file: Option<&Path>,
    reread: impl Fn() -> Result<Config, Failure>,
    printer: &mut Printer,
) -> Outcome {
    let mut server = Server::bind(Arc::new(config), interface)?;
    // The folder, not the file: an editor puts another file in its place.
    let folder = file.map(|file| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    });
    server.confine(&Vec::from_iter(folder))?;
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
        let (mut interrupted, mut terminated, mut hung_up) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        );
        let stop = async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        };
        let (configs, receiver) = mpsc::channel(RELOADS);
        let mut changes = Changes::of(file);
        // On its own, so that nobody waits for an answer while a configuration is read here.
        let mut server = tokio::spawn(server.run(log, receiver, stop));
        loop {
            let reload = tokio::select! {
                Some(event) = lines.recv() => {
                    print(&event, printer)?;
                    for _ in 0..WAITING {
                        let Ok(event) = lines.try_recv() else { break };
                        print(&event, printer)?;
                    }
                    // Whoever follows a log wants each line as it happens, or nearly so: lines that
                    // come close together are written together.
                    printer.finish()?;
                    tokio::time::sleep(TOGETHER).await;
                    let lost = lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        printer.warning(format_args!("{lost} lines of this log are left out"));
                    }
                    false
                }
                ended = &mut server => {
                    while let Ok(event) = lines.try_recv() {
                        print(&event, printer)?;
                    }
                    printer.finish()?;
                    ended.map_err(Failure::new)??;
                    return Ok(Exit::Done);
                }
                _ = hung_up.recv() => true,
                changed = changes.tick() => changed,
            };
            if reload {
                match reread() {
                    // The server says what becomes of it; where several wait, the last ones can.
                    Ok(config) => drop(configs.try_send(config)),
                    Err(failure) => {
                        let reason = failure.message();
                        let text = format!(
                            "the new configuration is refused, the old one stays: {reason}"
                        );
                        print(&Event::Warning { text }, printer)?;
                    }
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
        return Ok(writeln!(printer.raw())?);
    }
    let warning = match event {
        Event::Warning { text } => text.escape_debug().to_string(),
        Event::Hashed { before: Some(_), .. } => event.to_string(),
        event => return Ok(printer.line(event)?),
    };
    // What was said before it comes before it.
    printer.finish()?;
    printer.warning(warning);
    Ok(())
}
