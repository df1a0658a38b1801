//! `winpe-iscsi boots`.

mod show;
mod stream;

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use self::show::{Boot, show};
use self::stream::Stream;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show the machines that boot, where each stopped, and why
///
/// Examples:
///   winpe-iscsi boots                           # of a server of this machine
///   winpe-iscsi boots --follow                  # each as it happens
///   winpe-iscsi boots 52:54:00 --steps          # every step of these
///   winpe-iscsi boots --follow --json           # one JSON object a line
///   winpe-iscsi boots --url http://10.0.0.1:80  # of another machine
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Only machines whose hardware or IP address begins so
    #[arg(value_name = "ADDRESS")]
    client: Option<String>,
    /// Go on, and show each change
    #[arg(short, long)]
    follow: bool,
    /// Every step of each boot
    #[arg(long, conflicts_with = "follow")]
    steps: bool,
    /// Where the server shows its boots
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8067")]
    url: String,
}

/// How long the server has to begin its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer at most.
const LONGEST: u64 = 64 << 20;
/// Before the next try where the server has gone.
const AGAIN: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Reply {
    now_ms: u64,
    boots: Vec<Value>,
}

#[derive(Deserialize)]
struct One {
    boot: Value,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let server = Server::new(&args.url);
    if args.follow {
        return follow(args, &server, printer);
    }
    let reply: Reply = serde_json::from_slice(&server.read("/api/v1/boots")?)?;
    let mut boots = Vec::new();
    for value in reply.boots {
        let boot = Boot::of(&value)?;
        if !wanted(args, &boot) {
            continue;
        }
        let value = if args.steps {
            let bytes = server.read(&format!("/api/v1/boots/{}", boot.id))?;
            serde_json::from_slice::<One>(&bytes)?.boot
        } else {
            value
        };
        boots.push(value);
    }
    if printer.is_json() {
        printer.json(&serde_json::json!({ "now_ms": reply.now_ms, "boots": boots }))?;
    } else if boots.is_empty() {
        printer.status("no machine has asked yet");
    }
    if !printer.is_json() {
        // The newest is last, next to the prompt.
        for value in boots.iter().rev() {
            show(&Boot::of(value)?, reply.now_ms, printer)?;
        }
    }
    Ok(Exit::Done)
}

/// Until it is interrupted.
fn follow(args: &Args, server: &Server, printer: &mut Printer) -> Outcome {
    // The last line printed for each boot: progress within a file does not print another.
    let mut printed: HashMap<u64, String> = HashMap::new();
    let mut stream = Stream::open(server)?;
    loop {
        let Some(data) = stream.next()? else {
            printer.status("the server has gone; trying again");
            stream = again(server, &mut printed);
            continue;
        };
        let reply: Reply = serde_json::from_str(&data)?;
        for value in reply.boots.iter().rev() {
            let boot = Boot::of(value)?;
            if !wanted(args, &boot) {
                continue;
            }
            if printer.is_json() {
                let mut line = value.clone();
                if let Value::Object(fields) = &mut line {
                    fields.insert("schema".to_owned(), 1.into());
                }
                printer.json_line(&line)?;
            } else if printed.insert(boot.id, boot.verdict.summary.clone())
                != Some(boot.verdict.summary.clone())
            {
                show(&boot, reply.now_ms, printer)?;
            }
        }
        printer.finish()?;
        if printer.reader_is_gone() {
            return Ok(Exit::Done);
        }
    }
}

/// Another stream, as soon as there is a server; it counts its boots from the beginning.
fn again(server: &Server, printed: &mut HashMap<u64, String>) -> Stream {
    printed.clear();
    loop {
        std::thread::sleep(AGAIN);
        if let Ok(stream) = Stream::open(server) {
            return stream;
        }
    }
}

fn wanted(args: &Args, boot: &Boot) -> bool {
    let Some(wanted) = &args.client else { return true };
    let begins = |text: &str| text.to_ascii_lowercase().starts_with(&wanted.to_ascii_lowercase());
    begins(&boot.client) || boot.address.as_deref().is_some_and(begins)
}

/// Where boots are shown.
struct Server {
    base: String,
    agent: ureq::Agent,
}

impl Server {
    fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .build();
        Self { base: url.trim_end_matches('/').to_owned(), agent: config.into() }
    }

    fn open(&self, path: &str) -> Result<impl Read + use<>, Failure> {
        let answer = self.agent.get(format!("{}{path}", self.base)).call();
        let answer = answer.map_err(|error| self.failed(&error))?;
        Ok(answer.into_body().into_reader())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn failed(&self, error: &ureq::Error) -> Failure {
        let failure = Failure::new(format!("{}: {error}", self.base));
        match error {
            ureq::Error::StatusCode(421) => failure
                .hint("name the server by its IP address, or add the name to names in [watch]"),
            ureq::Error::StatusCode(_) => failure.hint("is this a winpe-iscsi server?"),
            _ if !self.base.starts_with("http://") => {
                failure.hint(format!("a URL begins with http://, such as http://{}", self.base))
            }
            _ => failure.hint(
                "is winpe-iscsi serve running here? --url names another; [watch] listen in its \
                 configuration says where it is",
            ),
        }
    }
}
