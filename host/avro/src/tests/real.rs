//! Real alerts, with all their fields.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apache_avro::{Reader, Schema, from_avro_datum};

use super::*;
use crate::tests::reference::expected;

fn packets(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Compares every field of an alert with what apache-avro reads.
fn compare(schemas: &Arc<Schemas>, alert: &Framed<'_>, value: &apache_avro::types::Value, what: &Path) -> usize {
    schemas.validate(alert).unwrap_or_else(|error| panic!("{}: {error}", what.display()));
    let paths = schemas.paths(alert.schema);
    let fields: Vec<_> = paths.iter().map(|(path, _)| field(path, Kind::Any)).collect();
    let group = decode(schemas, alert.schema, &fields, &[&alert.datum]);
    for (slot, (path, kind)) in paths.iter().enumerate() {
        assert_eq!(values(group.column(slot), 0), expected(value, path, *kind), "{}: {path}", what.display());
    }
    paths.len()
}

#[test]
fn every_field_of_every_ztf_packet() {
    let Some(shared) = skysieve_needs::alerts() else { return };
    let schemas = Arc::new(Schemas::builtin());
    let builtin = schemas.all().len();
    let files = [packets(&shared.join("alerts/ztf/packets")), packets(&shared.join("alerts/ztf/visits"))].concat();
    assert_eq!(files.len(), 538);
    for file in files {
        let packet = std::fs::read(&file).unwrap();
        let alert = schemas.frame(&packet).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let value = Reader::new(&packet[..]).unwrap().next().unwrap().unwrap();
        assert!(compare(&schemas, &alert, &value, &file) >= 150);
    }
    assert_eq!(schemas.all().len() - builtin, 6, "each schema is learnt once");
}

#[test]
fn every_field_of_every_lsst_packet() {
    let Some(shared) = skysieve_needs::alerts() else { return };
    let schemas = Arc::new(Schemas::builtin());
    for file in packets(&shared.join("alerts/lsst/wire")) {
        let packet = std::fs::read(&file).unwrap();
        let alert = schemas.frame(&packet).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let version = schemas.name(alert.schema).replace("lsst.", "");
        let avsc = format!("{}/../../schema/lsst/lsst.{version}.avsc", env!("CARGO_MANIFEST_DIR"));
        let schema = Schema::parse_str(&std::fs::read_to_string(avsc).unwrap()).unwrap();
        let value = from_avro_datum(&schema, &mut &alert.datum[..], None).unwrap();
        assert!(compare(&schemas, &alert, &value, &file) >= 150);
    }
}

#[test]
fn malformed_packets_are_refused() {
    let Some(shared) = skysieve_needs::alerts() else { return };
    let schemas = Schemas::builtin();
    for file in packets(&shared.join("alerts/ztf/malformed")) {
        let packet = std::fs::read(&file).unwrap();
        let checked = schemas.frame(&packet).and_then(|alert| schemas.validate(&alert));
        println!("{}: {}", file.display(), checked.unwrap_err());
    }
}
