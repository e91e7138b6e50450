//! What all measurements share: the brokers, the programs, a folder of filters.

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

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(1200);

/// One run of the program.
pub struct Bench {
    pub brokers: String,
    pub partitions: i32,
    /// The filters' names.
    pub filters: Vec<String>,
    /// `NAME.wasm` and `NAME.toml` of each.
    pub folder: tempfile::TempDir,
    run: String,
    named: AtomicUsize,
}

impl Bench {
    /// A folder of so many filters, no two with the same config.
    ///
    /// # Errors
    /// When the examples are not built.
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

    /// A name that nothing else has.
    pub fn name(&self, what: &str) -> String {
        format!("{}-{what}-{}", self.run, self.named.fetch_add(1, Ordering::Relaxed))
    }

    /// The binary beside this program, with a subcommand and the brokers.
    ///
    /// # Errors
    /// When it is not there.
    pub fn skysieve(&self, subcommand: &str) -> anyhow::Result<Command> {
        let path: PathBuf = std::env::current_exe()?.with_file_name("skysieve");
        anyhow::ensure!(path.is_file(), "{} is missing: `make bench-kafka` builds it", path.display());
        let mut command = Command::new(path);
        command.args([subcommand, "--brokers", &self.brokers]);
        Ok(command)
    }

    /// The topic of a filter. Hosts one after another share them: on the first record of a topic the broker makes files,
    /// which on some disks takes 40 ms. Hosts run for weeks; that is no part of what is measured.
    pub fn output(&self, filter: &str) -> String {
        format!("{}-{filter}", self.run)
    }

    /// Deletes topics; says so when that fails, since nothing measured depends on it.
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
                // Of filters of which there was no host.
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

/// Seconds since 1970, as `skysieve produce --json` tells them.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// When asking fails, or there is none for very long.
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

/// The middle one.
///
/// # Errors
/// When there are none.
pub fn median(mut values: Vec<f64>) -> anyhow::Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured: too few alerts?")
}
