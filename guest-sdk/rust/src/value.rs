//! Values whose kind the alert's schema decides.

use std::ops::Range;

use crate::alert::{Kind, RawColumn};
use crate::view::{Blobs, Numbers, Texts, View};

/// A value of the kind that the alert's schema has. If the schema has a union of several kinds, it is the kind of the
/// value in the alert. At a path through an array, all values of an alert have the same kind: the narrowest that holds
/// them all or, if no kind does (for an int and a string, say), text, in which numbers are printed and bytes are in
/// base64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Avro's boolean.
    Boolean(bool),
    /// Avro's int.
    Int(i32),
    /// Avro's long.
    Long(i64),
    /// Avro's float.
    Float(f32),
    /// Avro's double.
    Double(f64),
    /// Avro's string, or the symbol of an enum.
    Text(&'a str),
    /// Avro's bytes or fixed.
    Bytes(&'a [u8]),
}

/// A column of such values, all of the same kind.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    Boolean(Numbers<'a, bool, 1>),
    Int(Numbers<'a, i32, 4>),
    Long(Numbers<'a, i64, 8>),
    Float(Numbers<'a, f32, 4>),
    Double(Numbers<'a, f64, 8>),
    Text(Texts<'a>),
    Bytes(Blobs<'a>),
}

/// Evaluates the same expression for whichever kind the column has.
macro_rules! each {
    ($values:expr, $view:ident => $do:expr) => {
        match $values {
            Values::Boolean($view) => $do,
            Values::Int($view) => $do,
            Values::Long($view) => $do,
            Values::Float($view) => $do,
            Values::Double($view) => $do,
            Values::Text($view) => $do,
            Values::Bytes($view) => $do,
        }
    };
}

impl<'a> View<'a> for Values<'a> {
    type Item = Value<'a>;

    fn empty() -> Self {
        Values::Boolean(View::empty())
    }

    fn open(column: &RawColumn<'a>) -> Result<Self, String> {
        Ok(match column.kind {
            Kind::Any => return Err("it is of no kind".to_owned()),
            Kind::Boolean => Values::Boolean(View::open(column)?),
            Kind::Int => Values::Int(View::open(column)?),
            Kind::Long => Values::Long(View::open(column)?),
            Kind::Float => Values::Float(View::open(column)?),
            Kind::Double => Values::Double(View::open(column)?),
            Kind::Text => Values::Text(View::open(column)?),
            Kind::Bytes => Values::Bytes(View::open(column)?),
        })
    }

    fn len(&self) -> usize {
        each!(self, view => view.len())
    }

    fn at(&self, index: usize) -> Value<'a> {
        match self {
            Values::Boolean(view) => Value::Boolean(view.at(index)),
            Values::Int(view) => Value::Int(view.at(index)),
            Values::Long(view) => Value::Long(view.at(index)),
            Values::Float(view) => Value::Float(view.at(index)),
            Values::Double(view) => Value::Double(view.at(index)),
            Values::Text(view) => Value::Text(view.at(index)),
            Values::Bytes(view) => Value::Bytes(view.at(index)),
        }
    }

    fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Values::Boolean(view) => Values::Boolean(view.slice(range)),
            Values::Int(view) => Values::Int(view.slice(range)),
            Values::Long(view) => Values::Long(view.slice(range)),
            Values::Float(view) => Values::Float(view.slice(range)),
            Values::Double(view) => Values::Double(view.slice(range)),
            Values::Text(view) => Values::Text(view.slice(range)),
            Values::Bytes(view) => Values::Bytes(view.slice(range)),
        }
    }
}
