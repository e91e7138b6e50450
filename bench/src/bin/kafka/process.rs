//! Linux's information about a process.

use anyhow::Context;

/// The ticks per second in `/proc/PID/stat`: 100 on all of today's Linux systems (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;

/// The seconds of CPU that a process has used in all its threads.
///
/// # Errors
/// Returns an error if the process has ended.
pub fn cpu(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    // The fields come after the name, which may contain anything. The state is the third field, and utime and stime are
    // the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

/// The largest resident memory of a process so far, in MiB.
///
/// # Errors
/// Returns an error if the process has ended.
pub fn memory_peak(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
