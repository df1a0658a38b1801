//! Measures and prints times.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The minimum and the median of several runs.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) best: Duration,
    pub(crate) median: Duration,
}

/// Runs something `runs` times after a warm-up run; a task of some seconds is run once.
pub(crate) fn time<T>(runs: usize, mut what: impl FnMut() -> T) -> Time {
    race(runs, [&mut || _ = black_box(what())])[0]
}

/// The same for several tasks in turns, so that other work on the machine slows down each of them.
pub(crate) fn race<const N: usize>(
    runs: usize,
    mut contenders: [&mut dyn FnMut(); N],
) -> [Time; N] {
    let timed = |what: &mut dyn FnMut()| {
        let start = Instant::now();
        what();
        start.elapsed()
    };
    let first = contenders.each_mut().map(|what| timed(what));
    let mut times: [Vec<Duration>; N] = first.map(|_| vec![]);
    for _ in 0..runs {
        for ((what, times), first) in contenders.iter_mut().zip(&mut times).zip(first) {
            if first <= Duration::from_secs(3) {
                times.push(timed(what));
            }
        }
    }
    let mut results = first.map(|first| Time { best: first, median: first });
    for (result, times) in results.iter_mut().zip(&mut times) {
        times.sort_unstable();
        if let (Some(&best), Some(&median)) = (times.first(), times.get(times.len() / 2)) {
            *result = Time { best, median };
        }
    }
    results
}

/// Contenders in one table; the others are compared with the first row.
pub(crate) struct Table {
    rows: Vec<(String, Time)>,
}

impl Table {
    pub(crate) fn new(title: &str) -> Self {
        println!("\n{title}\n\n| | median | best | × |\n|---|---:|---:|---:|");
        Self { rows: vec![] }
    }

    pub(crate) fn row(&mut self, name: &str, time: Time) {
        let base = self.rows.first().map_or(time, |(_, first)| *first);
        let factor = time.median.as_secs_f64() / base.median.as_secs_f64();
        println!("| {name} | {} | {} | {factor:.2} |", shown(time.median), shown(time.best));
        self.rows.push((name.to_owned(), time));
    }
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        ..1000.0 => format!("{micros:.2} µs"),
        ..1_000_000.0 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}
