//! One decoded batch: the fields that filters read, as columns.
//!
//! The layout is that of the contract (`wit/filter.wit`): buffers of little-endian values that a guest reads in place.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// The kind of the values of a field or column. The names and their order are those of `kind` in `wit/filter.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The kind that the alert's schema has. This is only used in a [`Field`]; a [`Column`] always has a definite kind.
    Any,
    /// One byte, 0 or 1.
    Boolean,
    /// 4 bytes.
    Int,
    /// 8 bytes.
    Long,
    /// 4 bytes.
    Float,
    /// 8 bytes.
    Double,
    /// UTF-8 of any length.
    Text,
    /// Bytes of any length.
    Bytes,
}

impl Kind {
    /// The number of bytes that one value takes. `None` for text and bytes, whose values differ in length, and for
    /// `any`.
    pub fn width(self) -> Option<usize> {
        match self {
            Kind::Boolean => Some(1),
            Kind::Int | Kind::Float => Some(4),
            Kind::Long | Kind::Double => Some(8),
            Kind::Any | Kind::Text | Kind::Bytes => None,
        }
    }

    /// Whether a value of this kind can be read as `wanted`
    /// ([Avro 1.12, Schema Resolution](https://avro.apache.org/docs/1.12.0/specification/#schema-resolution)).
    pub fn promotes_to(self, wanted: Kind) -> bool {
        use Kind::*;
        self == wanted
            || wanted == Any
            || matches!(
                (self, wanted),
                (Int, Long | Float | Double) | (Long, Float | Double) | (Float, Double) | (Text, Bytes) | (Bytes, Text)
            )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Any => "any",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Text => "text",
            Kind::Bytes => "bytes",
        })
    }
}

/// One field that a filter reads; see `field` in `wit/filter.wit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema)]
pub struct Field {
    /// Alternatives, of which the first that an alert's schema has is read: `candidate.magpsf`,
    /// `prv_candidates[].magpsf`.
    pub paths: Vec<String>,
    /// The kind that the filter wants.
    pub kind: Kind,
    /// Whether the filter handles nulls itself.
    pub optional: bool,
}

impl Field {
    /// Whether the field goes through an array, so that an alert may have any number of values of it.
    pub fn is_list(&self) -> bool {
        self.paths.first().is_some_and(|path| path.contains("[]"))
    }
}

/// One field over the alerts of a batch; see `column` in `wit/filter.wit` for the layout of each buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The kind of the values; never [`Kind::Any`].
    pub kind: Kind,
    /// Whether the field goes through an array.
    pub list: bool,
    /// The values one after another, each of [`Kind::width`] bytes; text and bytes are concatenated.
    pub values: Vec<u8>,
    /// For text and bytes, a u32 for each value: the offset in `values` where it ends. Empty for other kinds.
    pub offsets: Vec<u8>,
    /// A byte for each value: 1 if it is present, 0 if it is null. Empty if all values are present.
    pub present: Vec<u8>,
    /// Through an array, a u32 for each alert: how many values there are up to its end. Otherwise empty.
    pub ends: Vec<u8>,
}

impl Column {
    /// Returns an empty column.
    pub fn new(kind: Kind, list: bool) -> Column {
        Column { kind, list, values: Vec::new(), offsets: Vec::new(), present: Vec::new(), ends: Vec::new() }
    }

    /// The number of values. Through an array, this counts the values of all alerts together.
    pub fn len(&self) -> usize {
        match self.kind.width() {
            Some(width) => self.values.len() / width,
            None => self.offsets.len() / 4,
        }
    }

    /// Whether the column has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The range of the values that belong to the alerts of `rows`.
    pub fn values_of(&self, rows: Range<usize>) -> Range<usize> {
        if self.list { before(&self.ends, rows.start)..before(&self.ends, rows.end) } else { rows }
    }

    /// Returns the alerts of `rows` as a column of their own. Offsets are copied if `rows` begins after 0; nothing else
    /// is copied.
    pub fn slice(&self, rows: Range<usize>) -> ColumnView<'_> {
        let values = self.values_of(rows.clone());
        let (bytes, offsets) = match self.kind.width() {
            Some(width) => (values.start * width..values.end * width, Cow::Borrowed(&[][..])),
            None => {
                let bytes = before(&self.offsets, values.start)..before(&self.offsets, values.end);
                let offsets = rebase(&self.offsets[values.start * 4..values.end * 4], bytes.start);
                (bytes, offsets)
            }
        };
        let ends = if self.list {
            rebase(&self.ends[rows.start * 4..rows.end * 4], values.start)
        } else {
            Cow::Borrowed(&[][..])
        };
        let present = if self.present.is_empty() { &[][..] } else { &self.present[values] };
        ColumnView { kind: self.kind, values: &self.values[bytes], offsets, present, ends }
    }

    /// Returns a column that has only the alerts in `rows`, which must be ascending.
    pub fn gather(&self, rows: &[u32]) -> Column {
        let mut out = Column::new(self.kind, self.list);
        for &row in rows {
            let values = self.values_of(row as usize..row as usize + 1);
            if let Some(width) = self.kind.width() {
                out.values.extend_from_slice(&self.values[values.start * width..values.end * width]);
            } else {
                for value in values.clone() {
                    let bytes = before(&self.offsets, value)..before(&self.offsets, value + 1);
                    out.values.extend_from_slice(&self.values[bytes]);
                    out.offsets.extend_from_slice(&(out.values.len() as u32).to_le_bytes());
                }
            }
            if !self.present.is_empty() {
                out.present.extend_from_slice(&self.present[values]);
            }
            if self.list {
                out.ends.extend_from_slice(&(out.len() as u32).to_le_bytes());
            }
        }
        out
    }

    /// Whether any value of the alert in `row` is null.
    pub fn has_null(&self, row: usize) -> bool {
        !self.present.is_empty() && self.present[self.values_of(row..row + 1)].contains(&0)
    }

    /// The number of bytes of text or bytes that are held of all alerts from `row` on, whose values may not have ended
    /// yet.
    pub(crate) fn bytes_from(&self, row: usize) -> usize {
        self.values.len() - before(&self.offsets, self.values_of(0..row).end)
    }

    /// The number of bytes of an alert's values, without those of their layout.
    pub fn bytes_of(&self, row: usize) -> usize {
        let values = self.values_of(row..row + 1);
        match self.kind.width() {
            Some(width) => values.len() * width,
            None => before(&self.offsets, values.end) - before(&self.offsets, values.start),
        }
    }

    /// The number of bytes held in all buffers.
    pub fn size(&self) -> usize {
        self.values.len() + self.offsets.len() + self.present.len() + self.ends.len()
    }
}

/// The part of a [`Column`] that belongs to some of its alerts, laid out as a column of its own.
#[derive(Clone, Debug)]
pub struct ColumnView<'a> {
    /// See [`Column::kind`].
    pub kind: Kind,
    /// See [`Column::values`].
    pub values: &'a [u8],
    /// See [`Column::offsets`]; counted from the start of this view.
    pub offsets: Cow<'a, [u8]>,
    /// See [`Column::present`].
    pub present: &'a [u8],
    /// See [`Column::ends`]; counted from the start of this view.
    pub ends: Cow<'a, [u8]>,
}

/// The cumulative count before entry `index` of a buffer of u32: the preceding entry, or 0 if there is none.
fn before(cumulative: &[u8], index: usize) -> usize {
    match index.checked_sub(1) {
        None => 0,
        Some(last) => {
            let entry = &cumulative[last * 4..last * 4 + 4];
            u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]) as usize
        }
    }
}

/// Subtracts `base` from cumulative counts.
fn rebase(cumulative: &[u8], base: usize) -> Cow<'_, [u8]> {
    if base == 0 {
        return Cow::Borrowed(cumulative);
    }
    let less =
        |entry: &[u8]| (u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]) - base as u32).to_le_bytes();
    Cow::Owned(cumulative.chunks_exact(4).flat_map(less).collect())
}
