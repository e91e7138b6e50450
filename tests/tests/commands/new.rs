//! `skysieve new`, `build` and `check` one after the other, as a filter's author begins.

use std::path::Path;
use std::process::{Command, Output};

use skysieve_tests::{alerts, binary, skysieve, text};

fn cargo_test(project: &Path) {
    let output = Command::new(env!("CARGO")).arg("test").current_dir(project).output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.lines().any(|line| line.starts_with("test ") && line.ends_with("... ok")), "{said}");
}

/// Runs `skysieve build`, with the dependencies that earlier runs of the tests have compiled.
fn build(project: &Path) -> Output {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let mut command = Command::new(binary());
    let output = command.arg("build").arg(project).env("XDG_CACHE_HOME", cache).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

#[test]
fn a_second_project_of_the_same_name_is_compiled_with_the_dependencies_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let project = |parent: &str, description: &str| {
        let project = folder.path().join(parent).join("same");
        std::fs::create_dir_all(project.parent().unwrap()).unwrap();
        let output = skysieve(["new".as_ref(), project.as_os_str()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let source = project.join("src/lib.rs");
        let filter = std::fs::read_to_string(&source).unwrap();
        std::fs::write(source, filter.replace("LSST: a bright source that was not seen before", description)).unwrap();
        project
    };
    let (first, second) = (project("first", "the first one"), project("second", "the second one"));
    build(&first);
    let output = build(&second);
    let said = text(&output.stderr);
    assert!(said.contains("Compiling same") && !said.contains("Compiling serde"), "{said}");
    for (project, description) in [(first, "the first one"), (second, "the second one")] {
        let module = std::fs::read(project.join("target/filters/same.wasm")).unwrap();
        assert!(module.windows(description.len()).any(|window| window == description.as_bytes()), "{description}");
    }
}

#[test]
fn a_new_project_builds_passes_its_test_and_judges_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("my-filter");
    let output = skysieve(["new".as_ref(), project.as_os_str(), "--survey".as_ref(), "lsst".as_ref()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    cargo_test(&project);

    let output = build(&project);
    let module = project.join("target/filters/my-filter.wasm");
    assert!(module.is_file(), "{}{}", text(&output.stdout), text(&output.stderr));

    let packets = folder.path().join("packets");
    std::fs::create_dir(&packets).unwrap();
    for alert in alerts(1, 50) {
        std::fs::write(packets.join(format!("{}.avro", alert.id)), alert.bytes).unwrap();
    }
    let config = ["--config", "magnitude = 20.0"].map(std::ffi::OsStr::new);
    let arguments = ["check".as_ref(), module.as_os_str(), "--json".as_ref(), packets.as_os_str()];
    let output = skysieve(arguments.into_iter().chain(config));
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    assert_eq!((output.status.code(), &report["alerts"]), (Some(0), &50.into()), "{report}");

    let settings = project.join("my-filter.toml");
    let output = skysieve(arguments.into_iter().chain(["--config-file".as_ref(), settings.as_os_str()]));
    assert_eq!(output.status.code(), Some(0), "the file that `new` writes is understood: {}", text(&output.stderr));

    let again = skysieve(["new".as_ref(), project.as_os_str()]);
    assert!(!again.status.success());
    assert!(text(&again.stderr).contains("my-filter"), "{}", text(&again.stderr));
}
