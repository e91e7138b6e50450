//! The messages about an author's fields, given the schemas that were seen.

use insta::assert_snapshot;

use super::*;
use crate::fit;

const OLD: &str = r#"{"type": "record", "name": "v1.alert", "fields": [
    {"name": "id", "type": "long"},
    {"name": "code", "type": "string"},
    {"name": "source", "type": {"type": "record", "name": "v1.source", "fields": [
        {"name": "flux", "type": "double"}, {"name": "reliability", "type": ["null", "float"]}]}},
    {"name": "history", "type": {"type": "array", "items": "v1.source"}},
    {"name": "later", "type": "null"}]}"#;

const NEW: &str = r#"{"type": "record", "name": "v2.alert", "fields": [
    {"name": "id", "type": "long"},
    {"name": "code", "type": "int"},
    {"name": "extra", "type": ["null", "double"]},
    {"name": "source", "type": {"type": "record", "name": "v2.source", "fields": [
        {"name": "flux", "type": "double"}, {"name": "reliability", "type": ["null", "float"]}]}}]}"#;

fn optional(paths: &str, kind: Kind) -> Field {
    Field { optional: true, ..field(paths, kind) }
}

/// Returns the messages about the fields for one schema or for two.
fn said(versions: &[&str], fields: &[Field]) -> String {
    let schemas = Schemas::default();
    let seen: Vec<_> = (1..).zip(versions).map(|(id, avsc)| schemas.add(id, avsc).unwrap()).collect();
    let found = fit(&schemas, &seen, fields);
    let refusal = found.refusal.iter().map(|error| format!("refused: {error}"));
    refusal.chain(found.warnings.iter().map(|warning| format!("warning: {warning}"))).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_fits_is_not_talked_about() {
    assert_eq!(said(&[OLD], &[field("id", Kind::Long), optional("source.reliability", Kind::Double)]), "");
    assert_eq!(said(&[], &[field("no", Kind::Long), optional("nothing", Kind::Double)]), "");
    assert_eq!(said(&[OLD], &[]), "");
    // The field is missing from one of the versions, either the older or the newer one.
    assert_eq!(said(&[OLD, NEW], &[field("id", Kind::Long), optional("extra", Kind::Double)]), "");
    assert_eq!(said(&[NEW, OLD], &[field("id", Kind::Long), optional("extra", Kind::Double)]), "");
    assert_eq!(said(&[NEW, OLD], &[field("id", Kind::Long), field("extra", Kind::Double)]), "");
}

#[test]
fn an_optional_field_that_no_schema_has_is_told_with_the_nearest() {
    let fields = [field("id", Kind::Long), optional("source.reliabilty", Kind::Double)];
    assert_snapshot!(said(&[OLD, NEW], &fields), @"warning: source.reliabilty is in none of the schemas seen; nearest: source.reliability, history[].reliability, source.flux; the filter gets a null for every alert");
    let history = [field("id", Kind::Long), optional("histroy[].flux histories[].flux", Kind::Double)];
    assert_snapshot!(said(&[OLD], &history), @"warning: histroy[].flux or histories[].flux is in none of the schemas seen; nearest: history[].flux, source.flux, history[].reliability; the filter gets a null for every alert");
}

#[test]
fn an_optional_field_of_another_kind_is_refused() {
    let id = field("id", Kind::Long);
    for (paths, kind) in [
        ("source.flux", Kind::Float),
        ("source.flux", Kind::Long),
        ("id", Kind::Int),
        ("id", Kind::Text),
        ("source", Kind::Any),
        ("history", Kind::Any),
        ("history.flux", Kind::Double),
        ("source[].flux", Kind::Double),
        // The first path that the schema has decides.
        ("code id", Kind::Double),
        ("none code id", Kind::Double),
    ] {
        let said = said(&[OLD], &[id.clone(), optional(paths, kind)]);
        assert!(said.starts_with("refused: ") && !said.contains('\n'), "{paths}: {said}");
    }
    assert_snapshot!(said(&[OLD], &[optional("source.flux", Kind::Float)]), @"refused: source.flux of v1.alert is double, which does not promote to float");
    // Another schema that lacks the field does not make it right.
    assert!(said(&[OLD, NEW], &[id.clone(), optional("history", Kind::Any)]).starts_with("refused: "));
    assert!(said(&[NEW, OLD], &[id, optional("history", Kind::Any)]).starts_with("refused: "));
}

#[test]
fn a_field_of_another_kind_in_one_version_is_told() {
    let wanted = "warning: code of v1.alert is text, which does not promote to long; alerts of that schema are faults";
    for versions in [[OLD, NEW], [NEW, OLD]] {
        assert_eq!(said(&versions, &[field("id", Kind::Long), optional("code", Kind::Long)]), wanted);
        assert_eq!(said(&versions, &[field("code", Kind::Long)]), wanted);
    }
}

#[test]
fn a_filter_that_reads_nothing_of_the_stream_is_told_once() {
    let fields = [optional("prvDiaSources[].psfFlux", Kind::Double), optional("diaSource.reliability", Kind::Double)];
    assert_snapshot!(said(&[OLD], &fields), @"warning: the filter reads nothing that this stream's schemas have (v1.alert), so it judges all alerts alike; is it written for another survey? It reads prvDiaSources[].psfFlux; nearest: source.flux, history[].flux, source.reliability");
}

#[test]
fn a_field_that_is_always_null_may_be_asked_for() {
    let said = |optional| said(&[OLD], &[field("id", Kind::Long), Field { optional, ..field("later", Kind::Double) }]);
    assert_eq!(said(true), "warning: later is always null in the schemas seen");
    assert_eq!(said(false), "refused: later cannot be read from v1.alert: later is always null");
}

#[test]
fn malformed_paths_are_refused_whatever_was_seen() {
    assert!(said(&[], &[optional("a..b", Kind::Any)]).starts_with("refused: path \"a..b\" has an empty name"));
}
