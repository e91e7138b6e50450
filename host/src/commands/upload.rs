//! `skysieve upload`: gives a filter to a running host.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::check::settings::ConfigArgs;
use super::common::{UsageError, read_file};
use super::filters::show::{one_line, text_of};
use super::filters::{name_of, refused};
use super::output::{print_line, tell};
use super::remote::RemoteArgs;
use super::set::SetArgs;
use crate::filters::Language;
use crate::http_client::{query, segment};

/// Upload a filter to a running host, which checks and compiles it.
///
/// Without --activate, it becomes a version that is kept beside the active one, and `skysieve filters activate` makes it
/// active. A module of the same content, config and topics as the active version's changes nothing. Settings are those of
/// --config-file, --config and --set, in this order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve upload target/filters/bright.wasm --activate                        it is called bright
  skysieve upload bright.wasm --name bright-20 --set magnitude=20 --activate   the same code, another config
  skysieve upload rising.py --set rise=0.5 --activate                          a filter in Python
  skysieve upload bright.wasm --config-file bright.toml --note 'fewer stars'   a version, not yet active
  skysieve upload --predefined lsst-bright --name my-bright --set magnitude=20.5 --activate   see skysieve catalog
  skysieve upload bright.wasm --on node2 --activate                            on this host, of several
  skysieve filters activate bright 3 --server http://node1:8080                make it active")]
pub struct UploadArgs {
    /// The module, or the text of a filter in Python (*.py)
    #[arg(value_name = "FILTER", required_unless_present = "predefined", conflicts_with = "predefined")]
    module: Option<PathBuf>,
    /// Take the module of a predefined filter of the host (`skysieve catalog` lists them)
    #[arg(long, value_name = "NAME")]
    predefined: Option<String>,
    /// The filter's name, and its topic's [default: the file's name without its ending, or the predefined filter's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    set: SetArgs,
    /// What is to be known of this version
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The host that is to take a new filter, of those that share the registry (`skysieve hosts`) [default: the one with the
    /// fewest filters]
    #[arg(long, value_name = "HOST")]
    on: Option<String>,
    /// Make it the active version
    #[arg(long)]
    activate: bool,
    /// Refuse a filter that asks for fields that no alert of the stream has
    #[arg(long)]
    strict: bool,
    /// Activate it even if it fails on all recent alerts, on which the host tries it
    #[arg(long, requires = "activate")]
    force: bool,
    /// Print the filter's status as JSON
    #[arg(long)]
    json: bool,
}

/// Uploads the filter.
///
/// # Errors
/// Returns an error if a file can't be read, or if the host refuses the filter or gives no answer.
pub fn run(args: &UploadArgs) -> anyhow::Result<ExitCode> {
    let client = args.remote.client()?;
    let name = args.name.clone().map_or_else(|| name_of_file(args), Ok)?;
    name_of(&name)?;
    let language = args.module.as_deref().and_then(Language::of_file);
    let mut parts = Vec::new();
    if let Some(module) = &args.module {
        parts.push((if language.is_some() { "program" } else { "module" }, read_file(module)?));
    }
    // The config may be as long as the form allows a part to be, so that it has its own.
    let mut settings = args.config.choose()?.settings;
    let config = std::mem::take(&mut settings.config);
    let mut add = |name, value: Option<String>| parts.extend(value.map(|value| (name, value.into_bytes())));
    add("language", language.map(|language| language.name.to_owned()));
    add("file", args.module.as_deref().filter(|_| language.is_some()).and_then(file_name));
    add("predefined", args.predefined.clone());
    add("parameters", args.set.json()?);
    add("config", Some(config).filter(|config| !config.is_empty()));
    add("settings", Some(toml::to_string(&settings).context("the settings can't be sent")?));
    add("note", args.note.clone());
    add("strict", args.strict.then(|| "true".to_owned()));
    add("force", args.force.then(|| "true".to_owned()));
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, value)| (*name, &value[..])).collect();
    let path = format!("/api/v1/filters/{}", segment(&name));
    let on: Vec<(&str, &str)> = args.on.iter().map(|host| ("host", &**host)).collect();
    let status: Value = match args.activate {
        true => client.put_form(&format!("{path}{}", query(&on)), &parts),
        false => client.post_form(&format!("{path}/versions{}", query(&on)), &parts),
    }
    .map_err(refused)?;
    report(args, &name, &status);
    Ok(ExitCode::SUCCESS)
}

fn name_of_file(args: &UploadArgs) -> Result<String, UsageError> {
    let stem = args.module.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let name = args.predefined.as_deref().or(stem);
    name.map(str::to_owned).ok_or_else(|| UsageError("the file's name is no filter's name; give --name".to_owned()))
}

/// The name of a file, without its folder.
fn file_name(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn report(args: &UploadArgs, name: &str, status: &Value) {
    for warning in status["warnings"].as_array().into_iter().flatten() {
        tell(format_args!("warning: {}", one_line(&text_of(warning))));
    }
    if args.json {
        print_line(status);
        return;
    }
    let registered = &status["registered"];
    let what = match (args.activate, registered["version"].as_u64()) {
        (true, Some(version)) => format!("version {version} is active"),
        (true, None) => "it is active".to_owned(),
        (false, _) => {
            format!("{} versions are kept; `skysieve filters activate {name} N` activates one", registered["versions"])
        }
    };
    print_line(format_args!("{name}: {what}"));
}
