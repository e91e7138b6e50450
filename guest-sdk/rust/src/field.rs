//! The types that a field may have: a single value, or a history of values.

use crate::alert::{Kind, RawColumn};
use crate::column::Column;
use crate::element::Element;
use crate::value::Value;
use crate::view::{Ends, View};

/// A type of a field of a `#[derive(Alert)]` struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an alert's field",
    label = "not a type of a field",
    note = "write bool, i32, i64, f32, f64, &'a str, &'a [u8] or Value<'a>, an Option of one of these, or (for a path \
            through an array) Column<'a, T> of one of these"
)]
pub trait FieldType<'a>: Sized {
    /// The kind that the host is asked for.
    const KIND: Kind;
    /// Whether the filter is shown nulls.
    const OPTIONAL: bool;
    /// Whether an alert may have any number of values of the field.
    const LIST: bool;
    /// A column that has been checked.
    #[doc(hidden)]
    type Reader: Copy;

    /// Checks a column of `rows` alerts.
    #[doc(hidden)]
    fn open(column: &RawColumn<'a>, rows: usize) -> Result<Self::Reader, String>;

    /// Reads the field of one alert.
    #[doc(hidden)]
    fn read(reader: &Self::Reader, row: usize) -> Self;
}

macro_rules! scalar {
    ($($type:ty),*) => {$(
        impl<'a> FieldType<'a> for $type {
            const KIND: Kind = <$type as Element<'a>>::KIND;
            const OPTIONAL: bool = <$type as Element<'a>>::OPTIONAL;
            const LIST: bool = false;
            type Reader = <$type as Element<'a>>::View;

            fn open(column: &RawColumn<'a>, rows: usize) -> Result<Self::Reader, String> {
                let view = Self::Reader::open(column)?;
                if view.len() != rows {
                    return Err(format!("{} values for {rows} alerts", view.len()));
                }
                Ok(view)
            }

            #[inline(always)]
            fn read(view: &Self::Reader, row: usize) -> Self {
                view.at(row)
            }
        }
    )*};
}

scalar!(bool, i32, i64, f32, f64, &'a str, &'a [u8], Value<'a>);
scalar!(Option<bool>, Option<i32>, Option<i64>, Option<f32>, Option<f64>);
scalar!(Option<&'a str>, Option<&'a [u8]>, Option<Value<'a>>);

impl<'a, T: Element<'a>> FieldType<'a> for Column<'a, T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = T::OPTIONAL;
    const LIST: bool = true;
    type Reader = (T::View, Ends<'a>);

    fn open(column: &RawColumn<'a>, rows: usize) -> Result<Self::Reader, String> {
        let view = T::View::open(column)?;
        let ends = Ends::open(column.ends, view.len())?;
        if ends.len() != rows {
            return Err(format!("{} lists for {rows} alerts", ends.len()));
        }
        Ok((view, ends))
    }

    #[inline(always)]
    fn read((view, ends): &Self::Reader, row: usize) -> Self {
        Column::packed(view.slice(ends.of(row)))
    }
}
