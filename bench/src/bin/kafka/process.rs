//! What Linux tells of a process.

use anyhow::Context;

/// Ticks a second of `/proc/PID/stat`: 100 on every Linux of today (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;

/// Seconds of CPU that a process has used, all its threads.
///
/// # Errors
/// When it has ended.
pub fn cpu(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    // Behind the name, which may hold anything: state is the third field, utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

/// MiB of memory that a process had resident, the most so far.
///
/// # Errors
/// When it has ended.
pub fn memory_peak(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
