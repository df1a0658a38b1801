//! The server, from its start to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use winpe_netboot::config::Config;
use winpe_netboot::event::{Event, Sink};
use winpe_netboot::net::Interface;
use winpe_netboot::serve::Server;

use super::changes::Changes;
use super::recorder::Recorder;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Configurations that may wait for the server.
const RELOADS: usize = 4;

/// Serves until a signal or an error ends it. `reread` gives the configuration as it is now.
pub(super) fn serve(
    config: Config,
    interface: &Interface,
    file: Option<&Path>,
    reread: impl Fn() -> Result<Config, Failure>,
    printer: &Printer,
) -> Outcome {
    let mut server = Server::bind(Arc::new(config), interface)?;
    // The folder, not the file: an editor puts another file in its place.
    let folder = file.map(|file| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    });
    server.confine(&Vec::from_iter(folder))?;
    let recorder = Recorder::start(printer)?;
    let outcome = run(server, file, reread, &recorder.sink());
    // What the log says of the end comes before the error.
    recorder.finish();
    outcome
}

fn run(
    server: Server,
    file: Option<&Path>,
    reread: impl Fn() -> Result<Config, Failure>,
    log: &Arc<dyn Sink>,
) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
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
        // A separate task, so that the server answers while this one reads a configuration.
        let mut server = tokio::spawn(server.run(Arc::clone(log), receiver, stop));
        loop {
            let reload = tokio::select! {
                ended = &mut server => {
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
                        // A line of the log is one line.
                        let reason = failure.message().replace("\n  ", "; ");
                        let text = format!(
                            "the new configuration is refused, the old one stays: {reason}"
                        );
                        log.event(Event::Warning { text });
                    }
                }
            }
        }
    })
}
