//! `skysieve check` as astronomers use it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use skysieve_tests::guest::{GuestField, reading};
use skysieve_tests::{alerts, module, shared, skysieve, text};

/// Runs `check --json`, and returns the exit code and the object.
fn check(filter: &str, config: &str, paths: &[PathBuf]) -> (i32, Value) {
    let mut arguments = vec!["check".into(), module(filter).into_os_string(), "--json".into()];
    if !config.is_empty() {
        arguments.extend(["--config".into(), config.into()]);
    }
    arguments.extend(paths.iter().map(|path| path.clone().into_os_string()));
    let output = skysieve(arguments);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
    (output.status.code().expect("it ended by itself"), report)
}

/// Makes a folder of simulated packets, one in each file, and returns their ids.
fn packets(count: usize) -> (tempfile::TempDir, Vec<i64>) {
    let folder = tempfile::tempdir().unwrap();
    let alerts = alerts(1, count);
    for alert in &alerts {
        std::fs::write(folder.path().join(format!("{}.avro", alert.id)), &alert.bytes).unwrap();
    }
    (folder, alerts.iter().map(|alert| alert.id).collect())
}

fn ids(report: &Value) -> Vec<i64> {
    let ids = report["accepted"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().expect("ids are strings").parse().unwrap()).collect()
}

#[test]
fn without_packets_a_visit_is_simulated() {
    let run = |given: &[&str]| {
        let filter = module("lsst-bright").into_os_string();
        let rest = given.iter().map(|one| (*one).into());
        skysieve(["check".into(), filter, "--json".into()].into_iter().chain(rest))
    };
    let report = |given: &[&str]| -> Value {
        let output = run(given);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let visit = report(&["--simulate", "lsst", "--config", "magnitude = 21"]);
    assert_eq!(visit["alerts"], 1000);
    assert!(!ids(&visit).is_empty(), "{visit}");
    assert_eq!(ids(&visit), ids(&report(&["--simulate", "lsst", "--seed", "1", "--config", "magnitude = 21"])));
    let other = report(&["--simulate", "lsst", "--seed", "2", "--alerts", "300", "--config", "magnitude = 21"]);
    assert_eq!(other["alerts"], 300);
    assert_ne!(ids(&visit), ids(&other));
    for wrong in [&["--simulate", "lsst", "."][..], &["--alerts", "3", "."], &[]] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn the_examples_accept_the_reference_ids() {
    let Some(shared) = shared() else { return };
    let reference: BTreeMap<String, Vec<i64>> =
        serde_json::from_slice(&std::fs::read(shared.join("reference/accepted.json")).unwrap()).unwrap();
    assert_eq!(reference.len(), 7);
    let paths = ["visits", "packets"].map(|folder| shared.join("alerts/ztf").join(folder));
    for (filter, expected) in reference {
        let (code, report) = check(&filter, "", &paths);
        assert_eq!(ids(&report), expected, "{filter}");
        assert_eq!((code, &report["alerts"], &report["consistent"]), (0, &538.into(), &true.into()), "{filter}");
    }
}

#[test]
fn one_filter_reads_lsst_alerts_of_many_versions() {
    let Some(shared) = shared() else { return };
    let (code, report) = check("lsst-bright", "", &[shared.join("alerts/lsst/wire")]);
    assert_eq!((code, &report["alerts"]), (0, &11.into()), "{report}");
    assert_eq!(report["faults"], Value::Array(vec![]));
}

#[test]
fn broken_packets_are_named_and_the_others_judged() {
    let Some(shared) = shared() else { return };
    let paths = ["malformed", "packets"].map(|folder| shared.join("alerts/ztf").join(folder));
    let (code, report) = check("bright", "", &paths);
    let broken = report["undecodable"].as_array().unwrap();
    assert_eq!((code, broken.len(), &report["alerts"]), (1, 8, &39.into()));
    for packet in broken {
        assert!(packet["path"].as_str().unwrap().contains("malformed"), "{packet}");
        assert!(!packet["error"].as_str().unwrap().is_empty());
    }
}

/// A container of a hundred alerts in two blocks. The text of the 51st is not UTF-8.
fn hundred() -> Vec<u8> {
    let schema = br#"{"type": "record", "name": "alert", "fields": [
        {"name": "objectId", "type": "string"}, {"name": "diaSourceId", "type": "long", "default": NaN}]}"#;
    let long = |value: usize| [value << 1 & 0x7f | if value < 64 { 0 } else { 0x80 }, value >> 6];
    let bytes = |value: usize| long(value).map(|byte| byte as u8)[..if value < 64 { 1 } else { 2 }].to_vec();
    let mut file =
        [&b"Obj\x01\x02"[..], &bytes(11), b"avro.schema", &bytes(schema.len()), schema, &[0], &[7; 16]].concat();
    for first in [0, 50] {
        let alert = |id: usize| [&[2, if id == 50 { 0xff } else { b'a' }][..], &bytes(id)].concat();
        let alerts: Vec<u8> = (first..first + 50).flat_map(alert).collect();
        file.extend([bytes(50), bytes(alerts.len()), alerts, vec![7; 16]].concat());
    }
    file
}

#[test]
fn a_bad_alert_does_not_hide_the_others_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("night.avro"), hundred()).unwrap();
    let (code, report) = check("odd", "mode = 'accept'", &[folder.path().into()]);
    let accepted = report["accepted"].as_array().unwrap().len();
    assert_eq!((code, &report["alerts"], accepted), (1, &99.into(), 99), "{report}");
    let told = report["undecodable"].as_array().unwrap();
    assert_eq!(told.len(), 1);
    let error = told[0]["error"].as_str().unwrap();
    assert_eq!(error, "alert 51 of the file: alert, byte 0 of the alert: objectId: it is not UTF-8");
}

#[test]
fn everything_seen_is_accounted_for() {
    let (folder, all) = packets(300);
    let (code, report) = check("odd", "mode = 'annotate'\nevery = 3", &[folder.path().into()]);
    let expected: Vec<i64> = all.iter().copied().filter(|id| id % 3 == 0).collect();
    assert_eq!((code, ids(&report)), (0, expected.clone()));
    assert_eq!(report["rejected"], 300 - expected.len() as u64);
    let visit = &report["visits"][0];
    assert_eq!((&visit["seen"], &visit["accepted"]), (&300.into(), &expected.len().into()));
    assert_eq!(visit["over_quota"], expected.len() as u64 - 20);
    let published: Vec<String> = expected[..20].iter().map(i64::to_string).collect();
    assert_eq!(report["published"], serde_json::json!(published));
    let cost = &report["cost"];
    let fuel = ["median", "p99", "max", "limit"].map(|name| cost["fuel"][name].as_u64().unwrap());
    assert!(0 < fuel[0] && fuel[0] <= fuel[1] && fuel[1] <= fuel[2] && fuel[2] < fuel[3], "{cost}");
    assert_eq!(
        (&cost["alerts"], &cost["accepted"], &cost["sampled"]),
        (&300.into(), &expected.len().into(), &300.into())
    );
    assert!(cost["summary"].as_str().unwrap().ends_with("at 10,000 alerts each 39 s"), "{cost}");
    assert_eq!(report["filter"]["fields"][0]["paths"][0], "diaSourceId");
}

#[test]
fn fuel_is_the_same_for_the_same_alerts_however_they_are_divided() {
    // More than a report keeps.
    let (alerts, folder, reversed) = (alerts(1, 1300), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (at, alert) in alerts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{at:06}.avro")), &alert.bytes).unwrap();
        std::fs::write(reversed.path().join(format!("{:06}.avro", alerts.len() - at)), &alert.bytes).unwrap();
    }
    let fuel = |folder: &Path, jobs: &str| {
        let filter = module("odd").into_os_string();
        let rest = ["--json", "--jobs", jobs, "--config", "mode = 'uneven'"].map(Into::into);
        let output = skysieve([vec!["check".into(), filter, folder.into()], rest.to_vec()].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["cost"]["alerts"], &report["cost"]["sampled"]), (&1300.into(), &1000.into()));
        report["cost"]["fuel"].clone()
    };
    let expected = fuel(folder.path(), "1");
    assert!(expected["median"].as_u64() < expected["max"].as_u64(), "{expected}");
    assert_eq!(fuel(folder.path(), "7"), expected);
    assert_eq!(fuel(reversed.path(), "2"), expected);
}

#[test]
fn a_filter_that_remembers_is_caught() {
    let (folder, _) = packets(40);
    let (code, report) = check("odd", "mode = 'remember'", &[folder.path().into()]);
    assert_eq!((code, &report["consistent"]), (1, &false.into()));
}

#[test]
fn uneven_costs_change_no_verdict() {
    let (folder, all) = packets(300);
    let (code, report) = check("odd", "mode = 'uneven'", &[folder.path().into()]);
    assert_eq!((code, ids(&report).len(), &report["consistent"]), (0, all.len(), &true.into()));
}

#[test]
fn only_the_culprits_fault() {
    let (folder, all) = packets(300);
    for (mode, kind) in [("panic", "trap"), ("spin", "fuel"), ("hoard", "memory"), ("error", "error")] {
        let (code, report) = check("odd", &format!("mode = '{mode}'\nevery = 50"), &[folder.path().into()]);
        let mut faulted: Vec<i64> = Vec::new();
        for fault in report["faults"].as_array().unwrap() {
            assert_eq!(fault["kind"], kind, "{mode}: {fault}");
            faulted.push(fault["id"].as_str().unwrap().parse().unwrap());
        }
        faulted.sort_unstable();
        let expected: Vec<i64> = all.iter().copied().filter(|id| id % 50 == 0).collect();
        assert_eq!((code, faulted), (1, expected), "{mode}");
        assert_eq!(report["rejected"], 300 - report["faults"].as_array().unwrap().len() as u64, "{mode}");
    }
}

#[test]
fn gzip_and_threads_make_no_difference() {
    let (folder, all) = packets(200);
    let gzipped = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let target = gzipped.path().join(path.file_name().unwrap()).with_extension("avro.gz");
        let gzip = std::process::Command::new("gzip").arg("-c").arg(&path).output().unwrap();
        // The file is padded with zeros, as on tapes and in some archives.
        std::fs::write(target, [gzip.stdout, vec![0; 4]].concat()).unwrap();
    }
    for jobs in ["1", "3"] {
        let output = skysieve([
            "check".as_ref(),
            module("odd").as_os_str(),
            "--config=mode = 'accept'".as_ref(),
            "--json".as_ref(),
            "--jobs".as_ref(),
            jobs.as_ref(),
            gzipped.path().as_os_str(),
        ]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(ids(&report), all);
    }
}

#[test]
fn a_path_that_the_alerts_lack_is_told_with_its_neighbours() {
    let (folder, _) = packets(3);
    let (code, report) = check("bright", "", &[folder.path().into()]);
    let faults = report["faults"].as_array().unwrap();
    assert_eq!((code, faults.len()), (1, 3));
    assert_eq!(faults[0]["kind"], "field");
    let message = faults[0]["message"].as_str().unwrap();
    assert!(message.contains("candidate.magpsf") && message.contains("lsst.v11_1.alert"), "{message}");
}

#[test]
fn wrong_usage_says_what_to_do() {
    let run = |arguments: &[&Path]| {
        let output = skysieve(std::iter::once(Path::new("check")).chain(arguments.iter().copied()));
        (output.status.code(), text(&output.stderr))
    };
    let (empty, odd) = (tempfile::tempdir().unwrap(), module("odd"));
    let (code, error) = run(&[&odd]);
    assert_eq!(code, Some(2));
    assert!(error.contains("PATH"), "{error}");
    let (code, error) = run(&[&odd, empty.path()]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no packets"), "{error}");
    let (code, error) = run(&["nowhere.wasm".as_ref(), empty.path()]);
    assert_eq!(code, Some(2), "{error}");
    let (folder, _) = packets(1);
    let (code, error) = run(&[&odd, "--config=mood = 'x'".as_ref(), folder.path()]);
    assert_eq!(code, Some(1));
    assert!(error.contains("mood") && error.contains("odd.wasm"), "{error}");
}

/// Runs `check` on a guest with these fields, and returns the exit code, the object and what was printed on stderr.
fn check_guest(fields: &[GuestField<'_>], arguments: &[&str], paths: &Path) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest.wasm");
    std::fs::write(&file, reading(fields)).unwrap();
    let first = ["check".as_ref(), file.as_os_str(), paths.as_os_str(), "--json".as_ref()];
    let output = skysieve(first.into_iter().chain(arguments.iter().map(|argument| argument.as_ref())));
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), report, text(&output.stderr))
}

const ID: GuestField<'static> = ("diaSourceId", "long", false);

#[test]
fn a_misspelt_optional_path_is_a_warning_and_fails_if_strict() {
    let (folder, all) = packets(3);
    let fields = [ID, ("diaSource.reliabilty", "double", true), ("diaSource.notYet diaSource.snr", "double", true)];
    let (code, report, _) = check_guest(&fields, &[], folder.path());
    assert_eq!((code, ids(&report)), (0, all));
    let warnings = report["warnings"].as_array().unwrap();
    let warning = warnings[0].as_str().unwrap();
    let wanted = "diaSource.reliabilty is in none of the schemas seen; nearest: diaSource.reliability,";
    assert!(warnings.len() == 1 && warning.starts_with(wanted), "{report}");
    let (code, report, error) = check_guest(&fields, &["--strict"], folder.path());
    assert_eq!((code, report["warnings"].as_array().unwrap().len()), (1, 1));
    assert!(error.contains("--strict: there is a warning"), "{error}");
    let (code, report, _) = check_guest(&[ID], &["--strict"], folder.path());
    assert_eq!((code, &report["warnings"]), (0, &Value::Array(vec![])));
}

#[test]
fn a_filter_of_another_survey_is_told_that_it_reads_nothing() {
    let (folder, _) = packets(3);
    let fields = [("candidate.magpsf", "float", true), ("prv_candidates[].jd", "double", true)];
    let (code, report, _) = check_guest(&fields, &[], folder.path());
    assert_eq!((code, &report["warnings"].as_array().unwrap().len()), (0, &1));
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("reads nothing that this stream's schemas have (lsst.v11_1.alert)"), "{warning}");
}

#[test]
fn an_optional_field_of_a_kind_that_does_not_promote_is_refused() {
    let (folder, _) = packets(3);
    let cases = [
        ("diaSource.ra", "float", "diaSource.ra of lsst.v11_1.alert is double, which does not promote to float"),
        ("diaSourceId", "int", "diaSourceId of lsst.v11_1.alert is long, which does not promote to int"),
        ("prvDiaSources.psfFlux", "double", "prvDiaSources is an array: write \"[]\" behind it"),
        ("diaSource", "any", "diaSource is a record: name one of its fields"),
    ];
    for (path, kind, wanted) in cases {
        let (code, report, _) = check_guest(&[ID, (path, kind, true)], &[], folder.path());
        assert_eq!((code, report["accepted"].as_array().unwrap().len()), (1, 0), "{report}");
        assert!(report["refused"].as_str().unwrap().contains(wanted), "{report}");
        let group = &report["fault_groups"][0];
        assert_eq!((&group["kind"], &group["count"]), (&"field".into(), &3.into()));
        assert!(group["message"].as_str().unwrap().contains(wanted), "{group}");
    }
}

#[test]
fn annotations_logs_and_files_are_shown() {
    let (folder, all) = packets(30);
    let (_, report) = check("odd", "mode = 'annotate'", &[folder.path().into()]);
    let accepted = report["accepted_alerts"].as_array().unwrap();
    assert_eq!(accepted.len(), all.len());
    for (alert, id) in accepted.iter().zip(&all) {
        let id = id.to_string();
        assert_eq!(alert["id"], *id);
        assert!(alert["path"].as_str().unwrap().ends_with(&format!("{id}.avro")), "{alert}");
        assert_eq!(alert["annotations"], serde_json::json!([{"name": "id", "value": id}]));
    }
    assert_eq!((report["logs"].as_array().unwrap().len(), &report["more_logs"]), (30, &0.into()));
    assert_eq!(report["logs"][0]["message"], format!("met {}", all[0]));

    let printed = printed(&["--config=mode = 'annotate'"], folder.path());
    let first = format!("alert {} in {}/{0}.avro id={0}", all[0], folder.path().display());
    for wanted in [&*first, "… and 20 more", "logs         30", &format!("30 × info: met {}", all[0])] {
        assert!(printed.contains(wanted), "{wanted}: {printed}");
    }
}

/// What `check` prints for people about the filter `odd`.
fn printed(arguments: &[&str], path: &Path) -> String {
    let odd = module("odd");
    let first = ["check".as_ref(), odd.as_os_str(), path.as_os_str()];
    text(&skysieve(first.into_iter().chain(arguments.iter().map(|argument| argument.as_ref()))).stdout)
}

#[test]
fn the_same_fault_is_told_once() {
    let (folder, all) = packets(40);
    let culprits: Vec<_> = all.iter().filter(|id| *id % 2 == 0).collect();
    let config = "mode = 'panic'\nevery = 2";
    let (_, report) = check("odd", config, &[folder.path().into()]);
    let groups = report["fault_groups"].as_array().unwrap();
    assert_eq!((groups.len(), &groups[0]["count"]), (1, &culprits.len().into()));
    assert_eq!(groups[0]["alerts"][0]["id"], culprits[0].to_string());
    assert_eq!(report["faults"].as_array().unwrap().len(), culprits.len());
    let printed = printed(&["--config", config], folder.path());
    // It occurs once as a fault, and once as a message of the filter.
    assert_eq!(printed.matches("is not to my taste").count(), 2, "{printed}");
    assert!(printed.contains(&format!("{} × trap: ", culprits.len())), "{printed}");
    assert!(printed.contains(&format!("alert {} in {}", culprits[0], folder.path().display())), "{printed}");
}

#[test]
fn a_filter_that_remembers_is_told_of_hash_maps() {
    let (folder, _) = packets(40);
    let printed = printed(&["--config=mode = 'remember'"], folder.path());
    assert!(printed.contains("or iterates over a HashMap: use a BTreeMap"), "{printed}");
}

#[test]
fn a_packet_in_a_file_of_many_is_told_with_its_place() {
    let schema = br#"{"type": "record", "name": "r", "fields": [{"name": "s", "type": "string"}]}"#;
    let sync = [7; 16];
    let mut file = b"Obj\x01\x02\x16avro.schema".to_vec();
    file.extend([(schema.len() * 2 % 128 + 128) as u8, (schema.len() * 2 / 128) as u8]);
    file.extend(schema);
    file.push(0);
    file.extend(sync);
    // Three texts of one byte each, of which the second is not UTF-8.
    file.extend([6, 12, 2, b'a', 2, 0xff, 2, b'c']);
    file.extend(sync);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("many.avro"), file).unwrap();
    let (code, report, _) = check_guest(&[("s", "text", true)], &[], folder.path());
    let broken = report["undecodable"].as_array().unwrap();
    assert_eq!((code, broken.len(), &broken[0]["alert"]), (1, 1, &2.into()), "{report}");
    assert!(broken[0]["error"].as_str().unwrap().contains("UTF-8"), "{report}");
}

#[test]
fn a_config_file_is_either_the_config_or_a_hosts_settings() {
    let (folder, all) = packets(30);
    let files = tempfile::tempdir().unwrap();
    let run = |content: &str| {
        let file = files.path().join("odd.toml");
        std::fs::write(&file, content).unwrap();
        let odd = module("odd");
        let output = skysieve([
            "check".as_ref(),
            odd.as_os_str(),
            folder.path().as_os_str(),
            "--json".as_ref(),
            "--config-file".as_ref(),
            file.as_os_str(),
        ]);
        let report = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), report, text(&output.stderr))
    };
    let (code, report, _) = run("mode = 'accept'");
    assert_eq!((code, ids(&report).len(), &report["visits"][0]["over_quota"]), (0, all.len(), &10.into()));
    assert!(report["filter"]["config"].as_str().unwrap().ends_with("odd.toml, as it is"), "{report}");
    for config in ["[config]\nmode = 'accept'", "config = \"\"\"\nmode = 'accept'\n\"\"\""] {
        // A table has to be the last item of a file, but a text does not.
        let settings = format!("quota = 7\nlimits.fuel = 20_000_000\n{config}");
        let (code, report, error) = run(&settings);
        assert_eq!(code, 0, "{error}");
        assert_eq!((ids(&report).len(), &report["visits"][0]["over_quota"]), (all.len(), &(all.len() - 7).into()));
        assert_eq!(report["cost"]["fuel"]["limit"], 20_000_000);
        assert!(report["filter"]["config"].as_str().unwrap().contains("odd.toml, read as hosts read"), "{report}");
    }
    // Files have no topic.
    let (code, report, error) = run("topics = ['ztf', 'lsst']\nquota = 7\n[config]\nmode = 'accept'");
    assert_eq!((code, ids(&report).len()), (0, all.len()), "{error}");
    assert!(error.contains("`topics` (ztf, lsst) is not applied"), "{error}");
    for (content, wanted) in [
        ("qouta = 7\n[config]\nmode = 'accept'", "qouta"),
        ("[limits]\nfule = 7", "fule"),
        ("[limits]\ndeadline_ms = 0\n[config]\nmode = 'accept'", "deadline_ms is 0"),
        ("quota = 0\n[config]\nmode = 'accept'", "quota is 0"),
        ("[limits]\nmemory = 0\n[config]\nmode = 'accept'", "memory is 0"),
        (
            "[limits]\nmemory = 99_999_999\n[config]\nmode = 'accept'",
            "memory limit of 99999999 bytes is above the 67108864",
        ),
    ] {
        let (code, _, error) = run(content);
        assert!(code == 1 && error.contains(wanted), "{content}: {error}");
    }
    let (code, _, error) = run(&format!("mode = 'accept' # {}", "x".repeat(1 << 20)));
    assert!(code == 1 && error.contains("the limit is 1048576"), "{error}");
}

#[test]
fn limits_of_nothing_are_wrong_usage() {
    let (folder, _) = packets(1);
    for flag in ["--deadline=0", "--fuel=0", "--memory=0", "--quota=0", "--jobs=0"] {
        let odd = module("odd");
        let output = skysieve(["check".as_ref(), odd.as_os_str(), folder.path().as_os_str(), flag.as_ref()]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag}: {error}");
        assert!(error.contains(&flag[..flag.len() - 2]) && error.contains("0 is not in 1.."), "{error}");
        let output =
            skysieve(["host", "--brokers", "nowhere:1", "--topic", "alerts", &flag.replace("jobs", "threads")]);
        assert_eq!(output.status.code(), Some(2), "{flag}: {}", text(&output.stderr));
    }
}

#[test]
fn a_file_that_is_no_component_is_told_in_a_line() {
    let (folder, _) = packets(1);
    let files = tempfile::tempdir().unwrap();
    for (content, wanted) in [
        (&b"# notes\n"[..], "this is not a WebAssembly module: it begins with \"# notes\\n\""),
        (b"", "this is not a WebAssembly module: it is empty"),
        (b"\0asm\x01\0\0\0", "this is a core module, not a component: build it with `skysieve build`"),
        (b"\0asm\x0d\0\x01\0\x01", "the module is not valid, at offset "),
    ] {
        let file = files.path().join("mine.wasm");
        std::fs::write(&file, content).unwrap();
        let output = skysieve(["check".as_ref(), file.as_os_str(), folder.path().as_os_str()]);
        let error = text(&output.stderr);
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.contains("mine.wasm is refused: ") && error.contains(wanted), "{error}");
    }
}
