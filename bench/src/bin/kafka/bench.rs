//! What all measurements share: the brokers, the programs, and a folder of filters.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use skysieve::commands::demo::modules;
use skysieve_bench::root;

/// This is longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(1200);

/// One run of the program.
pub struct Bench {
    pub brokers: String,
    pub partitions: i32,
    /// The filters' names.
    pub filters: Vec<String>,
    /// The folder with `NAME.wasm` and `NAME.toml` for each of them.
    pub folder: tempfile::TempDir,
    run: String,
    named: AtomicUsize,
}

impl Bench {
    /// Makes a folder with this number of filters, no two of which have the same config.
    ///
    /// # Errors
    /// Returns an error if the examples are not built.
    pub fn new(brokers: &str, partitions: i32, filters: usize) -> anyhow::Result<Bench> {
        let folder = tempfile::tempdir()?;
        let chosen = modules::choose(&root().join("target/filters"), false, filters)?;
        for (name, upload) in &chosen {
            let path = folder.path().join(name);
            std::fs::write(path.with_extension("wasm"), &upload.module)?;
            std::fs::write(path.with_extension("toml"), format!("[config]\n{}\n", upload.settings.config))?;
        }
        let filters = chosen.into_iter().map(|(name, _)| name).collect();
        let run = format!("bench-{:x}", now() as u64);
        Ok(Bench { brokers: brokers.to_owned(), partitions, filters, folder, run, named: AtomicUsize::new(0) })
    }

    /// A name that nothing else uses.
    pub fn name(&self, what: &str) -> String {
        format!("{}-{what}-{}", self.run, self.named.fetch_add(1, Ordering::Relaxed))
    }

    /// A command for the binary beside this program, with a subcommand and the brokers.
    ///
    /// # Errors
    /// Returns an error if the binary is not there.
    pub fn skysieve(&self, subcommand: &str) -> anyhow::Result<Command> {
        let path: PathBuf = std::env::current_exe()?.with_file_name("skysieve");
        anyhow::ensure!(path.is_file(), "{} is missing: `make bench-kafka` builds it", path.display());
        let mut command = Command::new(path);
        command.args([subcommand, "--brokers", &self.brokers]);
        Ok(command)
    }

    /// The topic of a filter. All hosts of a run share these topics: at the first record of a topic the broker creates
    /// files, which takes 40 ms on some disks. Hosts run for weeks, so this should not be part of the measurement.
    pub fn output(&self, filter: &str) -> String {
        format!("{}-{filter}", self.run)
    }

    /// Deletes topics. A failure is only reported, because no measurement depends on it.
    pub fn delete(&self, topics: &[String]) {
        if let Err(error) = self.try_delete(topics) {
            eprintln!("topics could not be deleted: {error:#}");
        }
    }

    fn try_delete(&self, topics: &[String]) -> anyhow::Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        for answer in runtime.block_on(admin.delete_topics(&topics, &AdminOptions::new()))? {
            match answer {
                // There was no host with these filters.
                Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) | Ok(_) => {}
                Err((topic, code)) => anyhow::bail!("{topic}: {code}"),
            }
        }
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let outputs: Vec<String> = self.filters.iter().map(|filter| self.output(filter)).collect();
        self.delete(&outputs);
    }
}

/// Seconds since 1970, in which `skysieve produce --json` reports times.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Asks repeatedly until there is an answer.
///
/// # Errors
/// Returns an error if asking fails, or if there is no answer for very long.
pub fn await_some<T>(what: &str, mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        anyhow::ensure!(Instant::now() < deadline, "waited {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The median.
///
/// # Errors
/// Returns an error if there are no values.
pub fn median(mut values: Vec<f64>) -> anyhow::Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured: too few alerts?")
}
