//! Schemas in folders, with one file for each record.

use std::fs;
use std::path::Path;

use super::*;

/// Writes `lsst.vVERSION.NAME.avsc`.
fn write(folder: &Path, version: &str, name: &str, fields: &str) {
    fs::create_dir_all(folder).unwrap();
    let avsc =
        format!(r#"{{"namespace": "lsst.v{version}", "type": "record", "name": "{name}", "fields": [{fields}]}}"#);
    fs::write(folder.join(format!("lsst.v{version}.{name}.avsc")), avsc).unwrap();
}

/// Writes an alert's schema in three files: a source, an array of sources, and an object that refers to the source as
/// well.
fn write_alert(folder: &Path, version: &str) {
    let fields = format!(
        r#"{{"name": "id", "type": "long"}}, {{"name": "source", "type": "lsst.v{version}.source"}},
           {{"name": "previous", "type": ["null", {{"type": "array", "items": "source"}}]}},
           {{"name": "object", "type": "object"}}"#
    );
    write(folder, version, "alert", &fields);
    write(folder, version, "source", r#"{"name": "flux", "type": "float"}"#);
    write(folder, version, "object", r#"{"name": "newest", "type": ["null", "source"]}, {"name": "n", "type": "int"}"#);
}

#[test]
fn records_in_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    write_alert(&folder.path().join("12/5"), "12_5");
    write_alert(&folder.path().join("13/0"), "13_0");
    fs::write(folder.path().join("README.md"), "not a schema").unwrap();
    let schemas = Schemas::default();
    assert_eq!(schemas.add_folder(folder.path()), Ok(2));
    let schema = schemas.by_id(1205).unwrap();
    assert_eq!(schemas.name(schema), "lsst.v12_5.alert");
    let paths = ["id", "source.flux", "previous[].flux", "object.newest.flux", "object.n"];
    let listed: Vec<_> = schemas.paths(schema).into_iter().map(|(path, _)| path).collect();
    assert_eq!(listed, paths);
    assert_eq!(schemas.name(schemas.by_id(1300).unwrap()), "lsst.v13_0.alert");
}

#[test]
fn a_folder_takes_the_place_of_what_is_built_in() {
    let folder = tempfile::tempdir().unwrap();
    write_alert(folder.path(), "11_1");
    let schemas = Schemas::builtin();
    let (before, count) = (schemas.by_id(1101).unwrap(), schemas.all().len());
    assert_eq!(schemas.add_folder(folder.path()), Ok(1));
    let after = schemas.by_id(1101).unwrap();
    assert_ne!(before, after);
    assert_eq!(schemas.all().len(), count);
    assert!(schemas.all().contains(&after));
    assert_eq!(schemas.frame(&[0, 0, 0, 4, 77, 1]).unwrap().schema, after);
}

#[test]
fn links_that_lead_round() {
    let folder = tempfile::tempdir().unwrap();
    write_alert(&folder.path().join("12"), "12_5");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("12/up")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("lsst.v9_9.other.avsc")).unwrap();
    assert_eq!(Schemas::default().add_folder(folder.path()), Ok(1));
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_told_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("lsst.v12_5.alert.avsc");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let told = Schemas::default().add_folder(folder.path()).unwrap_err().to_string();
    assert!(told.contains("lsst.v12_5.alert.avsc") && told.contains("not a file"), "{told}");
}

#[test]
fn what_is_wrong_with_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let schemas = Schemas::default();
    let refused = |path: &Path| schemas.add_folder(path).unwrap_err().to_string();
    let at = |name: &str| path.join(name).display().to_string();
    assert_eq!(refused(path), format!("{}: no lsst.vM_m.alert.avsc in it or in a folder within", path.display()));
    assert!(refused(&path.join("none")).starts_with(&at("none: ")));

    write(path, "12_5", "alert", r#"{"name": "source", "type": "lsst.v12_5.source"}"#);
    let missing = at("lsst.v12_5.alert.avsc: lsst.v12_5.alert.source: there is no type \"lsst.v12_5.source\"");
    assert_eq!(refused(path), missing);
    write(path, "12_5", "source", r#"{"name": "flux", "type": "flaot"}"#);
    let misspelt = at("lsst.v12_5.alert.avsc: lsst.v12_5.source.flux: there is no type \"lsst.v12_5.flaot\"");
    assert_eq!(refused(path), misspelt);
    fs::write(path.join("lsst.v12_5.source.avsc"), "{").unwrap();
    assert!(
        refused(path).starts_with(&at("lsst.v12_5.alert.avsc: lsst.v12_5.source: the schema is not JSON")),
        "{}",
        refused(path)
    );
    fs::write(path.join("lsst.v12_5.source.avsc"), " ".repeat(2 << 20)).unwrap();
    assert!(refused(path).ends_with("at most 1048576 are read"), "{}", refused(path));
    assert!(schemas.all().is_empty());
}

#[test]
fn containers_of_a_schema_in_several_files() {
    let folder = tempfile::tempdir().unwrap();
    write_alert(folder.path(), "12_5");
    let schemas = Schemas::default();
    schemas.add_folder(folder.path()).unwrap();
    let schema = schemas.by_id(1205).unwrap();
    let datum = [2, 0, 0, 0, 0, 0, 0, 4];
    let message = schemas.container(schema).unwrap().wrap(&datum);
    let alert = schemas.frame(&message).unwrap();
    assert_eq!((&alert.datum[..], schemas.name(alert.schema)), (&datum[..], schemas.name(schema)));
    assert_eq!(schemas.paths(alert.schema), schemas.paths(schema));
    assert_eq!(schemas.confluent_id(alert.schema), Some(1205));
    assert_eq!(apache_avro::Reader::new(&message[..]).unwrap().count(), 1);
}
