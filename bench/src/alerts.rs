//! Alerts to measure with: made up after LSST's schema, and ZTF's real ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use apache_avro::types::Value;
use apache_avro::{Schema, to_avro_datum};

/// LSST's schema, version 11.1.
pub const LSST: &str = include_str!("../../schema/lsst/lsst.v11_1.alert.avsc");

/// What precedes an alert of that version in Confluent's wire format.
pub const LSST_HEADER: [u8; 5] = [0, 0, 0, 4, 77];

/// Sizes of what is made up: as LSST's own alerts have them.
const CUTOUT: usize = 15_000;
const PREVIOUS: usize = 30;
const FORCED: usize = 60;

/// So many LSST alerts in Confluent's wire format, about 60 KB each: three cutouts, 30 previous sources, 60 forced ones.
/// One nullable scalar in ten is null.
pub fn lsst(count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let schema = Schema::parse_str(LSST)?;
    let mut maker = Maker { named: HashMap::new(), state: 1 };
    maker.collect(&schema);
    let message = |_| anyhow::Ok([LSST_HEADER.to_vec(), to_avro_datum(&schema, maker.value(&schema, ""))?].concat());
    (0..count).map(message).collect()
}

struct Maker {
    named: HashMap<String, Schema>,
    state: u64,
}

impl Maker {
    fn collect(&mut self, schema: &Schema) {
        match schema {
            Schema::Record(record) => {
                self.named.insert(record.name.to_string(), schema.clone());
                record.fields.iter().for_each(|field| self.collect(&field.schema));
            }
            Schema::Union(union) => union.variants().iter().for_each(|branch| self.collect(branch)),
            Schema::Array(array) => self.collect(&array.items),
            _ => {}
        }
    }

    /// A value for the field of that name.
    fn value(&mut self, schema: &Schema, name: &str) -> Value {
        match schema {
            Schema::Null => Value::Null,
            Schema::Boolean => Value::Boolean(self.random() & 1 == 1),
            Schema::Int => Value::Int((self.random() % 5000) as i32),
            Schema::Long | Schema::TimestampMicros => Value::Long((self.random() >> 2) as i64),
            Schema::Float => Value::Float(self.fraction() as f32),
            Schema::Double => Value::Double(self.fraction()),
            Schema::Bytes => Value::Bytes((0..CUTOUT).map(|_| self.random() as u8).collect()),
            Schema::String => Value::String(if name == "band" { "r" } else { "some text" }.to_owned()),
            Schema::Array(array) => {
                let items = if name == "prvDiaSources" { PREVIOUS } else { FORCED };
                Value::Array((0..items).map(|_| self.value(&array.items, name)).collect())
            }
            Schema::Union(union) => {
                let present = &union.variants()[1];
                let null = match present {
                    Schema::Record(_) | Schema::Ref { .. } => name != "diaObject",
                    Schema::Array(_) | Schema::Bytes => false,
                    _ => self.random().is_multiple_of(10),
                };
                let value = if null { Value::Null } else { self.value(present, name) };
                Value::Union(u32::from(!null), Box::new(value))
            }
            Schema::Record(record) => {
                let field = |field: &apache_avro::schema::RecordField| {
                    (field.name.clone(), self.value(&field.schema, &field.name))
                };
                Value::Record(record.fields.iter().map(field).collect())
            }
            Schema::Ref { name: record } => {
                let record = self.named[&record.to_string()].clone();
                self.value(&record, name)
            }
            other => unreachable!("LSST's alerts have no {other:?}"),
        }
    }

    /// Marsaglia's xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn fraction(&mut self) -> f64 {
        (self.random() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// At most so many real ZTF packets of one schema; none when there are none on this machine.
pub fn ztf(count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let shared = std::env::var_os("SKYSIEVE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let visits = shared.join("alerts/ztf/visits");
    let mut files = Vec::new();
    if visits.is_dir() {
        find(&visits, &mut files)?;
    }
    files.sort();
    files.iter().take(count).map(|file| anyhow::Ok(std::fs::read(file)?)).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
