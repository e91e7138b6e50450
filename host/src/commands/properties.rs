//! Properties for librdkafka, from the command line, the environment or a file. Some of them are passwords, so no help
//! text, error or log shows a value.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::common::UsageError;
use crate::kafka::{Error, Options};

/// The largest file of properties, in bytes; it may contain certificates.
const LARGEST: u64 = 1 << 20;
/// Parts of the names of properties whose values are secret.
const SECRET: [&str; 7] = ["password", "secret", "token", "credential", ".pem", "jaas", "oauthbearer.config"];

/// The settings of every Kafka client.
#[derive(Debug, Args)]
pub struct PropertyArgs {
    /// A property for librdkafka; may be given several times (in the environment: one on each line). It takes
    /// precedence over --kafka-config
    #[arg(short = 'X', value_name = "KEY=VALUE", env = "SKYSIEVE_X", hide_env_values = true, value_parser = Text::new)]
    given: Vec<Text>,
    /// A file of such properties, with KEY=VALUE on each line, and # before comments. It is the right place for
    /// passwords, because other users of this machine can read command lines
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_KAFKA_CONFIG")]
    kafka_config: Option<PathBuf>,
}

/// The text given for a property. It is not parsed by clap, whose errors would show the text.
#[derive(Clone)]
struct Text(String);

impl Text {
    fn new(text: &str) -> Result<Text, std::convert::Infallible> {
        Ok(Text(text.to_owned()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PropertyArgs {
    /// Returns the options for a client of `brokers`, after checking them with `check`.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if a property is malformed or refused, or if the file can't be read.
    pub fn options(
        &self,
        brokers: &str,
        stop: &Arc<AtomicBool>,
        check: impl Fn(&Options) -> Result<(), Error>,
    ) -> Result<Options, UsageError> {
        let overrides = self.load()?;
        let options = Options { overrides, stop: stop.clone(), ..Options::new(brokers) };
        match check(&options) {
            Ok(()) => Ok(options),
            Err(error) => Err(UsageError(without_secrets(error.to_string(), &options.overrides))),
        }
    }

    /// Loads the properties of the file, followed by those of the command line.
    fn load(&self) -> Result<Vec<(String, String)>, UsageError> {
        let mut properties = match &self.kafka_config {
            None => Vec::new(),
            Some(path) => {
                let text = read(path).map_err(|why| wrong(path, why))?;
                parse_file(&text).map_err(|why| wrong(path, why))?
            }
        };
        for text in &self.given {
            let given = parse(&text.0, str::to_owned).map_err(|why| UsageError(format!("-X: {why}")))?;
            properties.extend(given);
        }
        Ok(properties)
    }
}

fn wrong(path: &Path, why: String) -> UsageError {
    UsageError(format!("--kafka-config {}: {why}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST { Err(format!("it has more than {LARGEST} bytes")) } else { Ok(text) }
}

fn parse_file(text: &str) -> Result<Vec<(String, String)>, String> {
    let properties = parse(text, |value| value.trim().to_owned())?;
    match properties.iter().find(|(key, _)| key == "sasl.jaas.config") {
        None => Ok(properties),
        Some(_) => Err("sasl.jaas.config is for Java's clients; give sasl.username and sasl.password".to_owned()),
    }
}

/// Parses one property from each line. Empty lines and comments are skipped.
fn parse(text: &str, value_of: impl Fn(&str) -> String) -> Result<Vec<(String, String)>, String> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with(['#', '!']));
    let property = |(number, line): (usize, &str)| match line.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value_of(value))),
        // The error does not show the line, because it may contain a password.
        _ => Err(format!("line {} is not KEY=VALUE", number + 1)),
    };
    lines.map(property).collect()
}

/// Removes the values of secret properties from a text, into which librdkafka may have put them.
fn without_secrets(text: String, properties: &[(String, String)]) -> String {
    let is_secret = |key: &str| SECRET.iter().any(|word| key.contains(word));
    let secrets = properties.iter().filter(|(key, value)| is_secret(key) && !value.is_empty());
    secrets.fold(text, |text, (_, value)| text.replace(value, "…"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        properties: PropertyArgs,
    }

    fn load(arguments: &[&str]) -> Result<Vec<(String, String)>, String> {
        let line = Line::parse_from([&["test"], arguments].concat());
        assert!(!format!("{line:?}").contains("hunter2"));
        line.properties.load().map_err(|error| error.to_string())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_are_kept_as_they_are() {
        let given = ["-X", "sasl.password=hunter2 and more = ", "-X", "acks=all"];
        assert_eq!(load(&given), Ok(pairs(&[("sasl.password", "hunter2 and more = "), ("acks", "all")])));
    }

    #[test]
    fn several_are_given_a_line_each() {
        let given = load(&["-X", "sasl.username=me\n\nsasl.password=hunter2 too\r\n"]);
        assert_eq!(given, Ok(pairs(&[("sasl.username", "me"), ("sasl.password", "hunter2 too")])));
    }

    #[test]
    fn a_file_comes_before_what_is_given() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# ours\n ! theirs\n\nsasl.username = me \r\nsasl.password=hunter2=\n").unwrap();
        let given = load(&["--kafka-config", file.path().to_str().unwrap(), "-X", "sasl.username=you"]);
        let expected = [("sasl.username", "me"), ("sasl.password", "hunter2="), ("sasl.username", "you")];
        assert_eq!(given, Ok(pairs(&expected)));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        for (text, message) in [("acks=all\nhunter2", "line 2 is not KEY=VALUE"), ("sasl.jaas.config=hunter2", "Java")]
        {
            std::fs::write(file.path(), text).unwrap();
            let error = load(&["--kafka-config", path]).unwrap_err();
            assert!(error.contains(path) && error.contains(message) && !error.contains("hunter2"), "{error}");
        }
        let error = load(&["-X", "=hunter2"]).unwrap_err();
        assert!(error.starts_with("-X: ") && !error.contains("hunter2"), "{error}");
        assert!(load(&["--kafka-config", "/no/such/file"]).unwrap_err().contains("/no/such/file"));
        let properties = pairs(&[("ssl.key.password", "hunter2"), ("sasl.username", "me")]);
        let told = without_secrets("hunter2 is wrong for me".to_owned(), &properties);
        assert_eq!(told, "… is wrong for me");
    }
}
