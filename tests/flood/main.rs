//! One client is served during attacks: the program itself in a network namespace, and attackers
//! with 64 addresses in another one, in the same /24 as the honest client.
//!
//! ```text
//!   cargo test -p winpe-tests --test flood -- --nocapture       each attack for some seconds
//!   WINPE_SLOW=1 cargo test -p winpe-tests --test flood         each for ten; and 2,000 slow readers
//! ```

mod attack;
mod crowd;
mod honest;
mod network;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use attack::{Attack, KINDS};
use honest::{Probe, probe};
use network::Network;

/// These tests measure time, so they run one after another.
static TURN: Mutex<()> = Mutex::new(());

/// Limit for each complete answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two requests of the honest client.
const PAUSE: Duration = Duration::from_millis(100);

fn slow() -> bool {
    ["WINPE_SLOW", "CI"].into_iter().any(|name| std::env::var_os(name).is_some())
}

/// The value of a limit in `/metrics`.
fn number(metrics: &str, what: &str, limit: &str) -> u64 {
    let name = format!("winpe_limit_{what}{{limit=\"{limit}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("{name}\n{metrics}")).parse().unwrap()
}

/// Sends requests for a while. Panics if an answer is missing, or if more than one of twenty took
/// too long: the machine that runs the tests may be busy for a moment.
#[track_caller]
fn watch(network: &Network, what: &str, time: Duration) {
    let (mut most, mut looks, mut late) = (Probe::default(), 0, Vec::new());
    let began = Instant::now();
    while began.elapsed() < time {
        let seen = probe(network);
        for (name, took) in seen.named() {
            let at = began.elapsed();
            assert!(took < honest::LONG, "{what}: no answer by {name}, {at:.1?} after it began");
            if took >= PATIENCE {
                late.push(format!("{name} took {took:.1?}, {at:.1?} after it began"));
            }
        }
        most = most.max(seen);
        looks += 1;
        std::thread::sleep(PAUSE);
    }
    println!("{what}: {looks} looks, at most {most}");
    assert!(late.len() <= looks / 20, "{what}: {late:#?}");
}

#[test]
fn an_honest_client_is_served_before_while_and_after_others_do_their_worst() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(network) = Network::new() else { return };
    network.enter();
    let mut server = network.start();
    let time = Duration::from_secs(if slow() { 10 } else { 4 });
    watch(&network, "before", time / 10);
    for kind in KINDS {
        let attack = Attack::begin(&network, kind);
        watch(&network, kind.name(), time);
        let done = attack.end();
        println!("{}: {done} packets or connections in {time:?}", kind.name());
        // A busy machine sends fewer.
        assert!(u128::from(done) > time.as_millis() / 4, "{}: {done}", kind.name());
    }
    watch(&network, "after", time / 4);

    let metrics = honest::get(&network, 8067, "/metrics").expect("an answer");
    for limit in ["tftp-unanswered", "tftp-per-client", "http-unproven", "http-per-client"] {
        assert!(number(&metrics, "met_total", limit) > 0, "{limit} was met");
    }
    let log = server.log();
    for limit in ["tftp-unanswered", "http-unproven"] {
        let warned = log.matches(&format!("limit {limit} = ")).count();
        let minutes = usize::try_from(server.age().as_secs() / 60).unwrap() + 1;
        assert!((1..=minutes).contains(&warned), "{limit}: {warned} warnings");
    }
    let peak = server.memory("VmHWM");
    println!("memory at most {} kB", peak);
    assert!(peak < 200 * 1024, "{peak} kB");
    // Abandoned transfers must not delay the shutdown.
    let attack = Attack::begin(&network, KINDS[0]);
    std::thread::sleep(Duration::from_millis(500));
    attack.end();
    let took = server.ends();
    assert!(took < Duration::from_secs(5), "{took:?} to end");
}

#[test]
fn the_page_answers_health_checks_while_others_are_connected() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(network) = Network::new() else { return };
    network.enter();
    let _server = network.start();
    // From the honest client's own address, and from others: idle connections, half requests, and
    // live streams.
    let mut held = Vec::new();
    for number in 0..300_u32 {
        let from = if number < 20 { network.honest() } else { network.attacker(number) };
        let Ok(mut stream) = network::connect(from, 8067) else { continue };
        let begun = [
            "",
            "GET /healthz HTTP/1.1\r\n",
            "GET /api/v1/events HTTP/1.1\r\nHost: 1.1.1.1\r\n\r\n",
        ];
        std::io::Write::write_all(&mut stream, begun[number as usize % 3].as_bytes()).unwrap();
        held.push(stream);
        if number % 50 == 49 {
            let began = Instant::now();
            assert!(honest::get(&network, 8067, "/healthz").expect("an answer").contains("ok"));
            assert!(began.elapsed() < PATIENCE, "{:?} with {number}", began.elapsed());
        }
    }
    let metrics = honest::get(&network, 8067, "/metrics").expect("an answer");
    assert_eq!(number(&metrics, "used", "page-streams"), 48, "{metrics}");
    // Some streams have been closed.
    assert!((100..=128).contains(&number(&metrics, "used", "page-connections")), "{metrics}");
}

#[test]
fn half_handshakes_keep_no_client_out() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(network) = Network::new() else { return };
    let (Some(()), Some(curl)) = (network.secure(), winpe_tests::tool("curl", "curl")) else {
        return;
    };
    network.enter();
    let mut server = network.start();
    let mut held = Vec::new();
    for number in 0..1500 {
        let Ok(mut stream) = network::connect(network.attacker(number), 443) else { continue };
        // A record of 512 bytes begins with a ClientHello; these are its first bytes.
        let begun: &[u8] = if number % 2 == 0 { b"\x16\x03\x01\x02\0\x01\0\x01" } else { b"" };
        let _ = std::io::Write::write_all(&mut stream, begun);
        held.push(stream);
    }
    let url = format!("https://{}/small", network::SERVER);
    let from = network.honest().to_string();
    let words = ["-sSk", "--interface", &from, "--max-time", "5", "-o", "/dev/null", &url];
    let began = Instant::now();
    let output = winpe_tests::run(&curl, words);
    assert!(output.status.success(), "{output:?}");
    // Most of the time is curl's, which starts and loads its certificates.
    assert!(began.elapsed() < 2 * PATIENCE, "{:?}", began.elapsed());
    let metrics = honest::get(&network, 8067, "/metrics").expect("an answer");
    assert!((500..=512).contains(&number(&metrics, "used", "http-unproven")), "{metrics}");
    let took = server.ends();
    assert!(took < Duration::from_secs(5), "{took:?} to end");
}

#[test]
fn two_thousand_slow_machines_load_an_image_in_parallel() {
    if !slow() {
        return winpe_tests::skip("slow tests run where WINPE_SLOW is set");
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Each network has 200 machines.
    let Some(network) = Network::new() else { return };
    network.enter();
    let server = network.start();
    let rest = server.memory("VmRSS");
    let began = Instant::now();
    let crowd = crowd::begin(&network, 2000);
    let mut most = Probe::default();
    while !crowd.is_finished() {
        most = most.max(probe(&network));
        std::thread::sleep(PAUSE);
    }
    let lost = crowd.join().unwrap();
    let peak = server.memory("VmHWM");
    println!(
        "2,000 machines in {:.1?}, {} lost; memory {rest} kB at rest, {peak} kB at most; another \
         client at most {most}",
        began.elapsed(),
        lost.len()
    );
    assert_eq!(lost, [] as [String; 0]);
    assert!(peak < rest + 100 * 1024, "{rest} to {peak} kB");
    for (name, took) in most.named() {
        assert!(took < 3 * PATIENCE, "{name} took {took:?}");
    }
}
