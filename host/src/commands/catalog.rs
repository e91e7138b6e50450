//! `skysieve catalog`: the predefined filters.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::common::UsageError;
use super::filters::refused;
use super::filters::show::{ParameterLines, one_line};
use super::output::{print, print_line};
use super::remote::RemoteArgs;
use crate::catalog::{Catalog, CatalogEntry};
use crate::filters::{FilterError, Inspected, Upload};
use skysieve_sandbox::{Engine, Filter, Limits, PoolConfig};

/// List the predefined filters of a running host, with what can be set in them.
///
/// `skysieve upload --predefined NAME` makes a filter of one. With --folder, no host is asked: the modules in the folder are
/// listed as a host with --catalog would do it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve catalog
  skysieve catalog --folder target/filters                what a host with --catalog target/filters has
  skysieve catalog --json | jq -r '.[] | select(.survey == \"LSST\") | .name'
  skysieve upload --predefined lsst-bright --name my-bright --set magnitude=20.5 --activate")]
pub struct CatalogArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// List the modules in this folder instead
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Lists the predefined filters.
///
/// # Errors
/// Returns an error if the folder can't be read, or if the host refuses it or gives no answer.
pub fn run(args: &CatalogArgs) -> anyhow::Result<ExitCode> {
    let entries: Vec<CatalogEntry> = match &args.folder {
        Some(folder) => {
            if !folder.is_dir() {
                return Err(UsageError(format!("--folder {}: there is no such folder", folder.display())).into());
            }
            let engine = Engine::new(&PoolConfig::for_filters(1))?;
            let inspect = |_: &str, upload: &Upload| {
                let limits = upload.settings.limits.over(&Limits::default());
                let module = engine.load(&upload.module, &limits);
                let started = module.and_then(|module| Filter::start(&module, &upload.settings.config, &limits));
                let filter = started.map_err(|error| FilterError::Refused(error.to_string()))?;
                let (sha256, manifest) = (filter.sha256().to_owned(), filter.manifest().clone());
                Ok(Inspected { sha256, manifest, module: None })
            };
            Catalog::new(folder).list(inspect)?
        }
        None => args.remote.client()?.get("/api/v1/catalog").map_err(refused)?,
    };
    match args.json {
        true => print_line(serde_json::to_string(&entries)?),
        false => print(text(&entries)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The list for people.
fn text(entries: &[CatalogEntry]) -> String {
    let mut out = String::new();
    for CatalogEntry { name, description, parameters, refused, .. } in entries {
        let what = refused.as_ref().map_or_else(|| description.clone(), |reason| format!("can't be used: {reason}"));
        out += &format!("{name}: {}\n{}", one_line(&what), ParameterLines(parameters));
    }
    if entries.is_empty() { "there are no modules\n".to_owned() } else { out }
}
