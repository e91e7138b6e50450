//! The flags for the CPU time of filters in the slow lane.

use clap::Args;

use crate::filters::{CPU_SHARE, CpuShares, MIN_CPU_SHARE};

/// The shares of a processor that filters may use.
#[derive(Clone, Debug, Args)]
pub struct CpuArgs {
    /// Share of a processor that a filter in the slow lane may use, from 0.001 to 1. One that would need more falls behind
    #[arg(long, value_name = "SHARE", env = "SKYSIEVE_CPU_SHARE", default_value_t = CPU_SHARE, value_parser = share)]
    cpu_share: f64,
    /// The same for the filter of that name; may be given several times. Beside the filters in --filters, NAME.toml may
    /// say it, too (cpu_share). Uploads may only ask for less
    #[arg(long, value_name = "NAME=SHARE", env = "SKYSIEVE_CPU_SHARE_OF", value_delimiter = ',', value_parser = share_of)]
    cpu_share_of: Vec<(String, f64)>,
    /// Processors that all filters in the slow lane may use together, for example 1.5 [default: half of those that there
    /// are]
    #[arg(long, value_name = "N", env = "SKYSIEVE_SLOW_CPU", value_parser = processors)]
    slow_cpu: Option<f64>,
}

impl CpuArgs {
    /// The shares.
    pub fn shares(&self) -> CpuShares {
        let total = self.slow_cpu.unwrap_or(CpuShares::default().total);
        CpuShares { each: self.cpu_share, of: self.cpu_share_of.iter().cloned().collect(), total }
    }
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    within(text, 1.0)
}

fn processors(text: &str) -> Result<f64, String> {
    within(text, 1024.0)
}

fn within(text: &str, most: f64) -> Result<f64, String> {
    let number: f64 = text.trim().parse().map_err(|_| "it is not a number".to_owned())?;
    let is_within = (MIN_CPU_SHARE..=most).contains(&number);
    is_within.then_some(number).ok_or_else(|| format!("it is not from {MIN_CPU_SHARE} to {most}"))
}

fn share_of(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=SHARE")?;
    Ok((name.trim().to_owned(), share(value)?))
}
