//! An alert as a struct of fields, read row by row from the columns of a batch.

/// The kind of the values of a field. The names and their order are those of `kind` in `wit/filter.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The kind that the alert's schema has: [`Value`](crate::Value).
    Any,
    /// `bool`.
    Boolean,
    /// `i32`.
    Int,
    /// `i64`.
    Long,
    /// `f32`.
    Float,
    /// `f64`.
    Double,
    /// `&str`.
    Text,
    /// `&[u8]`.
    Bytes,
}

/// One field that a filter reads; see `field` in `wit/filter.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name in the author's struct.
    pub name: &'static str,
    /// The paths of the field in an alert; the first that the alert's schema has is read.
    pub paths: &'static [&'static str],
    /// The kind that the filter wants.
    pub kind: Kind,
    /// Whether the filter is shown nulls.
    pub optional: bool,
    /// Whether an alert may have any number of values of the field.
    pub list: bool,
}

/// One field over a batch, as the host passes it; see `column` in `wit/filter.wit`.
#[derive(Clone, Copy, Debug)]
pub struct RawColumn<'a> {
    /// The kind of the values; never [`Kind::Any`].
    pub kind: Kind,
    /// The values, little-endian, one after another.
    pub values: &'a [u8],
    /// For text and bytes, where each value ends.
    pub offsets: &'a [u8],
    /// A byte for each value, which is 0 for a null. Empty if there are no nulls.
    pub present: &'a [u8],
    /// For a path through an array, how many values there are up to the end of each row.
    pub ends: &'a [u8],
}

/// A struct of fields. Use `#[derive(Alert)]`, with `#[field("where.it.is")]` on every field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a struct of an alert's fields",
    label = "put `#[derive(Alert)]` on it",
    note = "`#[derive(Alert)] struct Candidate {{ #[field(\"candidate.magpsf\")] mag: f32 }}`"
)]
pub trait Alert {
    /// The struct, with the lifetime of a batch.
    type Row<'a>;
    /// Its fields, in the order of the struct.
    fn fields() -> Vec<Field>;

    /// Checks the columns once, and passes the alert of every row to `judge`, until that returns an error.
    #[doc(hidden)]
    fn each<'a>(
        columns: &[RawColumn<'a>],
        rows: u32,
        judge: impl FnMut(u32, &Self::Row<'a>) -> Result<(), String>,
    ) -> Result<(), String>;
}
