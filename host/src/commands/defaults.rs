//! Settings that come from files: those of `--config`, and variables that name a file with a secret in it. They count where
//! neither the command line nor the environment says something else.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::builder::{OsStr as ClapText, Str};
use clap::{Arg, Command};
use toml::{Table, Value};

use super::common::UsageError;

/// The largest file, in bytes; it may contain certificates.
const LARGEST: u64 = 1 << 20;
/// The subcommand that takes `--config`.
const TAKES_CONFIG: &str = "host";
/// The variable that stands for `--config`.
const CONFIG: &str = "SKYSIEVE_CONFIG";
/// The table of a file with properties for librdkafka.
const KAFKA: &str = "kafka";
/// Flags that can't be set by a file.
const NEVER: [&str; 3] = ["config", "help", "version"];

/// Gives the arguments of the subcommand the values that files have for them.
///
/// # Errors
/// Returns a [`UsageError`] that names the file. It never shows a value.
pub fn with_files(command: Command, line: &[OsString]) -> Result<Command, UsageError> {
    let Some(name) = line.get(1).and_then(|name| name.to_str()).map(str::to_owned) else { return Ok(command) };
    let Some(subcommand) = command.find_subcommand(&name) else { return Ok(command) };
    let mut values = from_variables(subcommand)?;
    if name == TAKES_CONFIG
        && let Some(path) = config_of(&line[2..]).or_else(|| env::var_os(CONFIG))
    {
        let path = Path::new(&path);
        let wrong = |why: String| UsageError(format!("--config {}: {why}", path.display()));
        let file = read(path).and_then(|text| from_file(&text, subcommand)).map_err(wrong)?;
        values = file.into_iter().chain(values).collect();
    }
    Ok(command.mut_subcommand(&name, |subcommand| {
        subcommand.mut_args(|arg| match values.remove(arg.get_id().as_str()) {
            Some(texts) => {
                // Help would show a secret. (Flags without a value have nothing to hide.)
                let hidden = arg.get_action().takes_values();
                arg.required(false).hide_default_value(hidden).default_values(texts.into_iter().map(text))
            }
            None => arg,
        })
    }))
}

/// What clap takes for a default.
fn text(text: String) -> ClapText {
    Str::from(text).into()
}

/// The value of `--config` on the command line.
fn config_of(line: &[OsString]) -> Option<OsString> {
    let mut line = line.iter();
    while let Some(argument) = line.next() {
        if argument == "--" {
            return None;
        }
        if argument == "--config" {
            return line.next().cloned();
        }
        if let Some(path) = argument.to_str().and_then(|argument| argument.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

/// The contents of the files that variables name, `SKYSIEVE_SOMETHING_FILE`, by the arguments' ids.
fn from_variables(command: &Command) -> Result<BTreeMap<String, Vec<String>>, UsageError> {
    let mut values = BTreeMap::new();
    for arg in command.get_arguments() {
        let Some(variable) = arg.get_env().and_then(OsStr::to_str) else { continue };
        let named = format!("{variable}_FILE");
        let Some(path) = env::var_os(&named) else { continue };
        if env::var_os(variable).is_some() {
            return Err(UsageError(format!("both {variable} and {named} are set; set one of them")));
        }
        let path = Path::new(&path);
        let content = read(path).map_err(|why| UsageError(format!("{named}={}: {why}", path.display())))?;
        values.insert(arg.get_id().to_string(), vec![content.trim_end_matches(['\r', '\n']).to_owned()]);
    }
    Ok(values)
}

/// The text in a file.
///
/// # Errors
/// Returns why it can't be read.
pub fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST { Err(format!("it has more than {LARGEST} bytes")) } else { Ok(text) }
}

/// The values in a file, by the arguments' ids.
fn from_file(text: &str, command: &Command) -> Result<BTreeMap<String, Vec<String>>, String> {
    // The error's own text would show the line, which may have a secret in it.
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line}: {}", error.message())
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let flag = key.replace('_', "-");
        let found = match (&value, &*key) {
            (Value::Table(_), KAFKA) => command.get_arguments().find(|arg| arg.get_short() == Some('X')),
            _ => command.get_arguments().find(|arg| arg.get_long() == Some(&flag)),
        };
        let arg = found.filter(|_| !NEVER.contains(&&*flag)).ok_or_else(|| unknown(&key, command))?;
        values.insert(arg.get_id().to_string(), texts(value, arg).map_err(|why| format!("{key}: {why}"))?);
    }
    Ok(values)
}

/// A setting's values, as they would be on the command line.
fn texts(value: Value, arg: &Arg) -> Result<Vec<String>, String> {
    let many = arg.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(arg.get_action(), clap::ArgAction::Append);
    match value {
        Value::Array(values) if many => values.into_iter().map(one).collect(),
        Value::Array(_) => Err("it takes one value".to_owned()),
        Value::Table(table) => table.into_iter().map(|(key, value)| Ok(format!("{key}={}", one(value)?))).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn one(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(value) => Ok(value.to_string()),
        Value::Datetime(time) => Ok(time.to_string()),
        Value::Array(_) | Value::Table(_) => Err("it takes texts and numbers".to_owned()),
    }
}

fn unknown(key: &str, command: &Command) -> String {
    let flags = command.get_arguments().filter_map(|arg| arg.get_long()).filter(|flag| !NEVER.contains(flag));
    let mut flags: Vec<&str> = flags.collect();
    flags.sort_unstable();
    format!("there is no setting {key:?}; there are {}, and [{KAFKA}] with properties for librdkafka", flags.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, arg, value_parser};

    use super::*;

    fn command() -> Command {
        let host = Command::new("host").args([
            arg!(given: -X <PROPERTY>).action(ArgAction::Append).required(false),
            arg!(--config <FILE>).required(false),
            arg!(--brokers <BROKERS>).required(true),
            arg!(--topic <TOPIC>).action(ArgAction::Append).value_delimiter(','),
            arg!(--"max-filters" <N>).value_parser(value_parser!(u32)).default_value("1000"),
            arg!(--"no-create-topics"),
        ]);
        Command::new("skysieve").subcommand(host)
    }

    fn run(text: &str, line: &[&str]) -> Result<clap::ArgMatches, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let config = format!("--config={}", file.path().display());
        let line: Vec<OsString> =
            ["skysieve", "host", &config].into_iter().chain(line.iter().copied()).map(Into::into).collect();
        let command = with_files(command(), &line).map_err(|error| error.to_string())?;
        let matches = command.try_get_matches_from(line).map_err(|error| error.to_string())?;
        Ok(matches.subcommand().unwrap().1.clone())
    }

    fn many(matches: &clap::ArgMatches, id: &str) -> Vec<String> {
        matches.get_many::<String>(id).unwrap().cloned().collect()
    }

    #[test]
    fn a_file_sets_what_flags_set() {
        let text = "brokers = \"a:1\"\ntopic = [\"lsst\", \"ztf\"]\nmax_filters = 7\nno-create-topics = true\n\
                    [kafka]\n\"sasl.username\" = \"me\"\n";
        let found = run(text, &[]).unwrap();
        assert_eq!(found.get_one::<String>("brokers").unwrap(), "a:1");
        assert_eq!(many(&found, "topic"), ["lsst", "ztf"]);
        assert_eq!(many(&found, "given"), ["sasl.username=me"]);
        assert_eq!((found.get_one("max-filters"), found.get_flag("no-create-topics")), (Some(&7u32), true));
        let found = run(text, &["--topic", "decam", "--max-filters", "8"]).unwrap();
        assert_eq!((many(&found, "topic"), found.get_one("max-filters")), (vec!["decam".to_owned()], Some(&8u32)));
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        for (text, says) in [
            ("brokers = \"a:1\"\nquote = 3", "there is no setting \"quote\"; there are brokers, max-filters"),
            ("config = \"a\"", "there is no setting \"config\""),
            ("brokers = [\"hunter2\", \"b:1\"]", "brokers: it takes one value"),
            ("topic = [[\"hunter2\"]]", "topic: it takes texts and numbers"),
            ("brokers = \"a:1\"\n[kafka]\npassword = hunter2", "line 3: "),
        ] {
            let error = run(text, &[]).unwrap_err();
            assert!(error.starts_with("--config /") && error.contains(says) && !error.contains("hunter2"), "{error}");
        }
        assert!(run("", &[]).unwrap_err().contains("--brokers"));
        let line = ["skysieve", "host", "--config", "/no/such/file"].map(OsString::from);
        assert!(with_files(command(), &line).unwrap_err().to_string().contains("--config /no/such/file: No such file"));
    }
}
