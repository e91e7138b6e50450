//! The types that a value may have.

use std::fmt;

use crate::alert::Kind;
use crate::value::{Value, Values};
use crate::view::{Blobs, Nullable, Numbers, Texts, View};

/// A type of a value: `bool`, `i32`, `i64`, `f32`, `f64`, `&str`, `&[u8]`, [`Value`], or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of an alert's value",
    label = "not a type of a value",
    note = "write bool, i32, i64, f32, f64, &'a str, &'a [u8] or Value<'a>, or an Option of one of these"
)]
pub trait Element<'a>: Copy + fmt::Debug {
    /// The kind that the host is asked for.
    const KIND: Kind;
    /// Whether a value of this type can be null.
    const OPTIONAL: bool;
    /// How values of this type are read.
    #[doc(hidden)]
    type View: View<'a, Item = Self>;
}

macro_rules! elements {
    ($($type:ty, $kind:ident, $view:ty;)*) => {$(
        impl<'a> Element<'a> for $type {
            const KIND: Kind = Kind::$kind;
            const OPTIONAL: bool = false;
            type View = $view;
        }

        impl<'a> Element<'a> for Option<$type> {
            const KIND: Kind = Kind::$kind;
            const OPTIONAL: bool = true;
            type View = Nullable<'a, $view>;
        }
    )*};
}

elements! {
    bool, Boolean, Numbers<'a, bool, 1>;
    i32, Int, Numbers<'a, i32, 4>;
    i64, Long, Numbers<'a, i64, 8>;
    f32, Float, Numbers<'a, f32, 4>;
    f64, Double, Numbers<'a, f64, 8>;
    &'a str, Text, Texts<'a>;
    &'a [u8], Bytes, Blobs<'a>;
    Value<'a>, Any, Values<'a>;
}
