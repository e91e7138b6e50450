//! The decoder compared with apache-avro, on random schemas and alerts.

use apache_avro::types::Value;
use apache_avro::{Schema, from_avro_datum, to_avro_datum};
use proptest::prelude::*;

use super::generate::{self, Choices, encode};
use super::reference::{expected, kinds};
use super::*;
use crate::{BlobStyle, FieldError, Locator, Outline, Selector, check_field};

const KINDS: [Kind; 8] =
    [Kind::Any, Kind::Boolean, Kind::Int, Kind::Long, Kind::Float, Kind::Double, Kind::Text, Kind::Bytes];

/// A schema, alerts of it, and the fields that can be read from them.
struct Case {
    schemas: Arc<Schemas>,
    schema: SchemaId,
    apache: Schema,
    paths: Vec<String>,
    alerts: Vec<Value>,
    data: Vec<Vec<u8>>,
}

impl Case {
    fn new(bytes: &[u8]) -> Case {
        let mut choices = Choices::new(bytes);
        let ty = generate::schema(&mut choices);
        let avsc = generate::json(&ty, &mut Vec::new()).to_string();
        let schemas = Arc::new(Schemas::default());
        let schema = schemas.add(1, &avsc).unwrap_or_else(|error| panic!("{error}: {avsc}"));
        let mut paths = Vec::new();
        generate::paths(&ty, "", &mut paths);
        let alerts: Vec<_> = (0..4).map(|_| generate::value(&ty, &mut choices)).collect();
        let encoded = |alert| {
            let mut datum = Vec::new();
            encode(alert, &mut choices, &mut datum);
            datum
        };
        let data = alerts.iter().map(encoded).collect();
        Case { schemas, schema, apache: Schema::parse_str(&avsc).expect(&avsc), paths, alerts, data }
    }

    fn data(&self) -> Vec<&[u8]> {
        self.data.iter().map(Vec::as_slice).collect()
    }

    fn alert(&self, datum: &[u8]) -> Framed<'static> {
        Framed { schema: self.schema, datum: datum.to_vec().into() }
    }

    /// Paths whose kind each alert decides.
    fn open(&self) -> Vec<String> {
        let listed = self.schemas.paths(self.schema).into_iter();
        listed.filter(|(_, kind)| *kind == Kind::Any).map(|(path, _)| path).collect()
    }

    /// The fields, each with a kind as which it can be read. Whether bytes can be read as text depends on the bytes.
    fn fields(&self) -> Vec<Field> {
        let all = self.paths.iter().flat_map(|path| KINDS.map(|kind| field(path, kind)));
        let open = self.open();
        let readable = |field: &Field| match check_field(&self.schemas, self.schema, field) {
            Ok(()) if field.kind == Kind::Any && open.contains(&field.paths[0]) => false,
            Ok(()) => {
                field.kind != Kind::Text
                    || check_field(&self.schemas, self.schema, &with_kind(field, Kind::Bytes)).is_err()
            }
            Err(FieldError::Kind { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        all.filter(readable).collect()
    }
}

fn with_kind(field: &Field, kind: Kind) -> Field {
    Field { kind, ..field.clone() }
}

/// Whether JSON represents a value; bytes are compared by their length.
fn is_same(json: &serde_json::Value, value: &Value) -> bool {
    match value {
        Value::Null => json.is_null(),
        Value::Boolean(value) => json == value,
        Value::Int(value) => json == value,
        Value::Long(value) => json == value,
        Value::Float(value) => json.as_f64().is_some_and(|json| json as f32 == *value),
        // serde_json reads some numbers as a neighbouring one.
        Value::Double(value) => json.as_f64().is_some_and(|json| (json - value).abs() <= value.abs() * f64::EPSILON),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => json == bytes.len(),
        Value::String(text) | Value::Enum(_, text) => json == text,
        Value::Union(_, value) => is_same(json, value),
        Value::Array(items) => json.as_array().is_some_and(|json| {
            json.len() == items.len() && json.iter().zip(items).all(|(json, item)| is_same(json, item))
        }),
        Value::Map(items) => json
            .as_object()
            .is_some_and(|json| json.len() == items.len() && items.iter().all(|(key, item)| is_same(&json[key], item))),
        Value::Record(fields) => json.as_object().is_some_and(|json| {
            json.len() == fields.len() && fields.iter().all(|(name, field)| is_same(&json[name], field))
        }),
        other => panic!("{other:?} is not generated"),
    }
}

/// The narrowest kind that holds all of these.
fn narrowest(kinds: &[Kind]) -> Kind {
    match kinds {
        [] => Kind::Double,
        [only] => *only,
        _ => {
            let holds = |kind: &Kind| kinds.iter().all(|one| one.promotes_to(*kind));
            [Kind::Long, Kind::Float, Kind::Double, Kind::Bytes].into_iter().find(holds).unwrap_or(Kind::Text)
        }
    }
}

/// A field that the host itself needs.
#[derive(Debug)]
struct At(String);

impl Locator for At {
    fn locate(&self, _: &Outline) -> Option<(String, Kind)> {
        Some((self.0.clone(), Kind::Any))
    }
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The generator's encoder is right, and this crate accepts all sound alerts.
    #[test]
    fn encodings_agree(bytes in any_bytes()) {
        let case = Case::new(&bytes);
        for (alert, datum) in case.alerts.iter().zip(&case.data) {
            let read = from_avro_datum(&case.apache, &mut &datum[..], None).unwrap();
            prop_assert_eq!(&read, alert);
            let plain = to_avro_datum(&case.apache, alert.clone()).unwrap();
            prop_assert_eq!(case.schemas.validate(&case.alert(&plain)), Ok(()));
            prop_assert_eq!(case.schemas.validate(&case.alert(datum)), Ok(()));
        }
    }

    /// For any choice of fields, the decoder returns the values that apache-avro reads.
    #[test]
    fn columns_agree(bytes in any_bytes(), chosen in prop::collection::vec(any::<bool>(), 64)) {
        let case = Case::new(&bytes);
        let fields = case.fields().into_iter().zip(chosen.iter().cycle()).filter(|(_, chosen)| **chosen);
        let fields: Vec<_> = fields.map(|(field, _)| field).collect();
        let group = decode(&case.schemas, case.schema, &fields, &case.data());
        prop_assert_eq!(&group.lacking, &Vec::new());
        for (slot, field) in fields.iter().enumerate() {
            let column = group.column(slot);
            prop_assert!(field.kind == Kind::Any || field.kind == column.kind);
            prop_assert!(column.present.is_empty() || column.present.len() == column.len());
            for (row, alert) in case.alerts.iter().enumerate() {
                prop_assert_eq!(values(column, row), expected(alert, &field.paths[0], column.kind), "{:?}", field);
            }
        }
    }

    /// If each alert decides on kinds, the decoder returns the values that apache-avro reads, in the alert's own kinds.
    #[test]
    fn open_kinds_agree(bytes in any_bytes()) {
        let case = Case::new(&bytes);
        let fields: Vec<_> = case.open().iter().map(|path| field(path, Kind::Any)).collect();
        let mut decoder = Decoder::new(Arc::clone(&case.schemas), projection(&fields));
        for (row, datum) in case.data.iter().enumerate() {
            prop_assert_eq!(decoder.push(row as u32, &case.alert(datum)), Ok(()));
        }
        for group in decoder.finish().groups {
            for (at, row) in group.rows.iter().enumerate() {
                for (slot, field) in fields.iter().enumerate() {
                    let column = group.column(slot);
                    let kinds = kinds(&case.alerts[*row as usize], &field.paths[0]);
                    prop_assert_eq!(column.kind, narrowest(&kinds), "{:?}", field);
                    let read = expected(&case.alerts[*row as usize], &field.paths[0], column.kind);
                    prop_assert_eq!(values(column, at), read, "{:?}", field);
                }
            }
        }
    }

    /// Whole alerts and single fields are printed with the values that apache-avro reads.
    #[test]
    fn selectors_agree(bytes in any_bytes()) {
        let case = Case::new(&bytes);
        for (alert, datum) in case.alerts.iter().zip(&case.data) {
            let Value::Record(fields) = alert else { panic!("an alert is a record") };
            let all = fields.iter().map(|(name, value)| (name.as_str(), value));
            for (path, value) in all.chain([("*", alert)]) {
                let mut json = Vec::new();
                let selector = Selector::new(&[path]).unwrap();
                let selected = selector.json(&case.schemas, &case.alert(datum), BlobStyle::Length, &mut json);
                prop_assert_eq!(selected, Ok(true));
                let json = serde_json::from_slice(&json).unwrap();
                prop_assert!(is_same(&json, value), "{}: {} {:?}", path, json, value);
            }
        }
    }

    /// Whatever is wrong with alerts, what is read of a field does not depend on the other fields that are read, nor on
    /// the other alerts. Sound alerts are read as a whole.
    #[test]
    fn fields_of_broken_alerts_are_independent(
        bytes in any_bytes(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let case = Case::new(&bytes);
        let mut broken = case.data[1].clone();
        for (at, byte) in damage {
            if !broken.is_empty() {
                let at = at.index(broken.len());
                broken[at] = byte;
            }
        }
        let truncated = &case.data[2][..cut.index(case.data[2].len() + 1)];
        let data = [&case.data[0][..], &broken, truncated, &case.data[3]];
        let fields = case.fields();
        let mut together = Decoder::new(Arc::clone(&case.schemas), projection(&fields));
        for (row, datum) in data.iter().enumerate() {
            prop_assert_eq!(together.push(row as u32, &case.alert(datum)), Ok(()));
        }
        let together = together.finish().groups.remove(0);
        for (row, datum) in data.iter().enumerate() {
            for (slot, field) in fields.iter().enumerate() {
                let mut alone = Decoder::new(Arc::clone(&case.schemas), projection(std::slice::from_ref(field)));
                prop_assert_eq!(alone.push(0, &case.alert(datum)), Ok(()));
                let alone = alone.finish().groups.remove(0);
                let unread = together.unread(slot).iter().find(|unread| unread.row == row as u32);
                prop_assert_eq!(values(together.column(slot), row), values(alone.column(0), 0), "{:?}", field);
                prop_assert_eq!(unread.is_some(), !alone.unread(0).is_empty(), "{:?}", field);
                if case.schemas.validate(&case.alert(datum)).is_ok() {
                    prop_assert_eq!(unread, None);
                }
            }
        }
    }

    /// An alert without the host's own fields is refused, and leaves no trace.
    #[test]
    fn broken_alerts_leave_nothing(bytes in any_bytes(), cut in any::<prop::sample::Index>()) {
        let case = Case::new(&bytes);
        let mut paths = case.paths.iter().filter(|path| !path.contains("[]"));
        let readable = |path: &&String| check_field(&case.schemas, case.schema, &field(path, Kind::Any)).is_ok();
        let Some(needed) = paths.rfind(readable) else { return Ok(()) };
        let mut projection = projection(&case.fields());
        projection.add_located(Arc::new(At(needed.clone())), Kind::Long);
        let truncated = &case.data[1][..cut.index(case.data[1].len() + 1)];
        let mut decoder = Decoder::new(Arc::clone(&case.schemas), projection.clone());
        let mut kept = Decoder::new(Arc::clone(&case.schemas), projection);
        for (row, datum) in [&case.data[0][..], truncated, &case.data[2]].into_iter().enumerate() {
            if decoder.push(row as u32, &case.alert(datum)).is_ok() {
                prop_assert_eq!(kept.push(row as u32, &case.alert(datum)), Ok(()));
            }
        }
        let (groups, kept) = (decoder.finish().groups, kept.finish().groups);
        prop_assert_eq!(groups.len(), kept.len());
        for (group, kept) in groups.iter().zip(&kept) {
            prop_assert_eq!((&group.rows, &group.columns), (&kept.rows, &kept.columns));
        }
    }
}
