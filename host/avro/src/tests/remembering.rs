//! Schemas that are remembered and forgotten, and schemas of registries.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::framing::by_hand;
use super::*;
use crate::{AvroError, Lookup, Resolver};

/// The number of schemas that are remembered.
const MANY: usize = 1024;

/// A container of one alert, whose schema has a field that is different for each index.
fn container(index: usize) -> Vec<u8> {
    let avsc = format!(
        r#"{{"type": "record", "name": "alert", "doc": "{index}", "fields": [{{"name": "n", "type": "long"}}]}}"#
    );
    by_hand(&[("avro.schema", avsc.as_bytes())], &[&[7; 16][..], &[2, 2, 2], &[7; 16]].concat())
}

fn schema(schemas: &Schemas, index: usize) -> SchemaId {
    schemas.frame(&container(index)).unwrap().schema
}

#[test]
fn the_schema_that_was_not_used_for_the_longest_time_is_forgotten() {
    let schemas = Schemas::default();
    let ids: Vec<SchemaId> = (0..MANY).map(|index| schema(&schemas, index)).collect();
    assert!((0..MANY).all(|index| schema(&schemas, index) == ids[index]), "all of them are known");
    assert_eq!(schema(&schemas, 0), ids[0]);
    let new = schema(&schemas, MANY);
    assert!(schemas.knows(new) && schemas.knows(ids[0]) && !schemas.knows(ids[1]) && schemas.knows(ids[2]));
    assert_eq!(schemas.all().len(), MANY);
    let again = schema(&schemas, 1);
    assert!(!ids.contains(&again), "a number was given to two schemas");
    assert!(!schemas.knows(ids[2]));
}

#[test]
fn alerts_taken_out_before_can_be_read() {
    let schemas = Schemas::default();
    let messages: Vec<Vec<u8>> = (0..MANY + 300).map(container).collect();
    let alerts: Vec<Framed<'_>> = messages.iter().map(|message| schemas.frame(message).unwrap()).collect();
    assert!(alerts.iter().all(|alert| schemas.validate(alert).is_ok()));
    assert!(!schemas.knows(alerts[0].schema));
    for index in 0..2 * MANY {
        schema(&schemas, 10_000 + index);
    }
    assert_eq!(schemas.validate(&alerts[0]), Err(AvroError::ForgottenSchema));
    assert_eq!((schemas.name(alerts[0].schema), schemas.paths(alerts[0].schema)), (String::new(), Vec::new()));
}

/// A long file is read to its end, however many other files are read in the meantime.
#[test]
fn the_schema_of_a_file_that_is_being_read() {
    let schemas = Arc::new(Schemas::default());
    let file = [container(0), vec![2, 2, 4], vec![7; 16]].concat();
    let mut alerts = schemas.alerts(&file);
    alerts.next().unwrap().unwrap();
    for index in 0..3 * MANY {
        schema(&schemas, 1 + index);
    }
    let last = alerts.next().unwrap().unwrap();
    let mut decoder = Decoder::new(schemas.clone(), projection(&[field("n", Kind::Long)]));
    decoder.push(0, &last).unwrap();
    drop(alerts);
    assert_eq!(values(&decoder.finish().groups[0].columns[0], 0), [Some(Scalar::Long(2))]);
    assert_eq!(schemas.name(last.schema), "alert", "the decoder keeps the schemas of its last batch");
}

#[test]
fn plans_are_forgotten_with_their_schemas() {
    let schemas = Arc::new(Schemas::default());
    let mut decoder = Decoder::new(schemas.clone(), projection(&[field("n", Kind::Long), field("x", Kind::Any)]));
    for batch in 0..40 {
        for row in 0..100 {
            let message = container(batch * 100 + row);
            decoder.push(row as u32, &schemas.frame(&message).unwrap()).unwrap();
        }
        let decoded = decoder.finish();
        assert_eq!(decoded.groups[0].rows.len(), 100);
        assert_eq!(decoded.groups[0].lacking.len(), 100);
        decoder.recycle(decoded);
    }
    assert!(decoder.plans() <= MANY + 100, "{} plans", decoder.plans());
}

/// Each schema has another combination of kinds, and so another group.
#[test]
fn groups_are_forgotten_with_their_schemas() {
    let schemas = Arc::new(Schemas::default());
    let names = ["a", "b", "c", "d", "e", "f"];
    let fields: Vec<Field> = names.iter().map(|name| field(name, Kind::Any)).collect();
    let mut decoder = Decoder::new(schemas.clone(), projection(&fields));
    let kinds = ["int", "long", "float", "double", "boolean"];
    for index in 0..3000_usize {
        let typed = |(at, name): (usize, &&str)| {
            let kind = kinds[index / kinds.len().pow(at as u32) % kinds.len()];
            format!(r#"{{"name": "{name}", "type": "{kind}"}}"#)
        };
        let fields: Vec<String> = names.iter().enumerate().map(typed).collect();
        let avsc = format!(r#"{{"type": "record", "name": "alert", "fields": [{}]}}"#, fields.join(", "));
        let mut block = vec![7; 16];
        block.extend([2, 96]);
        block.extend([0; 48]);
        block.extend([7; 16]);
        let message = by_hand(&[("avro.schema", avsc.as_bytes())], &block);
        // The alert is too long for most of the schemas, but all that matters is that the decoder was prepared for
        // them.
        let _ = decoder.push(0, &schemas.frame(&message).unwrap());
        decoder.finish();
    }
    assert!(decoder.remembered() <= MANY + 2, "{} groups", decoder.remembered());
}

/// A registry that has the schemas it was given.
#[derive(Debug, Default)]
struct Fake {
    answers: Mutex<HashMap<u32, Lookup>>,
    asked: AtomicU32,
}

impl Fake {
    fn put(&self, id: u32, answer: Lookup) {
        self.answers.lock().insert(id, answer);
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Resolver for Fake {
    fn look_up(&self, id: u32) -> Lookup {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answers.lock().get(&id).cloned().unwrap_or(Lookup::Unknown)
    }
}

fn found(name: &str) -> Lookup {
    let avsc = format!(r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "n", "type": "long"}}]}}"#);
    Lookup::Found(avsc, Vec::new())
}

fn message(id: u32) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), &[2]].concat()
}

fn name(schemas: &Schemas, id: u32) -> String {
    schemas.name(schemas.frame(&message(id)).unwrap().schema)
}

#[test]
fn the_registry_that_the_user_named_wins_over_what_is_built_in() {
    let fake = Arc::new(Fake::default());
    fake.put(1101, found("roman.alert"));
    let schemas = Schemas::builtin().with_resolver(fake.clone());
    for _ in 0..3 {
        assert_eq!(name(&schemas, 1101), "roman.alert");
    }
    assert_eq!(fake.asked(), 1);
    assert_eq!(schemas.by_id(1101), Some(schemas.frame(&message(1101)).unwrap().schema));
    assert_eq!(schemas.all().len(), Schemas::builtin().all().len());
    assert_eq!(schemas.confluent_id(schemas.by_id(1101).unwrap()), Some(1101));
}

#[test]
fn what_is_built_in_counts_where_the_registry_has_nothing() {
    let fake = Arc::new(Fake::default());
    let schemas = Schemas::builtin().with_resolver(fake.clone());
    for _ in 0..3 {
        assert_eq!(name(&schemas, 1101), "lsst.v11_1.alert");
    }
    assert_eq!(fake.asked(), 1, "it is not asked for every alert");
    fake.put(1100, Lookup::Unavailable("it is away".to_owned()));
    let error = schemas.frame(&message(1100)).unwrap_err();
    assert!(error.may_pass(), "nobody knows whose schema it is: {error}");
    assert_eq!(schemas.resolve(&message(1100)), Err(error));
    assert_eq!(schemas.frame(&message(77)).unwrap_err(), AvroError::AbsentSchema { id: 77 });
}

#[test]
fn a_folder_wins_over_the_registry() {
    let fake = Arc::new(Fake::default());
    fake.put(1101, found("roman.alert"));
    let schemas = Schemas::builtin().with_resolver(fake.clone());
    let mine = schemas.add(1101, r#"{"type": "record", "name": "mine", "fields": []}"#).unwrap();
    assert_eq!(schemas.frame(&message(1101)).unwrap().schema, mine);
    assert_eq!(fake.asked(), 0);
    assert_eq!(schemas.confluent_id(mine), Some(1101));
}

#[test]
fn ids_of_the_registry_are_forgotten_as_well() {
    let fake = Arc::new(Fake::default());
    let many = MANY as u32;
    for id in 0..=many {
        fake.put(id, found(&format!("r{id}")));
    }
    let schemas = Schemas::default().with_resolver(fake.clone());
    for id in 0..=many {
        assert_eq!(name(&schemas, id), format!("r{id}"));
    }
    assert_eq!((schemas.all().len(), schemas.by_id(0)), (MANY, None));
    assert_eq!((name(&schemas, many).as_str(), fake.asked()), ("r1024", many + 1));
    assert_eq!((name(&schemas, 0).as_str(), fake.asked()), ("r0", many + 2), "it is asked for again");
}

#[test]
fn what_cannot_be_used_is_not_asked_for_with_every_alert() {
    let fake = Arc::new(Fake::default());
    let schemas = Schemas::default().with_resolver(fake.clone());
    for id in 0..2 * MANY as u32 {
        fake.put(id, Lookup::Unusable("it is of another kind".to_owned()));
        assert!(matches!(schemas.frame(&message(id)), Err(AvroError::UnusableSchema { .. })));
    }
    let asked = fake.asked();
    let last = 2 * MANY as u32 - 1;
    assert!(matches!(schemas.frame(&message(last)), Err(AvroError::UnusableSchema { .. })));
    assert_eq!(fake.asked(), asked);
}
