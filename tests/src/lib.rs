//! What the end-to-end tests share: the binary, the modules of the examples, packets.

pub mod avro;
pub mod bombs;
pub mod guest;
pub mod host;
pub mod kafka;
pub mod memory_hosts;
pub mod pipeline;
pub mod registry;
pub mod setup;
pub mod villain;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

pub use skysieve_needs::alerts as shared;
use skysieve_needs::{Need, skip};
use skysieve_simulate::{Config, SimulatedAlert, Simulator, Survey};

/// How long a test waits for something: a machine may have few cores and much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// The folder with the modules of examples and test guests.
pub fn modules() -> PathBuf {
    let folder = root().join("target/filters");
    assert!(folder.is_dir(), "{} is missing: `make filters` builds it", folder.display());
    folder
}

/// The path of a module.
pub fn module(name: &str) -> PathBuf {
    let path = modules().join(name).with_extension("wasm");
    assert!(path.is_file(), "{} is missing: `make filters` builds it", path.display());
    path
}

/// The binary that was built along with this test, or the one that `SKYSIEVE_TEST_PROGRAM` names.
pub fn binary() -> PathBuf {
    if let Some(program) = std::env::var_os("SKYSIEVE_TEST_PROGRAM") {
        return root().join(program);
    }
    let test = std::env::current_exe().expect("a test has a path");
    let path = test.ancestors().nth(2).expect("tests are in a folder of the target directory").join("skysieve");
    assert!(path.is_file(), "{} is missing: `cargo build -p skysieve` builds it", path.display());
    path
}

/// Runs the binary until it ends.
#[track_caller]
pub fn skysieve<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    output(Command::new(binary()).args(arguments).env("RUST_LOG", "warn"))
}

/// What `skysieve check` says of these alerts, with a module and a config.
#[track_caller]
pub fn check_offline(name: &str, config: &str, alerts: &[SimulatedAlert]) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("there is room");
    for (at, alert) in alerts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{at:06}.avro")), &alert.bytes).expect("there is room");
    }
    let (module, folder) = (module(name), folder.path());
    let arguments = ["check".as_ref(), "--json".as_ref(), "--config".as_ref(), config.as_ref()];
    let output = skysieve(arguments.into_iter().chain([module.as_os_str(), folder.as_os_str()]));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// Runs a program until it ends, and returns what it printed. One that does not end in time is killed, and the test fails
/// with what it printed; otherwise the test would wait until somebody kills it, and nobody would know why.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let process = process.expect("the program starts");
    let id = process.id().to_string();
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(process.wait_with_output()));
    let in_time = ended.recv_timeout(PATIENCE);
    if in_time.is_err() {
        let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
    }
    let output = in_time.or_else(|_| ended.recv()).expect("the thread waits").expect("the program can be waited for");
    if output.status.signal() == Some(9) {
        let Output { stdout, stderr, .. } = &output;
        panic!("{command:?} did not end in {PATIENCE:?}; it printed {:?} and {:?}", text(stdout), text(stderr));
    }
    output
}

/// Waits for a program that is about to end.
#[track_caller]
pub fn await_end(process: &mut Child) -> ExitStatus {
    kafka::wait_for("the program to end", || process.try_wait().expect("it can be waited for").is_some());
    process.wait().expect("it has ended")
}

/// Runs a script of `scripts/` until it ends.
///
/// # Errors
/// Returns an error if it can't be started.
pub fn run_script(name: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(root().join("scripts").join(name)).args(arguments).output()
}

/// Runs a script of `scripts/`, which must succeed.
pub fn script(name: &str, arguments: &[&str]) -> Output {
    let output = run_script(name, arguments).expect("bash runs");
    assert!(output.status.success(), "scripts/{name} {arguments:?}: {}", text(&output.stderr));
    output
}

/// The text that a program printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Simulated LSST alerts of one or more visits, without cutouts.
pub fn alerts(visits: usize, alerts_per_visit: usize) -> Vec<SimulatedAlert> {
    let mut lsst = Simulator::new(Survey::Lsst, Config { stamps: false, ..Config::default() });
    (0..visits).flat_map(|_| lsst.visit(alerts_per_visit)).collect()
}

/// The Python of `scripts/python-env`, which is created if needed. If the variable `SKYSIEVE_NO_PYTHON` is set, says so
/// and returns `None`.
pub fn python() -> Option<PathBuf> {
    if std::env::var_os("SKYSIEVE_NO_PYTHON").is_some() {
        skip(Need::Python, "SKYSIEVE_NO_PYTHON is set");
        return None;
    }
    Some(PathBuf::from(text(&script("python-env", &[]).stdout).trim()))
}

/// The folder with the modules that run filters given as text. They are built if needed, and compiled once for all tests. If
/// the variable `SKYSIEVE_NO_PYTHON` is set, says so and returns `None`.
pub fn runners() -> Option<PathBuf> {
    static COMPILED: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    python()?;
    script("runners", &[]);
    let folder = root().join("target/runners");
    COMPILED.get_or_init(|| {
        let first = root().join("examples/python/bright.py");
        let output = check_text(&folder, &first, ["--simulate", "ztf", "--alerts", "1"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    });
    Some(folder)
}

/// Runs `skysieve check --json` with a filter that is given as text, and further arguments.
pub fn check_text<I: AsRef<std::ffi::OsStr>>(runners: &Path, file: &Path, more: impl IntoIterator<Item = I>) -> Output {
    let mut command = Command::new(binary());
    command.arg("check").arg(file).arg("--json").arg("--runners").arg(runners).args(more);
    // The machine code is kept there.
    output(command.env("RUST_LOG", "warn").env("XDG_CACHE_HOME", root().join("target/tests-cache")))
}
