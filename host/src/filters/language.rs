//! Languages in which a filter can be given as text. Each has a runner, an ordinary module that runs the text, which is in
//! its config.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::FilterError;
use super::settings::Settings;
use skysieve_sandbox::limits::{MODULE_BYTES, MOST_MEMORY};

/// A language in which filters are written.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// Its name.
    pub name: &'static str,
    /// What the names of files end in, without the dot.
    pub ending: &'static str,
    /// The media type of its texts.
    pub media_type: &'static str,
    /// The memory that a filter has, in bytes, unless its settings say otherwise.
    memory: usize,
}

/// All of them.
pub const LANGUAGES: &[Language] =
    &[Language { name: "python", ending: "py", media_type: "text/x-python", memory: MOST_MEMORY }];

impl Language {
    /// The language of a file, by the ending of its name. `None`: it is a module.
    pub fn of_file(file: &Path) -> Option<&'static Language> {
        let ending = file.extension()?;
        LANGUAGES.iter().find(|language| ending == language.ending)
    }

    /// The language of a text with this media type.
    pub fn of_media_type(media_type: &str) -> Option<&'static Language> {
        LANGUAGES.iter().find(|language| language.media_type == media_type)
    }

    /// The language of this name.
    pub fn named(name: &str) -> Option<&'static Language> {
        LANGUAGES.iter().find(|language| language.name == name)
    }
}

/// The text of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its language.
    pub language: &'static Language,
    /// The name of its file, for messages.
    pub file: String,
    /// The text.
    pub text: String,
}

impl Program {
    /// Makes the settings those of the runner: its config is the program, together with the parameters that have been the
    /// config. Limits that are not set are the language's.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if the parameters are not TOML, or a date.
    pub fn fill(&self, settings: &mut Settings) -> Result<(), FilterError> {
        let parameters = parameters(&settings.config).map_err(|reason| {
            FilterError::Refused(format!(
                "the config of a filter in {} has its parameters: {reason}",
                self.language.name
            ))
        })?;
        let document = json!({"program": self.text, "file": self.file, "parameters": parameters});
        settings.config = document.to_string();
        settings.limits.memory.get_or_insert(self.language.memory);
        Ok(())
    }
}

/// Whether a config is that of a runner, as [`Program::fill`] makes it.
pub(super) fn is_program(config: &str) -> bool {
    set_in_program(config, &toml::Table::new()).is_some()
}

/// Sets parameters in the config of a runner, as [`Program::fill`] makes it. `None`: it is another config.
pub(super) fn set_in_program(config: &str, values: &toml::Table) -> Option<Result<String, FilterError>> {
    let mut document: Value = serde_json::from_str(config).ok()?;
    document.get("program")?.as_str()?;
    let parameters = document.get_mut("parameters")?.as_object_mut()?;
    let set = values.iter().try_for_each(|(name, value)| {
        let value = as_json(value.clone()).map_err(|reason| format!("parameter {name}: {reason}"))?;
        parameters.insert(name.clone(), value);
        Ok(())
    });
    Some(set.map(|()| document.to_string()).map_err(FilterError::Refused))
}

/// The parameters in a config, as JSON.
fn parameters(config: &str) -> Result<Value, String> {
    let table: toml::Table = config.parse().map_err(|error: toml::de::Error| error.to_string().trim().to_owned())?;
    table.into_iter().map(|(name, value)| Ok((name, as_json(value)?))).collect()
}

fn as_json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        // Infinities and NaN are not JSON, but Python reads them in this form.
        toml::Value::Float(number) if !number.is_finite() => return Err(format!("{number} can't be a parameter")),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(date) => return Err(format!("{date} is a date; put it in quotes")),
        toml::Value::Array(values) => values.into_iter().map(as_json).collect::<Result<_, _>>()?,
        toml::Value::Table(table) => {
            table.into_iter().map(|(name, value)| Ok((name, as_json(value)?))).collect::<Result<_, String>>()?
        }
    })
}

/// The folder with the runners.
#[derive(Clone, Debug)]
pub struct Runners(PathBuf);

impl Default for Runners {
    /// The folder `runners` beside this program, or the one that `make runners` writes to.
    fn default() -> Runners {
        let program = std::env::current_exe().and_then(|program| program.canonicalize()).unwrap_or_default();
        let beside = program.with_file_name("runners");
        let target = program.ancestors().skip(2).find(|folder| folder.file_name().is_some_and(|name| name == "target"));
        match target.map(|target| target.join("runners")) {
            Some(built) if !beside.is_dir() => Runners(built),
            _ => Runners(beside),
        }
    }
}

impl Runners {
    /// The runners in this folder, or by default those that came with this program.
    pub fn new(folder: Option<PathBuf>) -> Runners {
        folder.map_or_else(Runners::default, Runners)
    }

    /// Reads the runner of a language.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if it can't be read.
    pub fn read(&self, language: &Language) -> Result<Vec<u8>, FilterError> {
        let path = self.0.join(language.name).with_extension("wasm");
        let mut bytes = Vec::new();
        // One byte more than allowed is read, so that the sandbox reports the limit.
        let read =
            std::fs::File::open(&path).and_then(|file| file.take(MODULE_BYTES as u64 + 1).read_to_end(&mut bytes));
        let missing = |error| {
            let (name, path) = (language.name, path.display());
            FilterError::Refused(format!(
                "there is no runner for filters in {name}: cannot read {path}: {error}; `make runners` builds it, and \
                 --runners names its folder"
            ))
        };
        read.map(|_| bytes).map_err(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(config: &str) -> Result<Settings, FilterError> {
        let program = Program { language: &LANGUAGES[0], file: "rising.py".to_owned(), text: "def \"x\"\n".to_owned() };
        let mut settings = Settings { config: config.to_owned(), ..Settings::default() };
        program.fill(&mut settings).map(|()| settings)
    }

    #[test]
    fn the_program_becomes_the_config_together_with_its_parameters() {
        let settings = filled("rise = 0.5\nbands = ['g', 'r']\n[near]\nra = 3").unwrap();
        let document: Value = serde_json::from_str(&settings.config).unwrap();
        let parameters = json!({"rise": 0.5, "bands": ["g", "r"], "near": {"ra": 3}});
        assert_eq!(document, json!({"program": "def \"x\"\n", "file": "rising.py", "parameters": parameters}));
        assert_eq!(settings.limits.memory, Some(MOST_MEMORY));
    }

    #[test]
    fn parameters_are_set_in_the_program() {
        let before = filled("rise = 0.5").unwrap().config;
        let values: toml::Table = "rise = 0.25\nband = 'r'".parse().unwrap();
        let after: Value = serde_json::from_str(&set_in_program(&before, &values).unwrap().unwrap()).unwrap();
        assert_eq!(after["parameters"], json!({"rise": 0.25, "band": "r"}));
        assert_eq!(after["program"], "def \"x\"\n");
        let infinite: toml::Table = "rise = inf".parse().unwrap();
        assert!(set_in_program(&before, &infinite).unwrap().unwrap_err().to_string().contains("parameter rise: inf"));
        assert_eq!(set_in_program("rise = 0.5", &values).map(|set| set.unwrap()), None);
        assert_eq!(set_in_program(r#"{"rise": 0.5}"#, &values).map(|set| set.unwrap()), None);
    }

    #[test]
    fn what_is_not_a_parameter_is_refused() {
        for (config, why) in [("SELECT 1", "its parameters: TOML"), ("d = 2026-05-09", "in quotes"), ("x = inf", "inf")]
        {
            let error = filled(config).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_language_is_known_by_the_end_of_a_files_name() {
        let of = |file: &str| Language::of_file(Path::new(file)).map(|language| language.name);
        assert_eq!([of("a/rising.py"), of("rising.wasm"), of("py")], [Some("python"), None, None]);
    }

    #[test]
    fn a_missing_runner_is_told_with_its_remedy() {
        let error = Runners::new(Some("/nowhere".into())).read(&LANGUAGES[0]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/python.wasm") && error.contains("make runners"), "{error}");
    }
}
