//! What several subcommands share.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

use crate::filters::Runners;
use crate::http_client::Address;
use crate::schema_registry::{Registry, Waiting};
use skysieve_avro::{Resolver, Schemas};
use skysieve_sandbox::Limits;
use skysieve_sandbox::limits::MOST_MEMORY;

/// How long a command that comes to an end waits for a schema registry that can't be asked.
const OUTAGE: Duration = Duration::from_secs(30);

/// The command line asks for something impossible. The exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// A survey that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Survey {
    /// LSST's alerts
    Lsst,
    /// ZTF's alerts
    Ztf,
}

impl Survey {
    /// The simulator's survey.
    pub fn simulated(self) -> skysieve_simulate::Survey {
        match self {
            Survey::Lsst => skysieve_simulate::Survey::Lsst,
            Survey::Ztf => skysieve_simulate::Survey::Ztf,
        }
    }
}

/// Where to find schemas other than the built-in ones.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// A folder of Avro schemas, searched with its subfolders for lsst.vM_m.alert.avsc and the records that it names
    /// beside it
    #[arg(long = "schemas", value_name = "DIR", env = "SKYSIEVE_SCHEMAS", value_delimiter = ':')]
    pub schemas: Vec<PathBuf>,
    /// A schema registry (Confluent's REST protocol) that is asked for ids whose schema is in no --schemas folder.
    /// Built-in schemas are used for ids that the registry does not have. http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]
    #[arg(long, value_name = "URL", env = "SKYSIEVE_SCHEMA_REGISTRY", hide_env_values = true)]
    pub schema_registry: Option<String>,
    /// The registry's user and password, unless its address contains them
    #[arg(long, value_name = "USER:PASSWORD", env = "SKYSIEVE_SCHEMA_REGISTRY_USER", hide_env_values = true)]
    pub schema_registry_user: Option<String>,
}

impl SchemaArgs {
    /// Loads the built-in schemas and those of the folders, and sets up a registry to ask for others. Callers have to
    /// wait while the registry can't be asked ([`AvroError::may_pass`](skysieve_avro::AvroError::may_pass)).
    ///
    /// # Errors
    /// Returns an error if a folder or a schema in it can't be read, or if the registry's address is malformed.
    pub fn load(&self) -> anyhow::Result<Schemas> {
        self.load_with(|registry| Arc::new(registry))
    }

    /// The same as [`SchemaArgs::load`], but the registry itself waits while it can't be asked: up to half a minute for
    /// each outage, and only until `stop` is set.
    ///
    /// # Errors
    /// See [`SchemaArgs::load`].
    pub fn load_patiently(&self, stop: Arc<AtomicBool>) -> anyhow::Result<Schemas> {
        self.load_with(|registry| Arc::new(Waiting::new(registry, OUTAGE, stop)))
    }

    fn load_with(&self, resolver: impl FnOnce(Registry) -> Arc<dyn Resolver>) -> anyhow::Result<Schemas> {
        let schemas = Schemas::builtin();
        for folder in &self.schemas {
            let found = schemas.add_folder(folder).with_context(|| format!("--schemas {}", folder.display()))?;
            if found == 0 {
                let message = format!("--schemas {}: no file named lsst.vM_m.alert.avsc in it", folder.display());
                return Err(UsageError(message).into());
            }
        }
        let Some(url) = &self.schema_registry else { return Ok(schemas) };
        let address = Address::parse(url, self.schema_registry_user.as_deref());
        let address = address.map_err(|error| UsageError(format!("--schema-registry: {error}")))?;
        Ok(schemas.with_resolver(resolver(Registry::new(address))))
    }
}

/// Where to find what runs filters that are given as text.
#[derive(Debug, Args)]
pub struct RunnerArgs {
    /// The folder with the modules that run filters in Python [default: `runners` beside this program]
    #[arg(long = "runners", value_name = "DIR", env = "SKYSIEVE_RUNNERS")]
    folder: Option<PathBuf>,
}

impl RunnerArgs {
    /// The runners in that folder.
    pub fn runners(&self) -> Runners {
        Runners::new(self.folder.clone())
    }
}

/// The limits of the sandbox.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// Fuel that one alert may use (about one unit for each instruction)
    #[arg(long, value_name = "N", env = "SKYSIEVE_FUEL", default_value_t = Limits::default().fuel,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub fuel: u64,
    /// Memory that one filter may use, in MiB
    #[arg(long, value_name = "MIB", env = "SKYSIEVE_MEMORY", default_value_t = Limits::default().memory >> 20,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=(MOST_MEMORY >> 20) as u64))]
    pub memory: usize,
    /// Time that one call of a filter may take, in milliseconds
    #[arg(long, value_name = "MS", env = "SKYSIEVE_DEADLINE", default_value_t = Limits::default().deadline.as_millis() as u64,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub deadline: u64,
}

impl LimitArgs {
    /// The limits in the form of the sandbox.
    pub fn limits(&self) -> Limits {
        Limits {
            fuel: self.fuel,
            memory: self.memory << 20,
            deadline: Duration::from_millis(self.deadline),
            ..Limits::default()
        }
    }
}

/// This program's folder in the user's folder for caches; `None` if there is no such folder.
pub fn user_cache() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(std::env::home_dir().filter(|home| home.is_absolute())?.join(".cache")))?;
    Some(base.join("skysieve"))
}

/// Parses a time in seconds, of up to a day.
pub fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("0 to 86400 seconds".to_owned()) }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object on each line
    Json,
}

/// Sends log lines to stderr. `RUST_LOG` selects which ones; by default, these are warnings and errors.
pub fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,skysieve=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // If stderr is closed, nobody can be told about it: the logger's own complaint would be a panic.
    let log = log.log_internal_errors(false).with_target(false);
    // A second call (in tests) leaves the first logger in place.
    let _ = match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Reads a file. An error contains its name.
///
/// # Errors
/// Returns an error if it can't be read.
pub fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A progress bar on stderr, which is invisible unless stderr is a terminal.
pub fn progress(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}");
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
