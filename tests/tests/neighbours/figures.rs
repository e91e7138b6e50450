//! How a host's subscribers fared during a visit.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::stage::Arrival;

/// With so many accepted alerts, a filter's quota is full.
const NTH: usize = 20;

/// A visit that was sent.
pub struct Visit {
    /// When each alert was sent.
    pub sent: HashMap<i64, Instant>,
    pub begun: Instant,
    /// When the last alert was acknowledged.
    pub acknowledged: Instant,
    /// When the live lane was done.
    pub done: Instant,
    /// The most memory of the host meanwhile, in bytes.
    pub memory: u64,
}

/// The figures of a visit.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Alerts a second, from the first that was sent to the last that was done.
    pub rate: f64,
    /// Seconds to the 20th accepted alert at a subscriber: the median of the filters, and the last of them.
    pub twentieth: [f64; 2],
    /// Seconds from the last acknowledgement to the end.
    pub lag: f64,
    /// Seconds from an alert's sending to its arrival, of which only a hundredth are longer.
    pub p99: f64,
    /// The host's memory in MiB.
    pub memory: f64,
}

impl Visit {
    /// The figures, once everything has arrived.
    pub fn figures(&self, arrivals: &[Arrival]) -> Figures {
        let mut of_topic: HashMap<&str, Vec<Instant>> = HashMap::new();
        let mut delays = Vec::new();
        for (id, at, topic) in arrivals {
            let Some(sent) = self.sent.get(id) else { continue };
            of_topic.entry(topic).or_default().push(*at);
            delays.push((*at - *sent).as_secs_f64());
        }
        let full = of_topic.values().filter_map(|times| times.get(NTH - 1));
        let twentieth = sorted(full.map(|at| (*at - self.begun).as_secs_f64()).collect());
        let delays = sorted(delays);
        Figures {
            rate: self.sent.len() as f64 / (self.done - self.begun).as_secs_f64(),
            twentieth: [twentieth[twentieth.len() / 2], twentieth[twentieth.len() - 1]],
            lag: (self.done - self.acknowledged).as_secs_f64(),
            p99: delays[delays.len() * 99 / 100],
            memory: self.memory as f64 / f64::from(1 << 20),
        }
    }
}

/// The median of each figure, and the most memory.
pub fn median(all: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| {
        let values = sorted(all.iter().map(figure).collect());
        values[values.len() / 2]
    };
    Figures {
        rate: of(|figures| figures.rate),
        twentieth: [of(|figures| figures.twentieth[0]), of(|figures| figures.twentieth[1])],
        lag: of(|figures| figures.lag),
        p99: of(|figures| figures.p99),
        memory: all.iter().map(|figures| figures.memory).fold(0.0, f64::max),
    }
}

/// Whether a time is at most a tenth and a slice longer than another.
pub fn is_close(time: f64, other: f64) -> bool {
    const SLICE: Duration = Duration::from_millis(20);
    time <= 1.1 * other + SLICE.as_secs_f64()
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
