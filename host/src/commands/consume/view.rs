//! Finds what is shown and saved of alerts in one schema.

use skysieve_avro::{BlobStyle, FieldError, Framed, SchemaId, Schemas, Selector};
use skysieve_survey::{AlertId, Layout, Place, Surveys, Value};

/// The values that are shown besides an alert's id if no fields are asked for.
pub const SUMMARY: [&str; 3] = ["visit", "ra", "dec"];

/// The selectors for one schema.
pub struct View {
    id: Option<Selector>,
    /// The values of [`SUMMARY`].
    pub summary: [Option<Selector>; 3],
    /// The cutouts: their names, and where their bytes are.
    pub cutouts: Vec<(String, Selector)>,
}

impl View {
    /// Finds the fields of a schema. Logs which fields that the user named are missing from it.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the schema's fields have names that can't be in a path.
    pub fn new(schemas: &Schemas, schema: SchemaId, surveys: &Surveys) -> Result<View, FieldError> {
        for error in surveys.named().unfit(schemas, schema) {
            tracing::warn!("a field that was named is not read: {error}");
        }
        let Layout { id, visit, time, ra, dec, cutouts, .. } = surveys.layout(&schemas.outline(schema));
        let select = |paths: Vec<&Place>| {
            let paths: Vec<&str> = paths.iter().map(|place| place.path.as_str()).collect();
            (!paths.is_empty()).then(|| Selector::new(&paths)).transpose()
        };
        let images = cutouts.into_iter().map(|cutout| {
            let paths: Vec<&str> = cutout.bytes.iter().map(String::as_str).collect();
            Ok((cutout.name, Selector::new(&paths)?))
        });
        Ok(View {
            id: select(id.iter().collect())?,
            summary: [
                select(visit.iter().chain(&time).collect())?,
                select(ra.iter().collect())?,
                select(dec.iter().collect())?,
            ],
            cutouts: images.collect::<Result<_, _>>()?,
        })
    }

    /// The alert's id, if it has one.
    pub fn id(&self, schemas: &Schemas, alert: &Framed<'_>) -> Option<AlertId> {
        let id = self.id.as_ref()?;
        if let Ok(Some(bytes)) = id.bytes(schemas, alert) {
            return AlertId::of(Value::Text(bytes));
        }
        let mut json = Vec::new();
        id.json(schemas, alert, BlobStyle::Length, &mut json).ok()?;
        match serde_json::from_slice(&json).ok()? {
            serde_json::Value::String(text) => AlertId::of(Value::Text(text.as_bytes())),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => AlertId::of(Value::Whole(number)),
                None => AlertId::of(Value::Real(number.as_f64()?)),
            },
            _ => None,
        }
    }
}
