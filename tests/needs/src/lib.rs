//! What tests need that not every machine has, and what became of those that could not run.
//!
//! A test that lacks something is skipped: it says so, and a line of it goes into the file that `SKYSIEVE_SKIPPED` names, so
//! that the run can tell at its end how many were skipped and why. Where `SKYSIEVE_REQUIRE` names the need
//! (`kafka,python,alerts`), the test fails instead. `make test` sets both.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The variable that says where the brokers are that tests share. `make test` starts one and sets it.
pub const KAFKA: &str = "SKYSIEVE_TEST_KAFKA";
/// The variable with the needs whose absence is a failure, separated by commas.
pub const REQUIRE: &str = "SKYSIEVE_REQUIRE";
/// The variable with the file that gets a line for each skipped test.
pub const SKIPPED: &str = "SKYSIEVE_SKIPPED";

/// Something that a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Apache Kafka at the address in [`KAFKA`].
    Kafka,
    /// A Python that packages can be installed for.
    Python,
    /// The folder of real packets and reference verdicts.
    Alerts,
    /// The program kcat.
    Kcat,
}

impl Need {
    /// Its name in [`REQUIRE`].
    pub fn name(self) -> &'static str {
        match self {
            Need::Kafka => "kafka",
            Need::Python => "python",
            Need::Alerts => "alerts",
            Need::Kcat => "kcat",
        }
    }
}

/// Says that the running test is skipped because `need` is missing; `why` says how to get it.
///
/// # Panics
/// When [`REQUIRE`] names the need: then the test has failed.
pub fn skip(need: Need, why: &str) {
    let required = std::env::var(REQUIRE).unwrap_or_default();
    assert!(!names(&required, need), "{REQUIRE} names {:?}, but {why}", need.name());
    let line = skipped_line(need, why);
    eprintln!("{line}");
    if let Some(file) = std::env::var_os(SKIPPED) {
        // One write, so that lines of tests that run at once do not mix.
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

/// The test's thread has the test's name.
fn skipped_line(need: Need, why: &str) -> String {
    let thread = std::thread::current();
    format!("skipped: {} needs {}: {why}", thread.name().unwrap_or("a test"), need.name())
}

/// The shared brokers' addresses, or the test is skipped.
pub fn kafka() -> Option<String> {
    let brokers = std::env::var(KAFKA).ok().filter(|brokers| !brokers.is_empty());
    if brokers.is_none() {
        skip(Need::Kafka, &format!("`make test` starts one; elsewhere set {KAFKA} to its address"));
    }
    brokers
}

/// The folder of real packets and reference verdicts (`SKYSIEVE_SHARED`, else `shared` beside the repository), or the test is
/// skipped.
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
