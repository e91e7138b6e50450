//! Opens the columns of a batch as the fields of an alert.

use crate::alert::{Kind, RawColumn};
use crate::field::FieldType;

/// Opens the columns of a batch one by one.
pub struct Opener<'c, 'a> {
    columns: std::slice::Iter<'c, RawColumn<'a>>,
    rows: usize,
}

impl<'c, 'a> Opener<'c, 'a> {
    /// Begins with the first column of a batch of `rows` alerts, for a struct with `fields` fields.
    pub fn new(columns: &'c [RawColumn<'a>], rows: u32, fields: usize) -> Result<Opener<'c, 'a>, String> {
        if columns.len() != fields {
            return Err(format!("the host passed {} columns, the manifest has {fields} fields", columns.len()));
        }
        Ok(Opener { columns: columns.iter(), rows: rows as usize })
    }

    pub(crate) fn next<T: FieldType<'a>>(&mut self, name: &str) -> Result<T::Reader, String> {
        let column = self.columns.next().ok_or("the host passed too few columns")?;
        if column.kind != T::KIND && T::KIND != Kind::Any {
            return Err(format!(
                "the host passed {:?} values for {name}, {:?} ones were declared",
                column.kind,
                T::KIND
            ));
        }
        T::open(column, self.rows).map_err(|error| format!("the host passed a broken column for {name}: {error}"))
    }
}
