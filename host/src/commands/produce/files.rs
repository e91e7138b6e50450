//! Finds out which visits are in files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::recipe::{Cook, Recipe};
use crate::commands::common::progress;
use crate::commands::packets;
use skysieve_survey::Visit;

/// Larger files certainly have many alerts, so they need not be read to find that out.
const SURELY_MANY: u64 = 64 << 20;

/// One visit's alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileVisit {
    /// A file with many alerts.
    Many(PathBuf),
    /// The visit that the alerts have, and files with one alert each.
    Ones(String, Vec<PathBuf>),
}

/// What was found in the files.
#[derive(Debug, Default)]
pub struct Found {
    /// Files with many alerts in their order, followed by the other files grouped by visit.
    pub visits: Vec<FileVisit>,
    /// Files without an alert, and the reasons.
    pub unreadable: Vec<String>,
}

enum Content {
    One(Visit),
    Many,
}

/// Looks into files. Files that have no packets are reported and left out.
pub fn look_into(files: Vec<PathBuf>, recipe: &Recipe) -> Found {
    let bar = progress(files.len() as u64, "looking into files");
    let mut cook = Cook::new(recipe);
    let mut found = Found::default();
    let mut groups: BTreeMap<Visit, Vec<PathBuf>> = BTreeMap::new();
    for path in files {
        match content(&path, &mut cook, recipe) {
            Ok(Content::Many) => found.visits.push(FileVisit::Many(path)),
            Ok(Content::One(visit)) => groups.entry(visit).or_default().push(path),
            Err(why) => found.unreadable.push(format!("{}: {why}", path.display())),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let groups = groups.into_iter().map(|(visit, files)| FileVisit::Ones(visit.to_string(), files));
    found.visits.extend(groups);
    found
}

fn content(path: &Path, cook: &mut Cook<'_>, recipe: &Recipe) -> Result<Content, String> {
    let size = path.metadata().map_err(|error| error.to_string())?.len();
    if size > SURELY_MANY {
        return Ok(Content::Many);
    }
    let bytes = packets::read(path).map_err(|error| error.to_string())?;
    let mut alerts = recipe.schemas.alerts(&bytes);
    let first = match alerts.next().ok_or("it holds no alert")? {
        Ok(first) => first,
        // Alerts behind the broken one may be sound.
        Err(_) if alerts.any(|alert| alert.is_ok()) => return Ok(Content::Many),
        Err(error) => return Err(error.to_string()),
    };
    match alerts.next() {
        None => cook.identify(&first).map(|(_, visit)| Content::One(visit)).map_err(|error| error.to_string()),
        Some(_) => Ok(Content::Many),
    }
}
