//! Taking messages and files apart into alerts.

use apache_avro::types::Value;
use apache_avro::{Codec, DeflateSettings, Schema, Writer, ZstandardSettings};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::generate::long;
use super::*;

pub(super) const SCHEMA: &str = r#"{"type": "record", "name": "survey.alert", "fields": [
    {"name": "id", "type": "long"}, {"name": "text", "type": "string"}]}"#;

fn codecs() -> [Codec; 4] {
    let deflate = Codec::Deflate(DeflateSettings::default());
    [Codec::Null, deflate, Codec::Snappy, Codec::Zstandard(ZstandardSettings::default())]
}

/// Makes a container whose blocks have the given numbers of alerts.
fn container(codec: Codec, blocks: &[usize]) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), codec);
    let mut id = 0;
    for block in blocks {
        for _ in 0..*block {
            let text = Value::String("text ".repeat(id as usize));
            writer.append(Value::Record(vec![("id".into(), Value::Long(id)), ("text".into(), text)])).unwrap();
            id += 1;
        }
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

/// Makes a container by hand from its metadata and the bytes that follow them.
pub(super) fn by_hand(metadata: &[(&str, &[u8])], rest: &[u8]) -> Vec<u8> {
    let mut container = b"Obj\x01".to_vec();
    long(metadata.len() as i64, &mut container);
    for (key, value) in metadata {
        for bytes in [key.as_bytes(), value] {
            long(bytes.len() as i64, &mut container);
            container.extend(bytes);
        }
    }
    container.push(0);
    container.extend(rest);
    container
}

/// Makes a block with this content, with a sync marker of sixteen 7s before and after it.
pub(super) fn block(alerts: i64, content: &[u8]) -> Vec<u8> {
    let mut block = vec![7; 16];
    long(alerts, &mut block);
    long(content.len() as i64, &mut block);
    block.extend(content);
    block.extend([7; 16]);
    block
}

/// Returns the ids of the alerts in a file, and the error that ended it.
pub(super) fn ids(schemas: &Arc<Schemas>, file: &[u8]) -> (Vec<i64>, Option<String>) {
    let mut ids = Vec::new();
    for alert in schemas.alerts(file) {
        let alert = match alert {
            Ok(alert) => alert,
            Err(error) => return (ids, Some(error.to_string())),
        };
        assert_eq!(schemas.validate(&alert), Ok(()));
        let column = decode(schemas, alert.schema, &[field("id", Kind::Long)], &[&alert.datum]).columns.remove(0);
        ids.push(i64::from_le_bytes(column.values.try_into().unwrap()));
    }
    (ids, None)
}

#[test]
fn containers_of_every_codec() {
    let schemas = Arc::new(Schemas::default());
    for codec in codecs() {
        assert_eq!(ids(&schemas, &container(codec, &[2, 1, 3])), ((0..6).collect(), None), "{codec:?}");
        let one = container(codec, &[1]);
        let alert = schemas.frame(&one).unwrap();
        assert_eq!((schemas.name(alert.schema).as_str(), &alert.datum[..]), ("survey.alert", &[0, 0][..]), "{codec:?}");
        assert_eq!(matches!(alert.datum, std::borrow::Cow::Borrowed(_)), codec == Codec::Null);
        for blocks in [&[2][..], &[1, 1]] {
            let error = schemas.frame(&container(codec, blocks)).unwrap_err().to_string();
            assert!(error.ends_with("it holds more than one alert; a message holds one"), "{error}");
        }
    }
    assert_eq!(schemas.all().len(), 1, "the schema is learnt once");
}

#[test]
fn wire_packets() {
    let schemas = Arc::new(Schemas::builtin());
    let mine = schemas.add(1205, SCHEMA).unwrap();
    let packet = [0, 0, 0, 4, 181, 6, 2, b'x'];
    let alert = schemas.frame(&packet).unwrap();
    assert_eq!((alert.schema, &alert.datum[..]), (mine, &packet[5..]));
    assert_eq!(ids(&schemas, &packet), (vec![3], None));
    assert_eq!(schemas.name(schemas.by_id(1101).unwrap()), "lsst.v11_1.alert");
}

#[test]
fn built_in_versions() {
    let schemas = Schemas::builtin();
    let names: Vec<_> = [700, 701, 702, 703, 704, 800, 900, 1000, 1100, 1101]
        .map(|id| schemas.name(schemas.by_id(id).unwrap()))
        .to_vec();
    assert_eq!(names.len(), schemas.all().len());
    assert_snapshot!(names.join(" "), @"
    lsst.v7_0.alert lsst.v7_1.alert lsst.v7_2.alert lsst.v7_3.alert lsst.v7_4.alert lsst.v8_0.alert lsst.v9_0.alert lsst.v10_0.alert lsst.v11_0.alert lsst.v11_1.alert
    ");
}

#[test]
fn what_is_no_message() {
    let schemas = Schemas::builtin();
    let schema = ("avro.schema", SCHEMA.as_bytes());
    let good = block(1, &[2, 2, b'x']);
    let huge = [&[7; 16][..], &[2], &[0xff; 8], &[0x7f]].concat();
    let bomb = flate2_zeros(70 << 20);
    let messages: [(&str, Vec<u8>); 19] = [
        ("empty", vec![]),
        ("text", b"hello".to_vec()),
        ("cut wire header", vec![0, 0, 0, 4]),
        ("unknown id", vec![0, 0, 0, 4, 181, 1]),
        ("unknown small id", vec![0, 0, 0, 0, 7, 1]),
        ("cut magic", b"Obj".to_vec()),
        ("cut metadata", b"Obj\x01\x04\x14avro".to_vec()),
        ("no schema", by_hand(&[("avro.codec", b"null")], &good)),
        ("codec", by_hand(&[schema, ("avro.codec", b"lzma")], &good)),
        ("cut sync", by_hand(&[schema], &[7; 15])),
        ("no block", by_hand(&[schema], &[7; 16])),
        ("empty block", by_hand(&[schema], &block(0, &[]))),
        ("negative count", by_hand(&[schema], &block(-1, &[2, 2, b'x']))),
        ("huge count", by_hand(&[schema], &block(1 << 40, &[2, 2, b'x']))),
        ("huge size", by_hand(&[schema], &huge)),
        ("sync", by_hand(&[schema], &[&good[..good.len() - 1], &[8]].concat())),
        ("behind", by_hand(&[schema], &[&good[..], &[0]].concat())),
        (
            "snappy",
            by_hand(&[schema, ("avro.codec", b"snappy")], &block(1, b"\xff\xff\xff\xff\x0f\x00\x00\x00\x00\x00")),
        ),
        ("bomb", by_hand(&[schema, ("avro.codec", b"deflate")], &block(1, &bomb))),
    ];
    let said = messages.map(|(what, message)| {
        let error = schemas.frame(&message).unwrap_err();
        assert!(schemas.alerts(&message).last().is_none_or(|last| last.is_err()), "{what}");
        format!("{what}: {error}")
    });
    assert_snapshot!(said.join("\n"), @r#"
    empty: the message is empty
    text: neither Confluent's wire format (a byte 0 and a schema id) nor an Avro container ("Obj" and a byte 1): it begins with "hello"
    cut wire header: the message has 4 bytes; a byte 0 and a schema id alone have 5
    unknown id: schema id 1205 (LSST v12.5) is not known; add its folder with --schemas, or a registry with --schema-registry
    unknown small id: schema id 7 is not known; add its folder with --schemas, or a registry with --schema-registry
    cut magic: neither Confluent's wire format (a byte 0 and a schema id) nor an Avro container ("Obj" and a byte 1): it begins with "Obj"
    cut metadata: container, byte 6: metadata: the data ends in it (4 bytes are left)
    no schema: container, byte 22: metadata: no avro.schema
    codec: container, byte 146: codec "lzma" is not one of null, deflate, snappy, zstandard, bzip2, xz and lz4
    cut sync: container, byte 147: the data end in the sync marker
    no block: container, byte 163: it holds no alert
    empty block: container, byte 181: it holds no alert
    negative count: container, byte 163: a block of 3 bytes claims to hold -1 alerts
    huge count: container, byte 163: a block of 3 bytes claims to hold 1099511627776 alerts
    huge size: container, byte 164: block: the length -4611686018427387904 is negative
    sync: container, byte 168: a block does not end with the sync marker
    behind: container, byte 185: block: the data ends in it (0 bytes are left)
    snappy: container, byte 183: block (Snappy): claims to inflate 6 bytes to 4294967295
    bomb: container, byte 186: block (Deflate): inflates to more than 67108864 bytes
    "#);
}

/// Returns this number of zeros, deflated.
fn flate2_zeros(bytes: usize) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; bytes]).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_is_read_up_to_its_error() {
    let schemas = Arc::new(Schemas::default());
    let mut file = container(Codec::Null, &[2, 1]);
    let last = file.len() - 1;
    file[last] ^= 1;
    let (read, error) = ids(&schemas, &file);
    assert_eq!(read, [0, 1]);
    assert!(error.unwrap().ends_with("a block does not end with the sync marker"));
    let garbage = by_hand(&[("avro.schema", SCHEMA.as_bytes())], &block(2, &[2, 0, 4, 0, 9]));
    let (read, error) = ids(&schemas, &garbage);
    assert_eq!(read, [1, 2]);
    assert!(error.unwrap().ends_with("1 bytes follow the last alert of a block"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage never makes it panic, nor return alerts that are not there.
    #[test]
    fn damaged_containers(
        codec in 0..4_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let schemas = Schemas::default();
        let mut file = container(codecs()[codec], &[3, 2]);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(cut.map_or(file.len(), |cut| cut.index(file.len())));
        prop_assert!(schemas.alerts(&file).take(100).count() < 100);
        let _ = schemas.frame(&file);
    }

    #[test]
    fn random_messages(bytes in prop::collection::vec(any::<u8>(), 0..60), head in 0..3_usize) {
        let schemas = Schemas::builtin();
        let message = [[&b""[..], b"Obj\x01\x02", &[0, 0, 0, 4, 77]][head], &bytes].concat();
        for alert in schemas.alerts(&message).flatten() {
            let _ = schemas.validate(&alert);
        }
    }
}
