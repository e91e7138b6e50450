//! Benchmarks that compare Skysieve with similar programs: what they share, and the table of their figures.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

pub mod pruned;
pub mod structs;

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The value.
    pub measured: f64,
    /// The unit of the value: `µs`, `ns`, `s`, `KiB`, `×`.
    pub unit: String,
    /// What the value should be, `≤` or `≥`. There is no goal for other programs.
    pub goal: Option<Goal>,
}

/// A limit for a figure.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl Row {
    /// A figure without a goal.
    pub fn new(what: impl Into<String>, measured: f64, unit: &str) -> Row {
        Row { what: what.into(), measured, unit: unit.to_owned(), goal: None }
    }

    /// The same figure with a goal.
    pub fn goal(self, goal: Goal) -> Row {
        Row { goal: Some(goal), ..self }
    }
}

impl Goal {
    /// Whether the figure is within the limit.
    pub fn is_met(self, measured: f64) -> bool {
        match self {
            Goal::AtMost(most) => measured <= most,
            Goal::AtLeast(least) => measured >= least,
        }
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// The folder of real packets, if it is on this machine; otherwise says that it is not.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("SKYSIEVE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join("alerts").is_dir();
    if !found {
        println!("skipped: needs real alerts in {}", folder.display());
    }
    found.then_some(folder)
}

/// The packets in the files of a folder.
///
/// # Errors
/// Returns an error if a file can't be read.
pub fn packets(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let list = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = list().with_context(|| format!("cannot read {}", folder.display()))?;
    paths.sort();
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    paths.iter().map(read).collect()
}

/// The 538 real ZTF packets, if they are on this machine.
///
/// # Errors
/// Returns an error if a file can't be read.
pub fn ztf_packets() -> anyhow::Result<Option<Vec<Vec<u8>>>> {
    let Some(shared) = shared() else { return Ok(None) };
    let mut all = packets(&shared.join("alerts/ztf/visits"))?;
    all.extend(packets(&shared.join("alerts/ztf/packets"))?);
    Ok(Some(all))
}

/// Keeps the figures of a benchmark for the table, and prints them.
///
/// # Errors
/// Returns an error if they can't be written.
pub fn record(benchmark: &str, rows: &[Row]) -> anyhow::Result<()> {
    let folder = figures();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(benchmark).with_extension("json"), serde_json::to_vec_pretty(rows)?)?;
    print(rows);
    Ok(())
}

/// All figures that were kept, ordered by benchmark.
///
/// # Errors
/// Returns an error if they can't be read.
pub fn recorded() -> anyhow::Result<Vec<Row>> {
    let files = packets(&figures()).context("no figures yet: `cargo bench` makes them")?;
    let rows =
        files.iter().map(|file| Ok(serde_json::from_slice::<Vec<Row>>(file)?)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(rows.concat())
}

/// Prints figures as a table.
pub fn print(rows: &[Row]) {
    for Row { what, measured, unit, goal } in rows {
        let digits = if measured.abs() < 10.0 { 2 } else { 0 };
        let goal = match goal {
            None => String::new(),
            Some(goal) => {
                let bound = match goal {
                    Goal::AtMost(most) => format!("≤ {most}"),
                    Goal::AtLeast(least) => format!("≥ {least}"),
                };
                format!("{bound:>8}  {}", if goal.is_met(*measured) { "" } else { "NOT MET" })
            }
        };
        println!("{what:<72} {measured:>10.digits$} {unit:<4} {goal}");
    }
}

fn figures() -> PathBuf {
    root().join("target/figures")
}

/// The nanoseconds of CPU that this thread has used (Linux: `/proc/thread-self/schedstat`, first number).
///
/// # Errors
/// Returns an error if the system does not report them.
pub fn thread_cpu() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("this needs Linux")?;
    let first = text.split_whitespace().next().context("an empty schedstat")?;
    Ok(first.parse()?)
}
