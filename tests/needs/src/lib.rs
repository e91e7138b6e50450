//! What tests need that not every machine has, and how tests without it are handled.
//!
//! A test that lacks something is skipped: it says so, and adds a line to the file that `SKYSIEVE_SKIPPED` names, so
//! that a run can report at its end how many tests were skipped and why. If `SKYSIEVE_REQUIRE` names the need
//! (`kafka,python,alerts`), the test fails instead. `make test` sets both variables.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The variable with the address of the brokers that tests share. `make test` starts a broker and sets it.
pub const KAFKA: &str = "SKYSIEVE_TEST_KAFKA";
/// The variable with the needs whose absence is a failure, separated by commas.
pub const REQUIRE: &str = "SKYSIEVE_REQUIRE";
/// The variable with the name of the file that gets a line for each skipped test.
pub const SKIPPED: &str = "SKYSIEVE_SKIPPED";

/// Something that a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Apache Kafka at the address in [`KAFKA`].
    Kafka,
    /// A Python for which packages can be installed.
    Python,
    /// The folder of real packets and reference verdicts.
    Alerts,
    /// The program kcat.
    Kcat,
}

impl Need {
    /// The name of the need in [`REQUIRE`].
    pub fn name(self) -> &'static str {
        match self {
            Need::Kafka => "kafka",
            Need::Python => "python",
            Need::Alerts => "alerts",
            Need::Kcat => "kcat",
        }
    }
}

/// Reports that the running test is skipped because `need` is missing; `why` says how to get it.
///
/// # Panics
/// Panics if [`REQUIRE`] names the need, so that the test fails.
pub fn skip(need: Need, why: &str) {
    let required = std::env::var(REQUIRE).unwrap_or_default();
    assert!(!names(&required, need), "{REQUIRE} names {:?}, but {why}", need.name());
    let line = skipped_line(need, why);
    eprintln!("{line}");
    if let Some(file) = std::env::var_os(SKIPPED) {
        // The line is written at once, so that lines of concurrent tests do not mix.
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&file)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", Path::new(&file).display()));
    }
}

fn names(required: &str, need: Need) -> bool {
    required.split(',').any(|name| name.trim() == need.name())
}

/// The line for a skipped test. The name of the test is that of its thread.
fn skipped_line(need: Need, why: &str) -> String {
    let thread = std::thread::current();
    format!("skipped: {} needs {}: {why}", thread.name().unwrap_or("a test"), need.name())
}

/// The addresses of the shared brokers; `None` if the test has to be skipped.
pub fn kafka() -> Option<String> {
    let brokers = std::env::var(KAFKA).ok().filter(|brokers| !brokers.is_empty());
    if brokers.is_none() {
        skip(Need::Kafka, &format!("`make test` starts one; elsewhere set {KAFKA} to its address"));
    }
    brokers
}

/// The folder of real packets and reference verdicts (`SKYSIEVE_SHARED` or, failing that, `shared` beside the
/// repository); `None` if the test has to be skipped.
pub fn alerts() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let folder = std::env::var_os("SKYSIEVE_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.join("alerts").is_dir() {
        return Some(folder);
    }
    skip(Need::Alerts, &format!("there are no real packets in {}", folder.join("alerts").display()));
    None
}

#[cfg(test)]
mod tests {
    use super::{Need, names, skipped_line};

    #[test]
    fn a_list_names_needs() {
        assert!(names("kafka,python", Need::Kafka));
        assert!(names("kafka, python", Need::Python));
        assert!(!names("kafka", Need::Kcat));
        assert!(!names("", Need::Alerts));
    }

    #[test]
    fn a_line_names_the_test() {
        let line = skipped_line(Need::Kcat, "install it");
        assert_eq!(line, "skipped: tests::a_line_names_the_test needs kcat: install it");
    }
}
