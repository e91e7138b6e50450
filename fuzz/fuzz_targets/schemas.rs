//! Schemas: whatever they contain, they are either refused or usable. The bytes behind a byte 0 are an alert of the
//! schema.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use skysieve_avro::alert::{Field, Kind};
use skysieve_avro::{Decoder, Framed, Projection, Schemas, check_field, fit};

fuzz_target!(|data: &[u8]| {
    let (avsc, datum) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let Ok(avsc) = std::str::from_utf8(avsc) else { return };
    let schemas = Arc::new(Schemas::default());
    let Ok(schema) = schemas.add(1, avsc) else { return };
    let paths = schemas.paths(schema);
    let field = |path: &str, kind| Field { paths: vec![path.to_owned()], kind, optional: true };
    let fields: Vec<Field> = paths.iter().take(64).map(|(path, _)| field(path, Kind::Any)).collect();
    let _ = fit(&schemas, &[schema], &fields);
    let mut projection = Projection::new();
    for asked in &fields {
        assert_eq!(check_field(&schemas, schema, asked), Ok(()), "it is listed");
        projection.add(asked).expect("it is listed");
    }
    let alert = Framed { schema, datum: datum.get(1..).unwrap_or_default().into() };
    let sound = schemas.validate(&alert);
    let mut decoder = Decoder::new(Arc::clone(&schemas), projection);
    let _ = decoder.push(0, &alert);
    let _ = schemas.json(&alert, &mut Vec::new());
    let wrapper = schemas.container(schema).expect("the schema is in one piece");
    if sound.is_ok() {
        let message = wrapper.wrap(&alert.datum);
        let again = schemas.frame(&message).expect("it is a container of one alert");
        assert_eq!(schemas.validate(&again), Ok(()));
    }
});
