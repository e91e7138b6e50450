//! What to do with an alert's bytes to fill the columns, for one schema and one projection: small programs of
//! operations, compiled by `compile` and run by `exec`.

use std::sync::Arc;

use crate::alert::Kind;

/// A program of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProgramId(pub(super) u32);

/// All that is known of reading a projection from alerts of a schema.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first one reads the alert.
    pub(super) programs: Vec<Box<[Op]>>,
    /// The symbols of enums that are read.
    pub(super) symbols: Vec<Arc<[String]>>,
    /// The kind of each slot's column.
    pub(super) kinds: Vec<Kind>,
    /// Slots whose kind the schema leaves open: see `open`.
    pub(super) open: Vec<usize>,
    /// Slots whose paths the schema has none of.
    pub(super) absent: Vec<usize>,
    /// Slots for which the schema has what can't be read as the kind wanted, and why.
    pub(super) unfit: Vec<(usize, Arc<str>)>,
    /// Slots of either sort that are not through an array.
    pub(super) nulls: Vec<u32>,
    /// Slots through an array.
    pub(super) lists: Vec<u32>,
}

impl Plan {
    pub(super) fn program(&self, id: ProgramId) -> &[Op] {
        &self.programs[id.0 as usize]
    }
}

/// One operation.
#[derive(Debug, PartialEq)]
pub(super) enum Op {
    /// Passes over so many bytes.
    Bytes(usize),
    /// Passes over a run of unions of a null and a value of fixed size.
    Run(Run),
    /// Passes over an int, a long or an enum.
    Varint,
    /// Passes over text or bytes.
    Blob,
    /// Passes over a union of a null, which is so branch, and an int, a long or an enum.
    MaybeVarint(Null),
    /// Passes over a union of a null and text or bytes.
    MaybeBlob(Null),
    /// Runs the program of the branch.
    Union(Box<[ProgramId]>),
    /// Passes over an array of which nothing is read.
    SkipArray(Items),
    /// Runs a program for each element of an array.
    ReadArray(Elements),
    /// Runs a program, for a record of which nothing is read.
    Call(ProgramId),
    /// Reads a value.
    Read(Read),
    /// Reads a value or a null.
    MaybeRead(Null, Read),
    /// Puts a null.
    Null(u32),
    /// Refuses bytes that follow.
    End,
}

/// Which branch of a union of two is the null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Null {
    First,
    Second,
}

/// The byte that the null's branch begins with.
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
    /// For each union the bytes that it takes in its first and in its second branch, with what follows it and is of
    /// fixed size.
    pub(super) widths: Vec<[u32; 2]>,
}

/// What an array that is passed over holds.
#[derive(Debug, PartialEq)]
pub(super) enum Items {
    /// So many bytes each.
    Sized(usize),
    /// What the program passes over.
    Each(ProgramId),
}

/// What an array that is read holds.
#[derive(Debug, PartialEq)]
pub(super) struct Elements {
    pub(super) program: ProgramId,
    /// Slots that each element puts a value in.
    pub(super) slots: usize,
    /// One of them.
    pub(super) slot: u32,
}

/// A value to put in a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) slot: u32,
    pub(super) how: How,
    /// Whether the value is read once more, for another slot.
    pub(super) again: bool,
}

/// How a value is encoded, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    Boolean,
    /// A float or double, as it is.
    Four,
    Eight,
    FloatToDouble,
    Int(Number),
    Long(Number),
    /// Text or bytes, as they are.
    Blob,
    /// Text or bytes as text.
    Text,
    /// So many bytes.
    Fixed(usize),
    /// So many bytes as text.
    FixedText(usize),
    /// An enum of so many-th symbols.
    Enum(u32),
    /// Whatever it is, printed as text.
    Print(Printed),
}

/// What is printed: as JSON has it, bytes in base64.
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

/// What an int or long becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int,
    Long,
    Float,
    Double,
}
