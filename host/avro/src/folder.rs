//! Schemas from folders (LSST's, with one file for each record) and the built-in ones.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::SchemaError;
use super::parse::{MAX_JSON, parse};
use super::schema::Schema;

/// The Confluent id that LSST gives the schema in `lsst.vM_m.alert.avsc`: M × 100 + m.
pub(super) fn lsst_id(file_name: &str) -> Option<u32> {
    let version = file_name.strip_prefix("lsst.v")?.strip_suffix(".alert.avsc")?;
    let (major, minor) = version.split_once('_')?;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    let (major, minor): (u32, u32) = (number(major)?, number(minor)?);
    major.checked_mul(100)?.checked_add(minor).filter(|_| minor < 100)
}

/// Loads the schemas of a folder and its subfolders, with their ids.
pub(super) fn load(folder: &Path) -> Result<Vec<(u32, Schema)>, SchemaError> {
    let mut schemas = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let mut seen = HashSet::new();
    while let Some(folder) = folders.pop() {
        // Folders are recognised by their canonical path: a link to a parent folder must not lead round in circles.
        if !seen.insert(folder.canonicalize().map_err(|error| failed(&folder, error))?) {
            continue;
        }
        let entries = fs::read_dir(&folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut paths: Vec<PathBuf> =
            entries.map_err(|error| failed(&folder, error))?.iter().map(fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if let Some(id) = path.file_name().and_then(|name| lsst_id(name.to_str()?)) {
                schemas.push((id, load_file(&path)?));
            }
        }
    }
    Ok(schemas)
}

fn load_file(path: &Path) -> Result<Schema, SchemaError> {
    let mut sibling = |name: &str| {
        let sibling = path.with_file_name(format!("{name}.avsc"));
        if sibling.is_file() { read(&sibling).map(Some) } else { Ok(None) }
    };
    parse(&read(path)?, &mut sibling).map_err(|error| match error {
        SchemaError::File { .. } => error,
        other => failed(path, other),
    })
}

fn read(path: &Path) -> Result<String, SchemaError> {
    let mut avsc = String::new();
    // Opening a named pipe would wait for a writer.
    if !path.metadata().map_err(|error| failed(path, error))?.is_file() {
        return Err(failed(path, "it is not a file"));
    }
    let file = File::open(path).map_err(|error| failed(path, error))?;
    // One byte more than allowed is read, so that the parser sees that the file is too long, and refuses it.
    file.take(MAX_JSON as u64 + 1).read_to_string(&mut avsc).map_err(|error| failed(path, error))?;
    Ok(avsc)
}

fn failed(path: &Path, why: impl std::fmt::Display) -> SchemaError {
    SchemaError::File { path: path.display().to_string(), why: why.to_string() }
}
