//! What a filter's author is told at upload about fields that the stream's alerts lack or have in another kind, and
//! about settings that no host accepts.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use skysieve::filters::{Control, Counts, FilterError, Settings, Status, Upload};
use skysieve::pipeline::{Handle, MemorySink, MemorySource, Pipeline, Record};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_tests::alerts;
use skysieve_tests::guest::{GuestField, reading};
use skysieve_tests::kafka::wait_for;
use skysieve_tests::pipeline::{config, odd};

const ID: GuestField<'static> = ("diaSourceId", "long", false);

fn upload(fields: &[GuestField<'_>]) -> Upload {
    Upload { module: reading(fields), ..Upload::default() }
}

/// Sends a few LSST alerts through filters that were added before the first of them.
fn run(filters: &[(&str, Upload)]) -> (Vec<Record>, Handle) {
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    let (mut pipeline, handle) = Pipeline::new(config(), engine, Arc::new(Schemas::builtin())).unwrap();
    pipeline.add(filters.iter().map(|(name, upload)| handle.prepare(name, upload.clone()).unwrap()).collect()).unwrap();
    let (source, sender) = MemorySource::new("alerts");
    alerts(1, 10).into_iter().for_each(|alert| sender.send(alert.bytes.into()).unwrap());
    drop(sender);
    let sink = MemorySink::default();
    pipeline.run(source, [sink.clone()], &AtomicBool::new(false)).unwrap();
    (sink.records(), handle)
}

/// Returns the filter's status once it has a warning.
fn warned(handle: &Handle, name: &str) -> Status {
    wait_for("a warning", || !handle.get(name).unwrap().warnings.is_empty());
    handle.get(name).unwrap()
}

fn refused(handle: &Handle, upload: Upload) -> String {
    match handle.prepare("new", upload) {
        Err(FilterError::Refused(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn filters_from_before_the_first_alert_are_told_once_it_has_come() {
    let misspelt = upload(&[ID, ("diaSource.reliabilty", "double", true)]);
    let fine =
        upload(&[ID, ("diaSource.reliability", "double", true), ("diaSource.notYet diaSource.ra", "double", true)]);
    let (_, handle) = run(&[("misspelt", misspelt), ("fine", fine)]);
    let status = warned(&handle, "misspelt");
    assert_eq!(status.warnings.len(), 1, "{:?}", status.warnings);
    let warning = &status.warnings[0];
    assert!(
        warning.starts_with("diaSource.reliabilty is in none of the schemas seen; nearest: diaSource.reliability,"),
        "{warning}"
    );
    assert_eq!(handle.get("fine").unwrap().warnings, Vec::<String>::new());
}

#[test]
fn an_upload_is_told_and_a_strict_one_is_refused() {
    let (_, handle) = run(&[("first", upload(&[ID]))]);
    warned_at_upload(
        &handle,
        upload(&[ID, ("diaSource.reliabilty", "double", true)]),
        "nearest: diaSource.reliability",
    );
    warned_at_upload(
        &handle,
        upload(&[ID, ("prvDiaSuorces[].psfFlux", "double", true)]),
        "nearest: prvDiaSources[].psfFlux",
    );
    // It reads ZTF's fields, all of which are optional or histories, so it would accept every alert of LSST.
    let other = upload(&[("candidate.magpsf", "float", true), ("prv_candidates[].jd", "double", true)]);
    warned_at_upload(&handle, other, "the filter reads nothing that this stream's schemas have (lsst.v11_1.alert)");
}

fn warned_at_upload(handle: &Handle, upload: Upload, wanted: &str) {
    let prepared = handle.prepare("new", upload.clone()).unwrap();
    let warnings = prepared.entry.status().warnings;
    assert!(matches!(&warnings[..], [only] if only.contains(wanted)), "{wanted}: {warnings:?}");
    let reason = refused(handle, Upload { strict: true, ..upload });
    assert!(reason.starts_with("strict: ") && reason.contains(wanted), "{reason}");
}

#[test]
fn an_optional_field_of_a_kind_that_does_not_promote_refuses_the_upload() {
    let (_, handle) = run(&[("first", upload(&[ID]))]);
    let cases = [
        (
            ("diaSource.ra", "float", true),
            "diaSource.ra of lsst.v11_1.alert is double, which does not promote to float",
        ),
        (("diaSourceId", "int", true), "diaSourceId of lsst.v11_1.alert is long, which does not promote to int"),
        (
            ("diaSource.band", "double", true),
            "diaSource.band of lsst.v11_1.alert is text, which does not promote to double",
        ),
        (("diaSource", "any", true), "diaSource is a record: name one of its fields"),
        (("prvDiaSources.psfFlux", "double", true), "prvDiaSources is an array: write \"[]\" behind it"),
        (("diaSource[].psfFlux", "double", true), "diaSource is a record, not an array: leave out the \"[]\""),
        // The first alternative that the schema has decides.
        (("nowhere diaSource.band diaSource.psfFlux", "double", true), "diaSource.band of lsst.v11_1.alert is text"),
    ];
    for (field, wanted) in cases {
        let reason = refused(&handle, upload(&[ID, field]));
        assert!(reason.starts_with("the stream's alerts: ") && reason.contains(wanted), "{reason}");
    }
}

#[test]
fn alerts_with_a_field_of_another_kind_are_faults_and_no_nulls() {
    let (records, handle) = run(&[("early", upload(&[ID, ("diaSource.ra", "float", true)]))]);
    let Counts { seen, faulted, .. } = handle.get("early").unwrap().counts;
    assert_eq!((seen, faulted), (10, 10));
    let wanted = "diaSource.ra of lsst.v11_1.alert is double, which does not promote to float";
    let letter = records.iter().find(|record| &*record.topic == "dead").unwrap();
    let reason = letter.headers.iter().find(|header| header.name == "skysieve-reason").unwrap();
    assert_eq!(String::from_utf8_lossy(&reason.value), wanted);
    let warnings = warned(&handle, "early").warnings;
    assert!(warnings[0].starts_with(wanted), "{warnings:?}");
}

#[test]
fn what_check_refuses_hosts_refuse_with_the_same_words() {
    let (_, handle) = run(&[("first", upload(&[ID]))]);
    let with = |settings: &str| Upload { settings: Settings::from_toml(settings).unwrap(), ..upload(&[ID]) };
    let long = format!("config = '{}'", "x".repeat((1 << 20) + 1));
    let cases = [
        (with("quota = 0"), "quota is 0: "),
        (with("limits.fuel = 0"), "fuel is 0: "),
        (with("limits.memory = 0"), "memory is 0: "),
        (with("limits.deadline_ms = 0"), "deadline_ms is 0: "),
        // Who uploads is told about the host's ceiling, which `check` does not know.
        (with("limits.memory = 99_999_999"), "memory is 99999999; an upload to this host may ask for 67108864 at most"),
        (
            Upload { by_operator: true, ..with("limits.memory = 99_999_999") },
            "the memory limit of 99999999 bytes is above the 67108864",
        ),
        (with(&long), "the config has 1048577 bytes; the limit is 1048576"),
        (
            Upload { module: b"# notes".to_vec(), ..Upload::default() },
            "this is not a WebAssembly module: it begins with",
        ),
        (Upload { module: b"\0asm\x01\0\0\0".to_vec(), ..Upload::default() }, "this is a core module, not a component"),
    ];
    for (upload, wanted) in cases {
        let reason = refused(&handle, upload);
        assert!(reason.starts_with(wanted) && !reason.contains('\n'), "{wanted}: {reason}");
    }
}

#[test]
fn a_hosts_file_sent_as_the_config_is_recognised() {
    let (_, handle) = run(&[("first", upload(&[ID]))]);
    let reason = refused(&handle, odd("quota = 5\n[config]\nmode = 'accept'"));
    assert!(reason.contains("the config looks like a host's settings file (NAME.toml)"), "{reason}");
    let reason = refused(&handle, odd("mood = 'accept'"));
    assert!(!reason.contains("NAME.toml"), "{reason}");
}
