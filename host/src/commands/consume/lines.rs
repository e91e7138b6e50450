//! Prints a line for each alert: the columns of a table, or a JSON object.

use super::ConsumeArgs;
use super::table::Table;
use super::view::{SUMMARY, View};
use crate::pipeline::Message;
use skysieve_avro::{AvroError, BlobStyle, FieldError, Framed, Schemas, Selector};
use skysieve_survey::AlertId;

/// How alerts are printed.
pub struct Lines {
    /// The fields to print. If there are none, the message's position and the alert's id and summary are printed.
    fields: Vec<(String, Selector)>,
    /// Whether alerts are decoded to print what they are.
    decode: bool,
    style: BlobStyle,
    /// The table, or `None` to print JSON.
    table: Option<Table>,
    /// The fields that the last alert lacked.
    lacking: Vec<usize>,
}

impl Lines {
    /// Prints these fields or, if there are none, what identifies an alert.
    ///
    /// # Errors
    /// Returns no error for the fields of known surveys.
    pub fn new(args: &ConsumeArgs, fields: Vec<Selector>) -> Result<Lines, FieldError> {
        let mut lines = Lines {
            fields: args.fields.iter().cloned().zip(fields).collect(),
            decode: !args.decode_off,
            style: args.bytes.style(),
            table: None,
            lacking: Vec::new(),
        };
        lines.table = (!args.json).then(|| Table::new(lines.names()));
        Ok(lines)
    }

    fn names(&self) -> Vec<String> {
        if !self.fields.is_empty() {
            return self.fields.iter().map(|(name, _)| name.clone()).collect();
        }
        let place = ["topic", "partition", "offset", "bytes"].into_iter();
        let alert = std::iter::once("id").chain(SUMMARY).filter(|_| self.decode);
        place.chain(alert).map(str::to_owned).collect()
    }

    /// Appends the line of a message that is not decoded.
    pub fn undecoded(&mut self, message: &Message, out: &mut Vec<u8>) {
        self.put(place(message), out);
    }

    /// Appends the line of an alert.
    ///
    /// # Errors
    /// Returns an error if a field is too large to be printed.
    pub fn alert(
        &mut self,
        message: &Message,
        schemas: &Schemas,
        alert: &Framed<'_>,
        (view, id): (&View, Option<&AlertId>),
        out: &mut Vec<u8>,
    ) -> Result<(), AvroError> {
        self.lacking.clear();
        let mut values = Vec::new();
        if self.fields.is_empty() {
            values = place(message);
            // Ids are printed as text: most readers of JSON convert numbers to doubles, which can't hold every id.
            values.push(id.map_or_else(
                || b"null".to_vec(),
                |id| serde_json::Value::from(id.to_string()).to_string().into_bytes(),
            ));
        }
        let summary = view.summary.iter().map(Option::as_ref).filter(|_| self.fields.is_empty());
        for (index, selector) in self.fields.iter().map(|(_, selector)| Some(selector)).chain(summary).enumerate() {
            let mut value = Vec::new();
            let found = selector.map(|selector| selector.json(schemas, alert, self.style, &mut value)).transpose()?;
            if found != Some(true) {
                value.extend_from_slice(b"null");
                if index < self.fields.len() {
                    self.lacking.push(index);
                }
            }
            values.push(value);
        }
        self.put(values, out);
        Ok(())
    }

    /// The fields that the last alert's schema lacks, with their numbers.
    pub fn lacking(&self) -> impl Iterator<Item = (usize, &Selector)> {
        self.lacking.iter().map(|index| (*index, &self.fields[*index].1))
    }

    fn put(&mut self, values: Vec<Vec<u8>>, out: &mut Vec<u8>) {
        let names = self.names();
        match &mut self.table {
            Some(table) => table.row(&values, out),
            // The alert is an object already.
            None if names == ["*"] => out.extend(values.concat()),
            None => {
                for (index, (name, value)) in names.iter().zip(&values).enumerate() {
                    out.push(if index == 0 { b'{' } else { b',' });
                    out.extend_from_slice(serde_json::Value::from(name.as_str()).to_string().as_bytes());
                    out.push(b':');
                    out.extend_from_slice(value);
                }
                out.push(b'}');
            }
        }
        out.push(b'\n');
    }
}

/// The position of a message, and its size.
fn place(message: &Message) -> Vec<Vec<u8>> {
    let Message { topic, partition, offset, bytes, .. } = message;
    let numbers = [i64::from(*partition), *offset, bytes.len() as i64];
    let topic = serde_json::Value::from(&**topic).to_string();
    std::iter::once(topic).chain(numbers.map(|number| number.to_string())).map(String::into_bytes).collect()
}
