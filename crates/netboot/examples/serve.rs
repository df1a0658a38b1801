//! Serves what a configuration file says: `serve winpe-iscsi.toml`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use winpe_netboot::config::Config;
use winpe_netboot::event::Event;
use winpe_netboot::net::Interface;
use winpe_netboot::serve;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: serve winpe-iscsi.toml")?;
    let mut config: Config = std::fs::read_to_string(&path)?.parse()?;
    config.read_paths_from(Path::new(&path).parent().unwrap_or(Path::new("")));
    let interface = Interface::of(&config.serve, None)?;
    let log = Arc::new(|event: Event| println!("{event}"));
    let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    Ok(serve::run(Arc::new(config), &interface, log, stop).await?)
}
