//! Prints what a filter costs.

use std::fmt;

use crate::filters::{CostReport, FuelSpread, TimeSpread};

/// A cost report in lines for people.
pub struct CostLines<'a>(pub &'a CostReport);

impl fmt::Display for CostLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.0;
        let CostReport { accepted, alerts, visits, accepted_each_visit, most_accepted, quota, .. } = cost;
        writeln!(f, "pass rate    {:.3} % ({accepted} of {alerts} alerts)", cost.pass_rate * 100.0)?;
        writeln!(
            f,
            "a visit      {accepted_each_visit:.1} accepted in the mean of {visits}, at most {most_accepted}; {quota} are \
             published"
        )?;
        let FuelSpread { median, p99, max, limit } = cost.fuel;
        writeln!(f, "fuel         median {median}, p99 {p99}, max {max} of {limit} an alert")?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "memory       {:.2} of {:.0} MiB", mib(cost.memory), mib(cost.memory_limit))?;
        writeln!(
            f,
            "time         {}, judging an alert alone; {:.3} µs in batches",
            times(&cost.judge_micros),
            cost.judge_micros_in_batch
        )?;
        writeln!(f, "fields       {}, decoding the {} that it reads", times(&cost.decode_micros), cost.fields.len())?;
        writeln!(f, "that is      {}", cost.summary)
    }
}

fn times(micros: &TimeSpread) -> String {
    let TimeSpread { median, p99, max } = micros;
    format!("median {median:.2} µs, p99 {p99:.2} µs, max {max:.2} µs")
}
