//! Tests of the crate through its public interface, mostly by comparison with apache-avro.

mod codecs;
mod decoding;
mod editing;
mod fields;
mod fit;
mod folders;
mod framing;
mod generate;
mod hostile;
mod open_kinds;
mod promotions;
mod property;
mod questions;
mod real;
mod reference;
mod references;
mod remembering;
mod selecting;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Decoder, Framed, Group, Projection, SchemaId, Schemas};
use crate::alert::{Column, Field, Kind};
use reference::Scalar;

/// Makes a field from one path, or from several separated by blanks.
fn field(paths: &str, kind: Kind) -> Field {
    Field { paths: paths.split_whitespace().map(str::to_owned).collect(), kind, optional: false }
}

fn projection(fields: &[Field]) -> Projection {
    let mut projection = Projection::new();
    for (index, field) in fields.iter().enumerate() {
        assert_eq!(projection.add(field), Ok(index), "{field:?} is not new");
    }
    projection
}

/// Decodes alerts of one schema into one group.
fn decode(schemas: &Arc<Schemas>, schema: SchemaId, fields: &[Field], data: &[&[u8]]) -> Group {
    let mut decoder = Decoder::new(Arc::clone(schemas), projection(fields));
    for (row, datum) in data.iter().enumerate() {
        let alert = Framed { schema, datum: (*datum).into() };
        decoder.push(row as u32, &alert).unwrap_or_else(|error| panic!("{error}"));
    }
    let mut groups = decoder.finish().groups;
    assert_eq!(groups.len(), 1);
    assert_eq!(unread(&groups[0], fields.len()), BTreeMap::new());
    groups.remove(0)
}

/// What could not be read, by slot and row.
fn unread(group: &Group, slots: usize) -> BTreeMap<(usize, u32), String> {
    let of_slot = |slot| group.unread(slot).iter().map(move |unread| ((slot, unread.row), unread.to_string()));
    (0..slots).flat_map(of_slot).collect()
}

/// The values of one alert in a column.
fn values(column: &Column, row: usize) -> Vec<Option<Scalar>> {
    let u32_at = |buffer: &[u8], at: usize| u32::from_le_bytes(buffer[at * 4..][..4].try_into().unwrap()) as usize;
    let value = |at: usize| {
        if !column.present.is_empty() && column.present[at] == 0 {
            return None;
        }
        let bytes = match column.kind.width() {
            Some(width) => &column.values[at * width..][..width],
            None => {
                &column.values
                    [at.checked_sub(1).map_or(0, |at| u32_at(&column.offsets, at))..u32_at(&column.offsets, at)]
            }
        };
        Some(Scalar::read(column.kind, bytes))
    };
    column.values_of(row..row + 1).map(value).collect()
}
