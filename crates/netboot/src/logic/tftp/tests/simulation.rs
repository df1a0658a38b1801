//! A network that loses, repeats and reorders, a client that does as RFC 1350 and RFC 7440 say, and
//! a clock that jumps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Limits, Outcome, Progress, Transfer, negotiate};
use crate::wire::tftp::{Mode, Options, Packet, Request};

const MS: Duration = Duration::from_millis(1);

/// What the network does, in percent and milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    loss: u64,
    duplicates: u64,
    jitter: u64,
    /// Between these two, after the beginning, nothing passes.
    dark: Option<(u64, u64)>,
}

struct Network {
    weather: Weather,
    start: Instant,
    random: u64,
    now: Instant,
    /// What is on its way, by the time of its arrival. `true` is towards the client.
    flying: BTreeMap<(Instant, u64), (bool, Vec<u8>)>,
    count: u64,
}

impl Network {
    fn dice(&mut self, sides: u64) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn send(&mut self, to_client: bool, packet: &[u8]) {
        let copies = if self.dice(100) < self.weather.duplicates { 2 } else { 1 };
        let dark = self.weather.dark.is_some_and(|(from, to)| {
            let millis = (self.now - self.start).as_millis();
            (u128::from(from)..u128::from(to)).contains(&millis)
        });
        for _ in 0..copies {
            if self.dice(100) < self.weather.loss || dark {
                continue;
            }
            let delay = MS + MS * u32::try_from(self.dice(self.weather.jitter + 1)).unwrap();
            self.count += 1;
            self.flying.insert((self.now + delay, self.count), (to_client, packet.to_vec()));
        }
    }
}

struct Client {
    window: u16,
    block_size: usize,
    file: Vec<u8>,
    last: u64,
    in_window: u16,
    done: bool,
    /// When it says again what it said last.
    patience: Instant,
    said: Vec<u8>,
}

impl Client {
    fn new(start: Instant) -> Self {
        Self {
            window: 1,
            block_size: 512,
            file: Vec::new(),
            last: 0,
            in_window: 0,
            done: false,
            patience: start + 1000 * MS,
            said: Vec::new(),
        }
    }

    fn receive(&mut self, packet: &[u8], network: &mut Network) {
        match Packet::parse(packet).unwrap() {
            Packet::OptionAck(options) => {
                self.block_size = options.block_size.unwrap_or(512).into();
                self.window = options.window_size.unwrap_or(1);
                if self.last == 0 {
                    self.acknowledge(network);
                }
            }
            Packet::Data { block, payload } => {
                if block != (self.last + 1) as u16 || self.done {
                    // RFC 7440: out of order means loss; say what arrived last. A client without
                    // windows does so too, for duplicates.
                    return self.acknowledge(network);
                }
                self.last += 1;
                self.in_window += 1;
                self.file.extend_from_slice(payload);
                self.done = payload.len() < self.block_size;
                if self.in_window == self.window || self.done {
                    self.acknowledge(network);
                }
                self.patience = network.now + 1000 * MS;
            }
            packet => panic!("{packet:?}"),
        }
    }

    fn acknowledge(&mut self, network: &mut Network) {
        self.in_window = 0;
        self.said.clear();
        Packet::Ack { block: self.last as u16 }.write(&mut self.said);
        self.patience = network.now + 1000 * MS;
        network.send(false, &self.said);
    }
}

#[derive(Debug)]
struct Ending {
    file: Vec<u8>,
    outcome: Outcome,
    progress: Progress,
    took: Duration,
}

fn simulate(file: &[u8], options: Options, weather: Weather, seed: u64) -> Ending {
    // The client asks once, and its patience has no end.
    let patience = Duration::from_secs(60);
    let limits = Limits {
        first_tries: 12,
        first_answer: patience,
        silence: patience,
        tries: 12,
        ..Limits::default()
    };
    simulate_within(&limits, file, options, weather, seed)
}

fn simulate_within(
    limits: &Limits,
    file: &[u8],
    options: Options,
    weather: Weather,
    seed: u64,
) -> Ending {
    let start = Instant::now();
    let (now, flying) = (start, BTreeMap::new());
    let mut network = Network { weather, start, random: seed, now, flying, count: 0 };
    let request = Request { file: "f", mode: Mode::Octet, options };
    let agreed = negotiate(&request, file.len() as u64, limits, usize::MAX);
    let mut server = Transfer::new(agreed, limits);
    let mut client = Client::new(start);
    let whole = seed.is_multiple_of(3) && server.supply_whole(&file.to_vec().into());
    let mut read = if whole { file.len() } else { 0 };
    for _ in 0..1_000_000 {
        while let Some(wanted) = server.wanted() {
            let end = file.len().min(read + wanted);
            server.supply(&file[read..end], end == file.len());
            read = end;
        }
        let mut packet = Vec::new();
        while server.transmit(network.now, &mut packet) {
            network.send(true, &packet);
            packet.clear();
        }
        if let Some(outcome) = server.outcome() {
            return Ending {
                file: client.file,
                outcome: outcome.clone(),
                progress: server.progress(),
                took: network.now - start,
            };
        }
        // Some servers read ahead, and some of those reads give nothing yet.
        if let Some(wanted) = server.wanted_ahead() {
            let next = &file[read..file.len().min(read + wanted)];
            let last = read + next.len() == file.len();
            let supplied = server.supply_with(next.len(), last, |room| {
                room.copy_from_slice(next);
                seed % 4 > network.count % 3
            });
            read += if supplied { next.len() } else { 0 };
        }
        let arrival = network.flying.keys().next().map(|(at, _)| *at);
        let deadline = server.deadline().expect("a server that waits knows until when");
        let patience = if client.done { deadline } else { client.patience };
        network.now = deadline.min(patience).min(arrival.unwrap_or(deadline)).max(network.now);
        if arrival.is_some_and(|arrival| arrival <= network.now) {
            let (_, (to_client, packet)) = network.flying.pop_first().unwrap();
            if to_client {
                client.receive(&packet, &mut network);
            } else {
                // The reason is for the log only.
                let _ = server.receive(&Packet::parse(&packet).unwrap(), network.now);
            }
        } else if deadline <= network.now {
            server.expire(network.now);
        } else {
            client.patience = network.now + 1000 * MS;
            if !client.said.is_empty() {
                let said = client.said.clone();
                network.send(false, &said);
            }
        }
    }
    panic!("no end");
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn blocks(length: usize, block_size: u16) -> u64 {
    (length / usize::from(block_size) + 1) as u64
}

fn windowed(block_size: u16, window_size: u16) -> Options {
    Options { block_size: Some(block_size), window_size: Some(window_size), ..Options::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_weather_the_file_arrives_whole(
        length in 0_usize..40_000,
        block_size in 8_u16..1500,
        window in 0_u16..20,
        loss in 0_u64..15,
        duplicates in 0_u64..30,
        jitter in 0_u64..10,
        seed: u64,
    ) {
        let options = match window {
            0 => Options::default(),
            _ => windowed(block_size.max(64), window),
        };
        let file = content(length);
        let ending = simulate(&file, options, Weather { loss, duplicates, jitter, dark: None }, seed);
        prop_assert!(
            matches!(ending.outcome, Outcome::Complete | Outcome::Unconfirmed),
            "{:?}", ending.outcome
        );
        prop_assert!(ending.file == file);
    }

    #[test]
    fn duplicates_are_not_answered_with_duplicates(length in 0_usize..60_000, seed: u64) {
        let weather = Weather { duplicates: 60, jitter: 3, ..Weather::default() };
        let ending = simulate(&content(length), Options::default(), weather, seed);
        prop_assert_eq!(ending.progress.packets, blocks(length, 512));
    }

    #[test]
    fn in_a_window_duplicates_cost_little(window in 2_u16..32, seed: u64) {
        let length = 200_000;
        let weather = Weather { duplicates: 20, ..Weather::default() };
        let ending = simulate(&content(length), windowed(512, window), weather, seed);
        prop_assert!(ending.file == content(length));
        // A window is repeated for some of its duplicates at most, and those are not repeated again.
        prop_assert!(ending.progress.packets < 3 * blocks(length, 512), "{:?}", ending.progress);
    }
}

#[test]
fn in_good_weather_each_block_is_sent_once_and_at_once() {
    for (length, options) in [
        (0, Options::default()),
        (511, Options::default()),
        (512, Options::default()),
        (100_000, windowed(1468, 1)),
        (100_000, windowed(1468, 4)),
        (1_000_000, windowed(1468, 64)),
    ] {
        let size = options.block_size.unwrap_or(512);
        let ending = simulate(&content(length), options, Weather::default(), 1);
        assert_eq!(ending.outcome, Outcome::Complete);
        assert_eq!(ending.progress.packets, blocks(length, size), "{length} {options:?}");
        let windows = blocks(length, size).div_ceil(options.window_size.unwrap_or(1).into());
        let trips = u32::try_from(windows).unwrap() + u32::from(options != Options::default());
        assert_eq!(ending.took, 2 * MS * trips);
    }
}

#[test]
fn block_numbers_wrap() {
    let file = content(70_000 * 8 + 3);
    for window in [1, 7, 64] {
        let ending = simulate(&file, windowed(8, window), Weather::default(), 1);
        assert_eq!(ending.outcome, Outcome::Complete);
        assert!(ending.file == file, "window {window}");
    }
}

#[test]
fn a_lost_block_costs_less_than_half_a_second() {
    for window in [1, 4, 32] {
        for seed in 0..50 {
            let weather = Weather { loss: 1, ..Weather::default() };
            let file = content(300_000);
            let ending = simulate(&file, windowed(1468, window), weather, seed);
            let losses = u32::try_from(ending.progress.repeated).unwrap() + 1;
            assert!(ending.took < 500 * MS + 450 * MS * losses, "window {window}: {ending:?}");
        }
    }
}

/// As while a switch finds its spanning tree again. What is left out is that the client gives up.
#[test]
fn a_transfer_goes_on_after_half_a_minute_without_a_network() {
    let file = content(900_000);
    for window in [1, 4, 64] {
        for (dark, arrives) in [(12_000, true), (30_000, true), (60_000, false)] {
            for seed in 0..10 {
                let weather = Weather { dark: Some((5, 5 + dark)), ..Weather::default() };
                let options = windowed(1468, window);
                let ending = simulate_within(&Limits::default(), &file, options, weather, seed);
                let expected = if arrives { Outcome::Complete } else { Outcome::Lost };
                assert_eq!(ending.outcome, expected, "window {window}, {dark} ms");
                assert_eq!(ending.file == file, arrives);
                let most = Duration::from_millis(if arrives { dark + 6000 } else { 36_000 });
                assert!(ending.took < most, "window {window}, {dark} ms: {:?}", ending.took);
            }
        }
    }
}
