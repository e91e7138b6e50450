//! Columns of values in the host's buffers, which are checked once and then read in place.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use crate::alert::RawColumn;

/// A sequence of packed values of one type.
pub trait View<'a>: Copy + fmt::Debug {
    /// One value.
    type Item;

    /// Returns a view without values.
    fn empty() -> Self;

    /// Checks the buffers of a column, and returns a view of them.
    fn open(column: &RawColumn<'a>) -> Result<Self, String>;

    /// The number of values.
    fn len(&self) -> usize;

    /// The value at `index`.
    ///
    /// # Panics
    /// Panics if `index` is not less than `len`.
    fn at(&self, index: usize) -> Self::Item;

    /// The values in a range.
    fn slice(&self, range: Range<usize>) -> Self;
}

/// A value of `N` bytes.
pub trait Fixed<const N: usize>: Copy + fmt::Debug {
    /// Decodes a value from little-endian bytes.
    fn decode(bytes: [u8; N]) -> Self;
}

impl Fixed<1> for bool {
    fn decode([byte]: [u8; 1]) -> bool {
        byte != 0
    }
}

impl Fixed<4> for i32 {
    fn decode(bytes: [u8; 4]) -> i32 {
        i32::from_le_bytes(bytes)
    }
}

impl Fixed<8> for i64 {
    fn decode(bytes: [u8; 8]) -> i64 {
        i64::from_le_bytes(bytes)
    }
}

impl Fixed<4> for f32 {
    fn decode(bytes: [u8; 4]) -> f32 {
        f32::from_le_bytes(bytes)
    }
}

impl Fixed<8> for f64 {
    fn decode(bytes: [u8; 8]) -> f64 {
        f64::from_le_bytes(bytes)
    }
}

/// Values of `N` bytes each.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a, T, const N: usize> {
    values: &'a [[u8; N]],
    of: PhantomData<T>,
}

impl<'a, T: Fixed<N>, const N: usize> View<'a> for Numbers<'a, T, N> {
    type Item = T;

    fn empty() -> Self {
        Numbers { values: &[], of: PhantomData }
    }

    fn open(column: &RawColumn<'a>) -> Result<Self, String> {
        let (values, rest) = column.values.as_chunks();
        if !rest.is_empty() {
            return Err(format!("{} bytes are not a whole number of values of {N} bytes", column.values.len()));
        }
        Ok(Numbers { values, of: PhantomData })
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    fn at(&self, index: usize) -> T {
        T::decode(self.values[index])
    }

    #[inline(always)]
    fn slice(&self, range: Range<usize>) -> Self {
        Numbers { values: &self.values[range], of: PhantomData }
    }
}

/// Cumulative counts. They say where each entry ends; it begins where the previous one ends.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    start: usize,
    ends: &'a [[u8; 4]],
}

impl<'a> Ends<'a> {
    const EMPTY: Ends<'static> = Ends { start: 0, ends: &[] };

    /// Checks a buffer of entries over `total` things. The last entry must end at `total`.
    pub fn open(buffer: &'a [u8], total: usize) -> Result<Ends<'a>, String> {
        let (ends, rest) = buffer.as_chunks();
        let ascending = ends.is_sorted_by_key(|end| u32::from_le_bytes(*end));
        let last = ends.last().map_or(0, |end| u32::from_le_bytes(*end) as usize);
        if !rest.is_empty() || !ascending || last != total {
            return Err(format!("its offsets do not ascend to {total}"));
        }
        Ok(Ends { start: 0, ends })
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The range that belongs to one entry.
    #[inline(always)]
    pub fn of(&self, index: usize) -> Range<usize> {
        self.start_of(index)..u32::from_le_bytes(self.ends[index]) as usize
    }

    /// The entries in a range.
    #[inline(always)]
    pub fn slice(&self, range: Range<usize>) -> Ends<'a> {
        Ends { start: self.start_of(range.start), ends: &self.ends[range] }
    }

    #[inline(always)]
    fn start_of(&self, index: usize) -> usize {
        match index.checked_sub(1) {
            None => self.start,
            Some(before) => u32::from_le_bytes(self.ends[before]) as usize,
        }
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.ends.iter().map(|end| u32::from_le_bytes(*end) as usize)
    }
}

/// Byte strings.
#[derive(Clone, Copy, Debug)]
pub struct Blobs<'a> {
    bytes: &'a [u8],
    ends: Ends<'a>,
}

impl<'a> View<'a> for Blobs<'a> {
    type Item = &'a [u8];

    fn empty() -> Self {
        Blobs { bytes: &[], ends: Ends::EMPTY }
    }

    fn open(column: &RawColumn<'a>) -> Result<Self, String> {
        Ok(Blobs { bytes: column.values, ends: Ends::open(column.offsets, column.values.len())? })
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline(always)]
    fn at(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.ends.of(index)]
    }

    #[inline(always)]
    fn slice(&self, range: Range<usize>) -> Self {
        Blobs { bytes: self.bytes, ends: self.ends.slice(range) }
    }
}

/// Texts.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    text: &'a str,
    ends: Ends<'a>,
}

impl<'a> View<'a> for Texts<'a> {
    type Item = &'a str;

    fn empty() -> Self {
        Texts { text: "", ends: Ends::EMPTY }
    }

    fn open(column: &RawColumn<'a>) -> Result<Self, String> {
        let text = std::str::from_utf8(column.values).map_err(|error| error.to_string())?;
        let ends = Ends::open(column.offsets, text.len())?;
        match ends.all().find(|end| !text.is_char_boundary(*end)) {
            Some(end) => Err(format!("a text ends within a character, at byte {end}")),
            None => Ok(Texts { text, ends }),
        }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline(always)]
    fn at(&self, index: usize) -> &'a str {
        &self.text[self.ends.of(index)]
    }

    #[inline(always)]
    fn slice(&self, range: Range<usize>) -> Self {
        Texts { text: self.text, ends: self.ends.slice(range) }
    }
}

/// Values that may be null.
#[derive(Clone, Copy, Debug)]
pub struct Nullable<'a, V> {
    values: V,
    /// Empty if there are no nulls.
    present: &'a [u8],
}

impl<'a, V: View<'a>> View<'a> for Nullable<'a, V> {
    type Item = Option<V::Item>;

    fn empty() -> Self {
        Nullable { values: V::empty(), present: &[] }
    }

    fn open(column: &RawColumn<'a>) -> Result<Self, String> {
        let values = V::open(column)?;
        if !column.present.is_empty() && column.present.len() != values.len() {
            return Err(format!("{} presence bytes for {} values", column.present.len(), values.len()));
        }
        Ok(Nullable { values, present: column.present })
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    fn at(&self, index: usize) -> Option<V::Item> {
        let null = self.present.get(index).is_some_and(|present| *present == 0);
        (!null).then(|| self.values.at(index))
    }

    #[inline(always)]
    fn slice(&self, range: Range<usize>) -> Self {
        let present = if self.present.is_empty() { &[] } else { &self.present[range.clone()] };
        Nullable { values: self.values.slice(range), present }
    }
}
