//! `skysieve new`: writes a project for a filter, which builds and passes its tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::output::print_line;

mod python;
mod sdk;

/// Write a project for a filter: a function of one alert, its tests, and the SDK that it is compiled with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skysieve new my-filter                   for LSST alerts
  skysieve new my-filter --survey ztf      for ZTF alerts
  skysieve new my-filter --language python
  cd my-filter && cargo test && skysieve build")]
pub struct NewArgs {
    /// The folder to write, which has the name of the filter
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// The survey whose alerts the filter is for
    #[arg(long, value_enum, default_value_t = Survey::Lsst)]
    survey: Survey,
    /// The language that the filter is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    Rust,
    Python,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Survey {
    Lsst,
    Ztf,
}

impl Survey {
    /// The source of the filter, and the magnitude in its config.
    fn template(self) -> (&'static str, &'static str) {
        match self {
            Survey::Lsst => (include_str!("template/lsst.rs"), "21.0"),
            Survey::Ztf => (include_str!("template/ztf.rs"), "18.0"),
        }
    }

    /// The same of a filter in Python.
    fn python(self) -> &'static python::Template {
        match self {
            Survey::Lsst => &python::LSST,
            Survey::Ztf => &python::ZTF,
        }
    }
}

/// Writes the project, completely or not at all.
///
/// # Errors
/// Returns an error if the name can't be a filter's, or if something with that name exists.
pub fn run(args: NewArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    check_name(name)?;
    let empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if folder.symlink_metadata().is_ok() && !empty() {
        bail!("{} is there already; choose another name", folder.display());
    }
    let parent = folder.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let (files, next) = match args.language {
        Language::Rust => (files(name, args.survey)?, "cargo test\n  skysieve build".to_owned()),
        Language::Python => {
            let next = format!("python -m pytest\n  skysieve check {}.py ALERTS", python::module(name));
            (python::files(name, args.survey.python()), next)
        }
    };
    write(folder, parent, &files).with_context(|| format!("cannot write {}", folder.display()))?;
    print_line(format_args!("wrote {}; next:\n  cd {0}\n  {next}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// The project's files: their paths relative to its folder, and their texts.
fn files(name: &str, survey: Survey) -> anyhow::Result<Vec<(String, String)>> {
    let (filter, magnitude) = survey.template();
    let fill = |text: &str| text.replace("{name}", name).replace("{magnitude}", magnitude);
    let mut files = vec![
        ("Cargo.toml".to_owned(), fill(include_str!("template/Cargo.toml.in"))),
        ("README.md".to_owned(), fill(include_str!("template/README.md.in"))),
        (format!("{name}.toml"), fill(include_str!("template/settings.toml.in"))),
        (".gitignore".to_owned(), include_str!("template/gitignore").to_owned()),
        ("src/lib.rs".to_owned(), filter.to_owned()),
    ];
    files.extend(sdk::files()?.into_iter().map(|(path, text)| (format!("skysieve/{path}"), text)));
    Ok(files)
}

/// Writes to a temporary folder beside the final one first, so that nobody finds it half done.
fn write(folder: &Path, parent: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    // The umask removes permissions as it does for any new folder.
    let permissions = Permissions::from_mode(0o777);
    let beside = tempfile::Builder::new().prefix(".skysieve-new-").permissions(permissions).tempdir_in(parent)?;
    for (path, text) in files {
        let path = beside.path().join(path);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(path, text)?;
    }
    fs::rename(beside.path(), folder)?;
    // The temporary folder has been renamed, so that nothing is left to remove.
    let _ = beside.keep();
    Ok(())
}

/// Checks that a name meets the rules of cargo for a package and those of a host for a filter.
fn check_name(name: &str) -> anyhow::Result<()> {
    let mut letters = name.chars();
    let well_formed = letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter));
    if !well_formed || name.len() > 64 {
        bail!("{name:?} can't be a filter's name: use up to 64 of a-z, 0-9, '-' and '_', beginning with a letter");
    }
    if RESERVED.split_whitespace().any(|reserved| reserved == name) {
        bail!("{name:?} means something else to Rust; choose another name");
    }
    Ok(())
}

/// Rust's keywords, the crates that a filter is compiled with, and names that cargo reserves.
const RESERVED: &str = "\
    abstract alloc as async await become box break const continue core crate do dyn else enum extern false final fn for gen \
    if impl in let loop macro match mod move mut override priv proc_macro pub ref return self serde skysieve-sdk \
    skysieve_sdk static std struct super test trait true try type typeof unsafe unsized use virtual where while yield";

#[cfg(test)]
mod tests {
    use super::*;

    fn new(folder: PathBuf) -> anyhow::Result<ExitCode> {
        run(NewArgs { folder, survey: Survey::Ztf, language: Language::Rust })
    }

    #[test]
    fn a_project_is_whole_and_named_as_its_folder() {
        let parent = tempfile::tempdir().unwrap();
        new(parent.path().join("my-filter")).unwrap();
        let read = |path: &str| fs::read_to_string(parent.path().join("my-filter").join(path)).unwrap();
        assert!(read("Cargo.toml").contains("name = \"my-filter\""));
        assert!(read("src/lib.rs").contains("candidate.magpsf"));
        assert!(read("my-filter.toml").parse::<toml::Table>().unwrap().contains_key("config"));
        assert!(read("skysieve/wit/filter.wit").contains("world filter"));
        let left = fs::read_dir(parent.path()).unwrap().count();
        assert_eq!(left, 1);
    }

    #[test]
    fn what_is_there_already_stays() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("mine");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("notes"), "precious").unwrap();
        let error = new(folder.clone()).unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_folder_is_filled() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("mine");
        fs::create_dir(&folder).unwrap();
        new(folder.clone()).unwrap();
        assert!(folder.join("Cargo.toml").is_file());
    }

    #[test]
    fn names_that_cargo_or_a_host_refuses_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["..", "Upper", "7up", "a.b", "späh", "fn", "test", "serde", &"x".repeat(65)] {
            assert!(new(parent.path().join(name)).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
