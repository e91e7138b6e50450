//! `skysieve check`: a filter over archived alerts, with the production engine and limits.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::common::{LimitArgs, SchemaArgs, UsageError, read_file};
use super::output::print;
use skysieve_sandbox::{Engine, Filter, Module, PoolConfig};

mod examine;
mod findings;
pub(super) mod packets;
mod report;

/// Run a filter over archived alerts, with the production engine and limits.
///
/// Every alert is judged twice: in batches, as the host does, and one by one in reverse order. A filter that keeps
/// something between alerts gives itself away by different verdicts.
///
/// Exit code 0: every packet was decoded, no alert faulted, the verdicts agree. 1: otherwise. 2: wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve check target/filters/bright.wasm alerts/ztf
  skysieve check lsst-bright.wasm --config 'magnitude = 20.5' --json night.avro.gz | jq .accepted
  skysieve check my.wasm --config-file my.toml --schemas lsst/alert/packet/schema packets/")]
pub struct CheckArgs {
    /// The filter: a component
    #[arg(value_name = "FILTER.wasm")]
    filter: PathBuf,
    /// Packets: files or folders (searched for *.avro, *.avro.gz); object containers of one or many alerts, or raw wire
    /// packets, either gzipped
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The filter's config
    #[arg(long, value_name = "TEXT", conflicts_with = "config_file")]
    config: Option<String>,
    /// A file with the filter's config
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    #[command(flatten)]
    schemas: SchemaArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Accepted alerts per visit that a host would publish
    #[arg(long, value_name = "N", default_value_t = crate::pipeline::DEFAULT_QUOTA)]
    quota: u32,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the check and prints its report.
///
/// # Errors
/// When the filter is refused, or a file that was named can't be read.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let files = packets::find(&args.paths)?;
    let schemas = Arc::new(args.schemas.load()?);
    let module = read_file(&args.filter).map_err(|error| UsageError(format!("{error:#}")))?;
    let config = match (&args.config, &args.config_file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => String::from_utf8(read_file(file).map_err(|error| UsageError(format!("{error:#}")))?)
            .with_context(|| format!("{} is not UTF-8", file.display()))?,
        (None, None) => String::new(),
    };
    let limits = args.limits.limits();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from);
    let engine = Engine::new(&PoolConfig { filters: 2 * jobs as u32 + 2, ..PoolConfig::default() })?;
    let refused = || format!("{} is refused", args.filter.display());
    let module: Module = engine.load(&module, &limits).with_context(refused)?;
    let manifest = Filter::start(&module, &config, &limits).with_context(refused)?.manifest().clone();
    let sha256 = module.sha256().to_owned();
    let instance_limits = limits.clone();
    let start: Arc<examine::Start> = Arc::new(move || Filter::start(&module, &config, &instance_limits));
    let findings = examine::all(files, &schemas, &start, jobs)?;
    let report = report::Report::new(&manifest, &sha256, &findings, &limits, args.quota);
    if args.json {
        print(format_args!("{}\n", serde_json::to_string(&report)?));
    } else {
        print(&report);
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
