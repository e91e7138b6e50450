//! What the derive puts between a field's type and the traits that it needs. A wrong type is one error, at that type,
//! because nothing else in the generated code makes the compiler look for these traits.

use std::mem::ManuallyDrop;

use crate::alert::{Alert, Field, RawColumn};
use crate::field::FieldType;
use crate::opener::Opener;

/// One field of a struct, by its number. The derive implements it once for each field, and is otherwise generic over the
/// number.
pub trait HasField<const AT: usize> {
    /// The field's type, if the struct's lifetime is that of the batch.
    type Type<'a>: FieldType<'a>;
}

/// Describes a field to the host.
pub fn declared<A: HasField<AT>, const AT: usize>(name: &'static str, paths: &'static [&'static str]) -> Field {
    declare::<A::Type<'_>>(name, paths)
}

fn declare<'a, T: FieldType<'a>>(name: &'static str, paths: &'static [&'static str]) -> Field {
    Field { name, paths, kind: T::KIND, optional: T::OPTIONAL, list: T::LIST }
}

/// The column of a field, which has been checked.
///
/// The compiler asks of a value whether it is sized and how it is dropped, and would report a wrong type once more if it
/// had to look at the reader for that. The last field and `ManuallyDrop` spare it that; readers are `Copy`.
pub struct Opened<'a, A: HasField<AT>, const AT: usize> {
    reader: ManuallyDrop<<A::Type<'a> as FieldType<'a>>::Reader>,
    _sized: (),
}

impl<'a, A: HasField<AT>, const AT: usize> Opened<'a, A, AT> {
    /// Opens the next column as that of the field; errors contain `name`.
    pub fn next(opener: &mut Opener<'_, 'a>, name: &str) -> Result<Self, String> {
        Ok(Opened { reader: ManuallyDrop::new(opener.next::<A::Type<'a>>(name)?), _sized: () })
    }

    /// Reads the field of one alert.
    #[inline(always)]
    pub fn read(&self, row: usize) -> A::Type<'a> {
        <A::Type<'a> as FieldType<'a>>::read(&self.reader, row)
    }
}

/// What generated code falls back to if it can't be compiled for the type of a history.
///
/// The compiler refuses a field of type `Column<'a, T>` by itself if `T` is no value's type. Generated code that needs `T` has
/// this as a condition, so that it does not refuse the type again. It consists of methods of the type, which are preferred to
/// those of this trait where the condition holds.
pub trait Refused<A: Alert> {
    /// Stands for the fields.
    fn fields(&self) -> Vec<Field> {
        unreachable!()
    }

    /// Stands for reading rows.
    fn each<'a>(
        &self,
        _: &[RawColumn<'a>],
        _: u32,
        _: impl FnMut(u32, &A::Row<'a>) -> Result<(), String>,
    ) -> Result<(), String> {
        unreachable!()
    }
}
