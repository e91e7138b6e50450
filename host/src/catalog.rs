//! The catalogue of predefined filters: a folder of modules that anybody may make a filter of.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use skysieve_avro::alert::Field;
use skysieve_avro::{Fit, SchemaId, Schemas, fit};
use skysieve_sandbox::{Manifest, Parameter};
use skysieve_simulate::Survey;

use crate::filters::{FilterError, Inspected, Upload, check_name, nearest, read_filter};

/// How many modules are listed, the first ones by their names.
pub const CATALOG_MODULES: usize = 200;

/// Where modules are, if nothing else is said: beside the program, or where images have them.
const FOLDERS: [&str; 2] = ["../share/skysieve/filters", "/usr/share/skysieve/filters"];

/// A predefined filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CatalogEntry {
    /// Its name in the catalogue.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// The survey whose alerts it reads, if it is one of those that can be simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survey: Option<String>,
    /// The SHA-256 hash of its module, in hexadecimal.
    pub sha256: String,
    /// The fields that it reads, each by its first path.
    pub fields: Vec<String>,
    /// What can be set in its config.
    pub parameters: Vec<Parameter>,
    /// Why it can't be used, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// When a file was changed, and its size.
type Stamp = (Option<SystemTime>, u64);

/// What is known of a module, as long as its files do not change.
type Known = BTreeMap<String, ([Option<Stamp>; 2], CatalogEntry)>;

/// A folder of modules, `NAME.wasm`. The config in a `NAME.toml` beside it is the one that it has if none is given.
#[derive(Debug)]
pub struct Catalog {
    folder: PathBuf,
    surveys: Vec<(&'static str, SchemaId)>,
    schemas: Schemas,
    known: Mutex<Known>,
}

impl Catalog {
    /// The catalogue in a folder, or else in the one that was installed with the program. `None` if there is neither.
    pub fn find(folder: Option<&Path>) -> Option<Arc<Catalog>> {
        let program = std::env::current_exe().ok();
        let beside = program.as_deref().and_then(Path::parent);
        // An absolute path stays as it is when it is joined.
        let installed =
            || FOLDERS.iter().map(|folder| beside.unwrap_or(Path::new("/")).join(folder)).find(|path| path.is_dir());
        let folder = folder.map(Path::to_owned).or_else(installed)?;
        Some(Arc::new(Catalog::new(&folder)))
    }

    /// The catalogue in a folder, which is read when it is needed.
    pub fn new(folder: &Path) -> Catalog {
        let schemas = Schemas::default();
        let add = |(name, survey): (&'static str, Survey)| {
            let id = schemas.add(survey.schema_id(), survey.schema()).ok()?;
            Some((name, id))
        };
        let surveys = [("LSST", Survey::Lsst), ("ZTF", Survey::Ztf)].into_iter().filter_map(add).collect();
        Catalog { folder: folder.to_owned(), surveys, schemas, known: Mutex::default() }
    }

    /// Lists the filters by name. `inspect` compiles one and lets it describe itself, which is done once for each module.
    ///
    /// # Errors
    /// Returns [`FilterError::NoCatalog`] if the folder can't be read, and the errors of `inspect` that are not the module's.
    pub fn list(
        &self,
        inspect: impl Fn(&str, &Upload) -> Result<Inspected, FilterError>,
    ) -> Result<Vec<CatalogEntry>, FilterError> {
        self.names()?.iter().map(|name| self.entry(name, &inspect)).collect()
    }

    /// The module of a predefined filter, with the config that it has if none is given.
    ///
    /// # Errors
    /// Returns [`FilterError::NoPredefined`] if there is none of that name, or [`FilterError::Refused`] if its file can't be
    /// read.
    pub fn get(&self, name: &str) -> Result<Upload, FilterError> {
        // A name has no slash in it, so that no other folder can be meant.
        if check_name(name).is_ok() && self.module(name).is_file() {
            return read_filter(&self.module(name));
        }
        let names = self.names()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let meant = nearest(name, &names).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        Err(FilterError::NoPredefined(name.chars().take(100).collect(), meant))
    }

    fn module(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.wasm"))
    }

    fn names(&self) -> Result<Vec<String>, FilterError> {
        let unreadable = |error| FilterError::NoCatalog(format!("{}: {error}", self.folder.display()));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let is_module = path.extension().is_some_and(|extension| extension == "wasm");
            let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| check_name(name).is_ok());
            names.extend(name.filter(|_| is_module).map(str::to_owned));
        }
        names.sort_unstable();
        names.truncate(CATALOG_MODULES);
        Ok(names)
    }

    fn entry(
        &self,
        name: &str,
        inspect: impl Fn(&str, &Upload) -> Result<Inspected, FilterError>,
    ) -> Result<CatalogEntry, FilterError> {
        let module = self.module(name);
        let stamps = [stamp(&module), stamp(&module.with_extension("toml"))];
        if let Some((known, entry)) = self.known.lock().get(name)
            && *known == stamps
        {
            return Ok(entry.clone());
        }
        // The lock is not held while it is compiled; whoever asks meanwhile waits for the same compilation.
        let entry = match read_filter(&module).and_then(|upload| inspect(name, &upload)) {
            Ok(Inspected { sha256, manifest, .. }) => self.described(name, sha256, manifest),
            Err(FilterError::Refused(reason)) => refused(name, reason),
            Err(error) => return Err(error),
        };
        self.known.lock().insert(name.to_owned(), (stamps, entry.clone()));
        Ok(entry)
    }

    fn described(&self, name: &str, sha256: String, manifest: Manifest) -> CatalogEntry {
        let reads = |(_, id): &&(&str, SchemaId)| {
            let Fit { refusal, warnings } = fit(&self.schemas, &[*id], &manifest.fields);
            // One that reads nothing of a survey is warned of.
            refusal.is_none() && warnings.is_empty() && !manifest.fields.is_empty()
        };
        let survey = self.surveys.iter().find(reads).map(|(survey, _)| (*survey).to_owned());
        let first = |field: &Field| field.paths.first().cloned().unwrap_or_default();
        CatalogEntry {
            name: name.to_owned(),
            description: manifest.description,
            survey,
            sha256,
            fields: manifest.fields.iter().map(first).collect(),
            parameters: manifest.parameters,
            refused: None,
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |meta: Metadata| (meta.modified().ok(), meta.len());
    path.metadata().ok().map(of)
}

/// A module that can't be used.
fn refused(name: &str, reason: String) -> CatalogEntry {
    CatalogEntry {
        name: name.to_owned(),
        description: String::new(),
        survey: None,
        sha256: String::new(),
        fields: Vec::new(),
        parameters: Vec::new(),
        refused: Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use skysieve_avro::alert::Kind;

    fn inspected(upload: &Upload) -> Result<Inspected, FilterError> {
        let path = match &upload.module[..] {
            b"lsst" => "diaSource.psfFlux",
            b"ztf" => "candidate.magpsf",
            b"other" => "nothing.known",
            _ => return Err(FilterError::Refused("it is bad".to_owned())),
        };
        let fields = vec![Field { paths: vec![path.to_owned()], kind: Kind::Double, optional: false }];
        let manifest = Manifest { description: "It passes".to_owned(), fields, parameters: Vec::new() };
        Ok(Inspected { sha256: "00".to_owned(), manifest, module: None })
    }

    #[test]
    fn modules_are_described_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        for (name, text) in [("b.wasm", "ztf"), ("a.wasm", "lsst"), ("c.wasm", "other"), ("d.wasm", "bad"), ("no", "")]
        {
            write(name, text);
        }
        let catalog = Catalog::new(folder.path());
        let asked = Cell::new(0);
        let list = || {
            let inspect = |_: &str, upload: &Upload| {
                asked.set(asked.get() + 1);
                inspected(upload)
            };
            catalog.list(inspect).unwrap()
        };
        let entries = list();
        let told: Vec<_> = entries.iter().map(|entry| (&*entry.name, entry.survey.as_deref())).collect();
        assert_eq!(told, [("a", Some("LSST")), ("b", Some("ZTF")), ("c", None), ("d", None)]);
        assert_eq!((&*entries[0].fields[0], entries[3].refused.as_deref()), ("diaSource.psfFlux", Some("it is bad")));
        assert_eq!((list(), asked.get()), (entries, 4));
        write("d.wasm", "lsst");
        assert_eq!((list()[3].survey.as_deref(), asked.get()), (Some("LSST"), 5));
    }

    #[test]
    fn only_what_is_in_the_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(folder.path().join("secret.wasm"), "lsst").unwrap();
        std::fs::write(inner.join("bright.wasm"), "lsst").unwrap();
        std::fs::write(inner.join("bright.toml"), "config = 'x = 1'").unwrap();
        let catalog = Catalog::new(&inner);
        let found = catalog.get("bright").unwrap();
        assert_eq!((&*found.module, &*found.settings.config), (&b"lsst"[..], "x = 1"));
        for name in ["../secret", "/etc/passwd", "..", ""] {
            assert!(matches!(catalog.get(name), Err(FilterError::NoPredefined(..))), "{name}");
        }
        let said = catalog.get("brigth").unwrap_err().to_string();
        assert!(said.contains("did you mean bright?"), "{said}");
        let missing = Catalog::new(&folder.path().join("none"));
        assert!(matches!(missing.list(|_, upload| inspected(upload)), Err(FilterError::NoCatalog(_))));
    }
}
