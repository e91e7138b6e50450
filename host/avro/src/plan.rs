//! How to fill the columns from an alert's bytes, for one schema and one projection: small programs of operations,
//! which are compiled by `compile` and run by `exec`.

use std::sync::Arc;

use crate::alert::Kind;

/// The number of a program in a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProgramId(pub(super) u32);

/// Everything needed to read a projection from alerts of a schema.
#[derive(Debug)]
pub(super) struct Plan {
    /// The programs; the first one reads the alert.
    pub(super) programs: Vec<Box<[Op]>>,
    /// The symbols of the enums that are read.
    pub(super) symbols: Vec<Arc<[String]>>,
    /// The columns that are filled, and the slots that they are for.
    pub(super) layout: Layout,
    /// Columns that the host itself needs of every alert.
    pub(super) needed: Vec<u32>,
    /// Slots whose kind the schema leaves open, one for each column; see `open`.
    pub(super) open: Vec<usize>,
    /// Slots for which the schema has none of the paths, in ascending order.
    pub(super) absent: Vec<usize>,
    /// Slots whose field the schema has in a form that can't be read as the kind wanted, and the reason, in ascending
    /// order.
    pub(super) unfit: Vec<(usize, Arc<str>)>,
    /// Columns of `absent` and `unfit` slots that don't go through an array.
    pub(super) nulls: Vec<u32>,
    /// Columns that go through an array.
    pub(super) lists: Vec<u32>,
}

/// The columns that alerts of some schemas are read into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    /// For each column, its kind and whether it goes through an array.
    pub(super) columns: Vec<(Kind, bool)>,
    /// For each slot, the number of its column. Slots that read the same thing share one.
    pub(super) of_slot: Arc<[u32]>,
}

impl Plan {
    pub(super) fn program(&self, id: ProgramId) -> &[Op] {
        &self.programs[id.0 as usize]
    }
}

/// One operation.
#[derive(Debug, PartialEq)]
pub(super) enum Op {
    /// Passes over this number of bytes.
    Bytes(usize),
    /// Passes over a run of unions of a null and a value of fixed size.
    Run(Run),
    /// Passes over an int, a long or an enum.
    Varint,
    /// Passes over text or bytes.
    Blob,
    /// Passes over a union of an int, a long or an enum and a null, which is the given branch.
    MaybeVarint(Null),
    /// Passes over a union of a null and text or bytes.
    MaybeBlob(Null),
    /// Runs the program of the branch that the union is in.
    Union(Branches),
    /// Passes over an array from which nothing is read.
    SkipArray(Items),
    /// Runs a program for each element of an array.
    ReadArray(Elements),
    /// Runs a program for a record from which nothing is read.
    Call(ProgramId),
    /// Reads a value.
    Read(Read),
    /// Reads a value or a null.
    MaybeRead(Null, Read),
    /// Appends a null to a column.
    Null(u32),
    /// Appends to a column whether there is a value.
    There(u32, bool),
    /// Refuses any bytes that follow, because of the columns that were read up to the end of the alert.
    End(Box<[u32]>),
}

/// The branches of a union.
#[derive(Debug, PartialEq)]
pub(super) struct Branches {
    pub(super) programs: Box<[ProgramId]>,
    /// The columns that they read into.
    pub(super) columns: Box<[u32]>,
}

/// Which branch of a union of two is the null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Null {
    First,
    Second,
}

impl Null {
    pub(super) fn byte(self) -> u8 {
        match self {
            Null::First => 0,
            Null::Second => 2,
        }
    }
}

/// Unions of two, one after another.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// For each union, the bytes that it takes in its first and in its second branch, including the fields of fixed
    /// size that follow it.
    pub(super) widths: Vec<[u32; 2]>,
}

/// The elements of an array that is passed over.
#[derive(Debug, PartialEq)]
pub(super) enum Items {
    /// Each has this number of bytes.
    Sized(usize),
    /// Each is passed over by this program.
    Each(ProgramId),
}

/// The elements of an array that is read.
#[derive(Debug, PartialEq)]
pub(super) struct Elements {
    pub(super) program: ProgramId,
    /// The columns that each element appends a value to.
    pub(super) columns: Box<[u32]>,
    /// How to pass over elements that are not read after all.
    pub(super) items: Items,
}

/// A value to be appended to a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) column: u32,
    pub(super) how: How,
    /// Whether the value is read once more, for another column.
    pub(super) again: bool,
}

/// How a value is encoded, and how it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    Boolean,
    /// A float or double, stored as it is.
    Four,
    Eight,
    FloatToDouble,
    Int(Number),
    Long(Number),
    /// Text or bytes, stored as they are.
    Blob,
    /// Text or bytes, stored as text.
    Text,
    /// This number of bytes.
    Fixed(usize),
    /// This number of bytes, stored as text.
    FixedText(usize),
    /// An enum, whose symbols have this number in the plan.
    Enum(u32),
    /// Any scalar, printed as text.
    Print(Printed),
}

/// The scalars that are printed: as in JSON, with bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Printed {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Fixed(usize),
}

/// What an int or long is stored as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int,
    Long,
    Float,
    Double,
}
