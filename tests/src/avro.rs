//! Alerts of surveys that are not simulated, written by hand.

use skysieve_avro::Schemas;

/// A whole number in Avro's encoding.
pub fn long(value: i64) -> Vec<u8> {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while bits >= 0x80 {
        bytes.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    bytes.push(bits as u8);
    bytes
}

/// Text or bytes.
pub fn text(value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [&long(value.len() as i64), value].concat()
}

/// A double.
pub fn double(value: f64) -> Vec<u8> {
    value.to_le_bytes().into()
}

/// A container of one alert, whose schema is a record `name` with these fields (JSON).
pub fn packet(name: &str, fields: &str, values: &[Vec<u8>]) -> Vec<u8> {
    let schemas = Schemas::default();
    let avsc = format!(r#"{{"type": "record", "name": "{name}", "fields": [{fields}]}}"#);
    let schema = schemas.add(1, &avsc).expect("the test's schema is sound");
    schemas.container(schema).expect("the schema is in one piece").wrap(&values.concat())
}
