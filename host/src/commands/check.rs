//! `skysieve check`: runs a filter over archived alerts, with the production engine and limits.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::common::{LimitArgs, RunnerArgs, SchemaArgs, Survey, UsageError, user_cache};
use super::fields::FieldArgs;
use super::output::{print, tell};
use super::packets;
use super::set::SetArgs;
use crate::filters::{FilterError, Inspected, Language, Program, Upload, set_parameters};
use input::Packet;
use report::{Checked, Report};
use settings::{Chosen, ConfigArgs};
use skysieve_avro::fit;
use skysieve_sandbox::limits::{COMPILE_TIME, MODULE_BYTES};
use skysieve_sandbox::{Engine, Filter, Module, PoolConfig, SandboxError};

mod examine;
mod findings;
mod groups;
mod input;
mod report;
pub(super) mod settings;

/// Run a filter over archived alerts, with the production engine and limits.
///
/// Every alert is judged twice: in batches, as the host does it, and one by one in reverse order. If a filter remembers
/// something from one alert to the next, its verdicts differ between the two.
///
/// Fields that none of the alerts has are reported as warnings, together with the nearest existing ones.
///
/// The exit code is 0 if every packet was decoded, no alert faulted, the verdicts agree, and a host would accept the
/// filter. Otherwise it is 1, and with --strict also if there are warnings. It is 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve check target/filters/bright.wasm alerts/ztf
  skysieve check lsst-bright.wasm --config 'magnitude = 20.5' --json night.avro.gz | jq .accepted
  skysieve check lsst-bright.wasm --set magnitude=20.5 --simulate lsst
  skysieve check my.wasm --config-file my.toml --schemas lsst/alert/packet/schema packets/
  skysieve check lsst-bright.wasm --simulate lsst     without packets at hand: a simulated visit
  skysieve check rising.py --set rise=0.5 alerts/ztf     a filter in Python
  skysieve check my.wasm --strict night/      fails if a field's path is in none of the alerts")]
pub struct CheckArgs {
    /// The filter: a WebAssembly component, or the text of a filter in Python (*.py)
    #[arg(value_name = "FILTER")]
    filter: PathBuf,
    /// Packets: files or folders (searched for *.avro, *.avro.gz) with object containers of one or many alerts or raw
    /// wire packets, either of them possibly gzipped. The codecs of containers can be null, deflate, snappy, zstandard,
    /// bzip2, xz and lz4
    #[arg(value_name = "PATH", required_unless_present = "simulate", conflicts_with = "simulate")]
    paths: Vec<PathBuf>,
    /// Simulate a visit of a survey instead
    #[arg(long, value_name = "SURVEY")]
    simulate: Option<Survey>,
    /// Number of simulated alerts
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "simulate", conflicts_with = "paths",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=60_000))]
    alerts: usize,
    /// Seed of the simulation; the same seed makes the same alerts
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate", conflicts_with = "paths")]
    seed: u64,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    runners: RunnerArgs,
    /// Treat warnings as failures; they are about fields that none of the alerts has
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    schemas: SchemaArgs,
    #[command(flatten)]
    named: FieldArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Accepted alerts per visit that a host would publish, unless the settings file sets a quota
    #[arg(long, value_name = "N", default_value_t = crate::pipeline::DEFAULT_QUOTA,
          value_parser = clap::value_parser!(u32).range(1..))]
    quota: u32,
    /// Number of threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the check and prints its report.
///
/// # Errors
/// Returns an error if the filter is refused, or if a file that was named can't be read.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let packets = match args.simulate {
        Some(survey) => input::simulated(survey.simulated(), args.seed, args.alerts),
        None => packets::find(&args.paths)?.into_iter().map(Packet::File).collect(),
    };
    let schemas = Arc::new(args.schemas.load_patiently(Arc::default())?);
    let surveys = args.named.surveys()?;
    let usage = |error: anyhow::Error| UsageError(format!("{error:#}"));
    let mut bytes = read_module(&args.filter).map_err(usage)?;
    let Chosen { mut settings, from } = args.config.choose()?;
    let refused = || format!("{} is refused", args.filter.display());
    let language = Language::of_file(&args.filter);
    if let Some(language) = language {
        let text = String::from_utf8(bytes).context("it is not UTF-8").with_context(refused)?;
        let file = args.filter.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Program { language, file, text }.fill(&mut settings).with_context(refused)?;
        bytes = args.runners.runners().read(language)?;
    }
    settings.check().with_context(refused)?;
    if !settings.topics.is_empty() {
        let topics = settings.topics.join(", ");
        tell(format_args!(
            "warning: `topics` ({topics}) is not applied: files have no topic, so all alerts are judged"
        ));
    }
    let limits = settings.limits.over(&args.limits.limits());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from);
    // Each thread has one instance for batches, one for single alerts, and one to measure.
    let engine = engine(&PoolConfig::for_filters(3 * jobs), language.is_some())?;
    let module: Module = engine.load(&bytes, &limits).with_context(refused)?;
    let quota = settings.quota.unwrap_or(args.quota);
    let values = args.set.values()?;
    let mut upload = Upload { settings, ..Upload::default() };
    let inspect = |upload: &Upload| {
        let filter = Filter::start(&module, &upload.settings.config, &limits);
        let filter = filter.map_err(|error| FilterError::Refused(error.to_string()))?;
        Ok(Inspected { sha256: filter.sha256().to_owned(), manifest: filter.manifest().clone(), module: None })
    };
    set_parameters(&mut upload, &values, inspect).with_context(refused)?;
    let Inspected { manifest, sha256, .. } = inspect(&upload).with_context(refused)?;
    let config = upload.settings.config;
    let from = if values.is_empty() { from.to_string() } else { format!("{from}, with --set") };
    let instance_limits = limits.clone();
    let start: Arc<examine::Start> = Arc::new(move || Filter::start(&module, &config, &instance_limits));
    let findings = examine::all(packets, &schemas, &surveys, &start, jobs)?;
    let fit = fit(&schemas, &findings.schemas, &manifest.fields);
    let checked = Checked { manifest: &manifest, sha256: &sha256, config: &from, limits: &limits, quota };
    let report = Report::new(&checked, findings, &fit);
    if args.json {
        print(format_args!("{}\n", serde_json::to_string(&report)?));
    } else {
        print(&report);
    }
    let tolerable = report.warnings() == 0 || !args.strict;
    if !tolerable {
        let about = match report.warnings() {
            1 => "there is a warning about one".to_owned(),
            count => format!("there are {count} warnings about some"),
        };
        tell(format_args!("error: --strict: {about} of the filter's fields"));
    }
    Ok(if report.is_clean() && tolerable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the engine. A module of the user's own is compiled in this process, which Ctrl-C ends. A runner is always the same,
/// and takes many seconds, so that its machine code is kept for the next check.
fn engine(pool: &PoolConfig, of_runner: bool) -> Result<Engine, SandboxError> {
    match user_cache().filter(|_| of_runner) {
        Some(cache) => Engine::for_uploads(pool, COMPILE_TIME, Some(&cache)).or_else(|_| Engine::new(pool)),
        None => Engine::new(pool),
    }
}

/// Reads a module, which must be an ordinary file that is no larger than any host accepts.
fn read_module(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(cannot)?;
    // One byte more than allowed is read, so that the sandbox reports the limit.
    file.take(MODULE_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(cannot)?;
    Ok(bytes)
}
