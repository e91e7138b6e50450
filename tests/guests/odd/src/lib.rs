//! A filter that misbehaves as its config says, for tests of how the host deals with that.

use std::cell::Cell;

use serde::Deserialize;
use skysieve_sdk::{Alert, ParameterKind, ParameterType, Parameters, Verdict, filter, log, toml_text};

#[derive(Alert)]
struct Id {
    #[field("diaSourceId", "alertId", "candid")]
    id: i64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Accepts the alert.
    Accept,
    /// Accepts the alert with an annotation, and logs a message.
    Annotate,
    /// Accepts every other alert that it meets, whichever that is.
    Remember,
    /// Panics.
    Panic,
    /// Never ends.
    Spin,
    /// Asks for more memory than is allowed.
    Hoard,
    /// Returns an error.
    Error,
    /// Spends an amount of fuel that depends on the alert's id: a few thousand, or some millions.
    Uneven,
    /// Works for `rounds` on each alert.
    Heavy,
    /// Accepts the alert with the largest annotations that are allowed.
    Embellish,
    /// Returns an error of a megabyte.
    Complain,
    /// Logs 2,000 messages of a kilobyte for each alert, and accepts it.
    Chatter,
    /// Accepts the alert, and keeps 256 KiB of memory for ever.
    Leak,
}

impl ParameterType for Mode {
    const KIND: ParameterKind = ParameterKind::Text;

    fn to_toml(&self) -> String {
        toml_text(&format!("{self:?}").to_lowercase())
    }
}

#[derive(Deserialize, Parameters)]
#[serde(deny_unknown_fields)]
struct Config {
    /// How it misbehaves.
    mode: Mode,
    /// Does so for alerts whose id leaves `rest` when divided by `every`, and rejects the others.
    #[serde(default = "one")]
    every: i64,
    #[serde(default)]
    /// See `every`.
    rest: i64,
    /// Does so for alerts with a smaller id or this one, and accepts the others.
    below: Option<i64>,
    /// How long `uneven` works on some of the alerts, and `heavy` on each.
    #[serde(default = "long")]
    rounds: u64,
}

fn one() -> i64 {
    1
}

fn long() -> u64 {
    500_000
}

thread_local! {
    static MET: Cell<u64> = const { Cell::new(0) };
}

#[filter(description = "Misbehaves as its config says")]
fn odd(config: &Config, alert: &Id) -> Result<Verdict, String> {
    if alert.id % config.every != config.rest {
        return Ok(Verdict::Reject);
    }
    if config.below.is_some_and(|below| alert.id > below) {
        return Ok(Verdict::Accept);
    }
    match config.mode {
        Mode::Accept => Ok(Verdict::Accept),
        Mode::Annotate => {
            log!("met {}", alert.id);
            Ok(Verdict::Accept.with("id", alert.id))
        }
        Mode::Remember => {
            let met = MET.get();
            MET.set(met + 1);
            Ok(Verdict::accept_if(met.is_multiple_of(2)))
        }
        Mode::Panic => dislike(alert.id),
        Mode::Spin => spin(u64::MAX),
        Mode::Hoard => Ok(Verdict::accept_if(std::hint::black_box(vec![1u8; 1 << 30]).len() > 1)),
        Mode::Error => Err(format!("alert {} makes no sense", alert.id)),
        Mode::Uneven => spin(if alert.id % 10 == 3 { config.rounds } else { 1_000 }),
        Mode::Heavy => spin(config.rounds),
        Mode::Embellish => {
            // The limits are 16 annotations, and 4 KiB for their names and values.
            let annotate = |verdict: Verdict, number| verdict.with(format!("{number:x}"), "x".repeat(255));
            Ok((0..16).fold(Verdict::Accept, annotate))
        }
        Mode::Complain => Err("x".repeat(1 << 20)),
        Mode::Chatter => {
            let message = "x".repeat(1000);
            (0..2000).for_each(|_| log!("{message}"));
            Ok(Verdict::Accept)
        }
        Mode::Leak => {
            std::mem::forget(std::hint::black_box(vec![1u8; 256 << 10]));
            Ok(Verdict::Accept)
        }
    }
}

/// A function with a name that can be found in backtraces.
#[inline(never)]
fn dislike(id: i64) -> ! {
    panic!("alert {id} is not to my taste")
}

/// Works for this many rounds, in a way that a compiler can't predict.
fn spin(rounds: u64) -> Result<Verdict, String> {
    let mut round = 0;
    while std::hint::black_box(round) < rounds {
        round += 1;
    }
    Ok(Verdict::Accept)
}
