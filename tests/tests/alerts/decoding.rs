//! What one filter reads costs no other filter an alert: values that can't be delivered fail for the filters that read
//! them, bounds are per filter, and packets stay decodable.

use bytes::Bytes;
use skysieve::filters::{Control, Counts, Upload};
use skysieve::pipeline::{BatchLimits, Config, Handle, Record};
use skysieve_simulate::{Simulator, Survey};
use skysieve_tests::alerts;
use skysieve_tests::avro::{long, packet, text};
use skysieve_tests::guest::{GuestField, reading};
use skysieve_tests::pipeline::{config, run as run_with};

const ID: GuestField<'static> = ("diaSourceId", "long", false);

fn upload(fields: &[GuestField<'_>]) -> Upload {
    Upload { module: reading(fields), ..Upload::default() }
}

fn run(filters: &[(&str, Upload)], packets: Vec<Bytes>) -> (Vec<Record>, Handle) {
    run_with(config(), filters, packets)
}

/// What a filter has counted: seen, accepted (over the quota or not) and faulted.
fn counts(handle: &Handle, name: &str) -> [u64; 3] {
    let Counts { seen, accepted, over_quota, faulted, .. } = handle.get(name).unwrap().counts;
    [seen, accepted + over_quota, faulted]
}

/// The reasons of the filter's dead letters.
fn reasons(records: &[Record], filter: &str) -> Vec<String> {
    let header = |record: &Record, name: &str| {
        let header = record.headers.iter().find(|header| header.name == name);
        header.map(|header| String::from_utf8(header.value.clone()).unwrap()).unwrap_or_default()
    };
    let letters = records.iter().filter(|record| &*record.topic == "dead");
    letters.filter(|letter| header(letter, "skysieve-filter") == filter).map(|l| header(l, "skysieve-reason")).collect()
}

/// LSST alerts of one visit, with cutouts.
fn lsst(alerts: usize) -> Vec<Bytes> {
    let mut lsst = Simulator::new(Survey::Lsst, skysieve_simulate::Config::default());
    lsst.visit(alerts).map(|alert| alert.bytes.into()).collect()
}

#[test]
fn a_cutout_that_is_read_as_text_fails_for_its_filter_alone() {
    let slip = upload(&[ID, ("cutoutDifference", "text", true)]);
    let (records, handle) = run(&[("good", upload(&[ID])), ("slip", slip)], lsst(50));
    assert_eq!(handle.health().undecodable, 0);
    assert_eq!(counts(&handle, "good"), [50, 50, 0]);
    assert_eq!(counts(&handle, "slip"), [50, 0, 50]);
    let reasons = reasons(&records, "slip");
    assert!(reasons[0].starts_with("cutoutDifference can't be read as text: it is not UTF-8"), "{reasons:?}");
}

/// An alert with a history of `epochs` elements, which have `fields` ints each.
fn with_history(id: i64, fields: usize, epochs: usize) -> Bytes {
    let ints: Vec<String> = (0..fields).map(|field| format!(r#"{{"name": "f{field}", "type": "int"}}"#)).collect();
    let epoch = format!(r#"{{"type": "record", "name": "epoch", "fields": [{}]}}"#, ints.join(","));
    let fields = format!(
        r#"{{"name": "id", "type": "long"}}, {{"name": "history", "type": {{"type": "array", "items": {epoch}}}}}"#
    );
    let history = [long(epochs as i64), vec![2; ints.len() * epochs], long(0)].concat();
    packet("alert", &fields, &[long(id), if epochs == 0 { long(0) } else { history }]).into()
}

/// A filter that reads the fields `from..from + 64` of the history, each in four kinds: 256 columns.
fn wide(from: usize) -> Upload {
    let paths: Vec<String> = (from..from + 64).map(|field| format!("history[].f{field}")).collect();
    let kinds = ["int", "long", "float", "double"];
    let fields: Vec<GuestField<'_>> =
        paths.iter().flat_map(|path| kinds.map(|kind| (path.as_str(), kind, true))).collect();
    upload(&fields)
}

#[test]
fn what_filters_read_of_a_history_is_not_summed_up() {
    let packets = [10, 1037, 1037, 20].into_iter().zip(1..).map(|(epochs, id)| with_history(id, 256, epochs)).collect();
    let filters = [("a", wide(0)), ("b", wide(64)), ("c", wide(128)), ("d", wide(192))];
    let (records, handle) = run(&filters, packets);
    assert_eq!(handle.health().undecodable, 0);
    for (name, _) in &filters {
        assert_eq!(counts(&handle, name), [4, 4, 0], "{name}: {:?}", reasons(&records, name));
    }
}

#[test]
fn a_history_too_long_for_a_filter_fails_for_that_filter_alone() {
    let packets: Vec<Bytes> =
        [10, 5000, 20].into_iter().zip(1..).map(|(epochs, id)| with_history(id, 64, epochs)).collect();
    let narrow = upload(&[("history[].f0", "int", false), ("history[].f1", "long", false)]);
    let (records, handle) = run(&[("wide", wide(0)), ("narrow", narrow)], packets);
    assert_eq!(handle.health().undecodable, 0);
    assert_eq!(counts(&handle, "narrow"), [3, 3, 0]);
    assert_eq!(counts(&handle, "wide"), [3, 2, 1]);
    assert_eq!(
        reasons(&records, "wide"),
        ["the fields that the filter reads have 1280000 values in this alert; the limit is 1048576"]
    );
}

/// Text that is not UTF-8, a number of more than 32 bits, a symbol that the enum lacks and a byte that is no boolean.
#[test]
fn values_out_of_range_fail_for_the_filters_that_read_them() {
    let fields = r#"{"name": "id", "type": "long"}, {"name": "name", "type": "string"},
        {"name": "count", "type": ["null", "int"]}, {"name": "flag", "type": "boolean"},
        {"name": "band", "type": {"type": "enum", "name": "band", "symbols": ["g", "r"]}},
        {"name": "notes", "type": {"type": "array", "items": "string"}}, {"name": "last", "type": "double"}"#;
    let alert = |id: i64, name: &[u8], count: i64, flag: u8, band: i64, note: &[u8]| -> Bytes {
        let notes = [long(2), text("fine"), text(note), long(0)].concat();
        let count = [long(1), long(count)].concat();
        packet("alert", fields, &[long(id), text(name), count, vec![flag], long(band), notes, vec![0; 8]]).into()
    };
    let packets = vec![
        alert(1, b"a", 1, 1, 0, b"b"),
        alert(2, b"\xff", 1, 1, 0, b"b"),
        alert(3, b"a", 1 << 40, 1, 0, b"b"),
        alert(4, b"a", 1, 7, 0, b"b"),
        alert(5, b"a", 1, 1, 2, b"b"),
        alert(6, b"a", 1, 1, 0, b"\xff"),
    ];
    let filters = [
        ("name", upload(&[("name", "text", true)])),
        ("count", upload(&[("count", "long", true)])),
        ("flag", upload(&[("flag", "boolean", false)])),
        ("band", upload(&[("band", "text", false)])),
        ("notes", upload(&[("notes[]", "text", true)])),
        ("last", upload(&[("last", "double", false)])),
    ];
    let (records, handle) = run(&filters, packets);
    assert_eq!(handle.health().undecodable, 0);
    assert_eq!(counts(&handle, "last"), [6, 6, 0]);
    let reasons = filters[..5].iter().map(|(name, _)| {
        assert_eq!(counts(&handle, name), [6, 5, 1], "{name}");
        reasons(&records, name).join("; ")
    });
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            "name can't be read as text: it is not UTF-8, at byte 1 of the alert",
            "count can't be read as long: 1099511627776 is beyond 32 bits, at byte 4 of the alert",
            "flag can't be read as boolean: the byte 7 is not a boolean, at byte 5 of the alert",
            "band can't be read as text: it is not one of the 2 symbols of its enum, at byte 6 of the alert",
            "notes[] can't be read as text: it is not UTF-8, at byte 13 of the alert",
        ]
    );
}

/// A packet that ends within a cutout is judged by the filters that read only what comes before, whoever else reads the
/// cutout.
#[test]
fn a_packet_that_is_cut_off_fails_for_the_filters_that_read_what_is_missing() {
    let mut packets = lsst(10);
    let whole = packets[3].len();
    packets[3].truncate(whole - 5000);
    let late = [("cutoutTemplate", "bytes", true), ("diaSource.ra", "double", false)];
    let (records, handle) = run(
        &[
            ("early", upload(&[ID, ("diaSource.ra", "double", false), ("prvDiaSources[].ra", "double", true)])),
            ("late", upload(&late)),
        ],
        packets,
    );
    assert_eq!(handle.health().undecodable, 0);
    assert_eq!(counts(&handle, "early"), [10, 10, 0]);
    assert_eq!(counts(&handle, "late"), [10, 9, 1]);
    let reasons = reasons(&records, "late");
    assert!(reasons[0].starts_with("cutoutTemplate can't be read as bytes: the data ends in it"), "{reasons:?}");
}

/// 256 fields that all lead to the same cutout, each by other alternatives.
#[test]
fn a_cutout_that_is_asked_for_in_many_ways_is_kept_once() {
    let paths: Vec<String> = (0..256).map(|number| format!("cutoutDifference.v{number} cutoutDifference")).collect();
    let wide: Vec<GuestField<'_>> = paths.iter().map(|path| (path.as_str(), "bytes", true)).collect();
    let batches = |upload: Upload| {
        let batch = BatchLimits { columns: 16 << 20, ..config().batch };
        let (_, handle) = run_with(Config { batch, ..config() }, &[("cutout", upload)], lsst(48));
        assert_eq!(counts(&handle, "cutout"), [48, 48, 0]);
        handle.health().batches
    };
    let once = batches(upload(&[("cutoutDifference", "bytes", true)]));
    assert!(once > 0);
    assert_eq!(batches(upload(&wide)), once);
}

#[test]
fn batches_cut_for_their_memory_have_the_same_verdicts() {
    let packets: Vec<Bytes> = alerts(4, 700).into_iter().map(|alert| alert.bytes.into()).collect();
    let fields = [ID, ("diaSource.ra", "double", false), ("prvDiaSources[].psfFlux", "double", true)];
    let filters = [("one", upload(&fields)), ("other", upload(&[("diaSource.snr", "double", false)]))];
    let run = |columns: usize| {
        let batch = BatchLimits { columns, ..config().batch };
        let (records, handle) = run_with(Config { batch, ..config() }, &filters, packets.clone());
        let published = |topic: &str| {
            let on_topic = records.iter().filter(|record| *record.topic == *topic);
            on_topic.map(|record| (record.key.clone(), record.headers.clone())).collect::<Vec<_>>()
        };
        let all = ["one", "other", "dead"].map(published);
        (all, [counts(&handle, "one"), counts(&handle, "other")], handle.health().batches)
    };
    let (published, counted, batches) = run(BatchLimits::default().columns);
    assert_eq!((published[0].len(), counted[0]), (80, [2800, 2800, 0]));
    for columns in [1, 4000, 60_000] {
        let (again, counted_again, more) = run(columns);
        assert!(more > batches, "{more} batches of {columns} bytes, {batches} without a limit");
        assert!(again == published && counted_again == counted, "with {columns} bytes");
    }
}
