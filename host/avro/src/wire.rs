//! Avro's binary encoding, value by value ([Avro 1.12, Binary
//! Encoding](https://avro.apache.org/docs/1.12.0/specification/#binary-encoding)).
//!
//! Each function takes the whole data and an offset, and returns what it read and the offset behind it.

use std::fmt;

/// What is wrong with encoded data, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The offset of the value at fault.
    pub(super) at: usize,
    pub(super) what: What,
}

/// What is wrong with encoded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Short { left: usize },
    Varint,
    Int(i64),
    Length(i64),
    Branch { branches: usize },
    Boolean(u8),
    Symbol { symbols: usize },
    Utf8,
    Depth,
    Values,
    Bytes,
    Elements { most: usize },
    Block { bytes: usize, read: usize },
    Trailing { bytes: usize },
}

/// How deep values may be nested.
pub(super) const MAX_DEPTH: usize = 64;
/// How many elements of an array are read.
pub(super) const MAX_VALUES: usize = 1 << 20;
/// How many bytes of text and bytes one alert may put into a column.
pub(super) const MAX_BYTES: usize = 64 << 20;

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Short { left } => write!(f, "the data ends in it ({left} bytes are left)"),
            What::Varint => f.write_str("a number of more than 64 bits"),
            What::Int(value) => write!(f, "{value} is beyond 32 bits"),
            What::Length(length) => write!(f, "the length {length} is negative"),
            What::Branch { branches } => write!(f, "it is not one of the {branches} branches of its union"),
            What::Boolean(byte) => write!(f, "the byte {byte} is not a boolean"),
            What::Symbol { symbols } => write!(f, "it is not one of the {symbols} symbols of its enum"),
            What::Utf8 => f.write_str("it is not UTF-8"),
            What::Depth => write!(f, "it is nested more than {MAX_DEPTH} deep"),
            What::Values => write!(f, "the alert holds more than {MAX_VALUES} values that are asked for"),
            What::Bytes => write!(f, "the alert holds more than {MAX_BYTES} bytes that are asked for"),
            What::Elements { most } => write!(f, "it has more than {most} elements"),
            What::Block { bytes, read } => write!(f, "a block claims to have {bytes} bytes, but its items have {read}"),
            What::Trailing { bytes } => write!(f, "{bytes} bytes follow its end"),
        }
    }
}

#[inline(always)]
pub(super) fn fault<T>(at: usize, what: What) -> Result<T, Fault> {
    Err(Fault { at, what })
}

#[cold]
pub(super) fn short(data: &[u8], at: usize) -> Fault {
    Fault { at, what: What::Short { left: data.len().saturating_sub(at) } }
}

/// The offset that is `size` bytes further on.
#[inline(always)]
pub(super) fn forward(data: &[u8], at: usize, size: usize) -> Result<usize, Fault> {
    match at.checked_add(size) {
        Some(end) if end <= data.len() => Ok(end),
        _ => Err(short(data, at)),
    }
}

/// Reads `N` bytes.
#[inline(always)]
pub(super) fn array<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], Fault> {
    match data.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        Some(bytes) => Ok(*bytes),
        None => Err(short(data, at)),
    }
}

/// Reads a long, or a count.
#[inline(always)]
pub(super) fn long(data: &[u8], at: usize) -> Result<(i64, usize), Fault> {
    match data.get(at) {
        Some(&byte) if byte < 0x80 => Ok((zigzag(u64::from(byte)), at + 1)),
        _ => longer(data, at),
    }
}

fn longer(data: &[u8], at: usize) -> Result<(i64, usize), Fault> {
    let mut value = 0;
    for (index, &byte) in data.get(at..).unwrap_or_default().iter().take(10).enumerate() {
        if index == 9 && byte > 1 {
            return fault(at, What::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((zigzag(value), at + index + 1));
        }
    }
    Err(if data.len().saturating_sub(at) < 10 { short(data, at) } else { Fault { at, what: What::Varint } })
}

#[inline(always)]
fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads an int.
#[inline(always)]
pub(super) fn int(data: &[u8], at: usize) -> Result<(i32, usize), Fault> {
    let (value, next) = long(data, at)?;
    match i32::try_from(value) {
        Ok(value) => Ok((value, next)),
        Err(_) => fault(at, What::Int(value)),
    }
}

/// Returns the offset behind an int or long.
#[inline(always)]
pub(super) fn skip_long(data: &[u8], at: usize) -> Result<usize, Fault> {
    match data.get(at) {
        Some(&byte) if byte < 0x80 => Ok(at + 1),
        _ => skip_longer(data, at),
    }
}

/// Most numbers of more than one byte are ids of 8 or 9 bytes, of which all but the last have the high bit set.
fn skip_longer(data: &[u8], at: usize) -> Result<usize, Fault> {
    if let Some((word, rest)) = data.get(at..).and_then(|rest| rest.split_first_chunk()) {
        let last = !u64::from_le_bytes(*word) & 0x8080_8080_8080_8080;
        if last != 0 {
            return Ok(at + last.trailing_zeros() as usize / 8 + 1);
        }
        if rest.first().is_some_and(|byte| *byte < 0x80) {
            return Ok(at + 9);
        }
    }
    longer(data, at).map(|(_, next)| next)
}

/// Reads a boolean: a byte that is 0 or 1.
#[inline(always)]
pub(super) fn boolean(data: &[u8], at: usize) -> Result<(u8, usize), Fault> {
    match data.get(at) {
        Some(&byte @ (0 | 1)) => Ok((byte, at + 1)),
        Some(&byte) => fault(at, What::Boolean(byte)),
        None => Err(short(data, at)),
    }
}

/// Reads text or bytes: returns where they begin and end.
#[inline(always)]
pub(super) fn blob(data: &[u8], at: usize) -> Result<(usize, usize), Fault> {
    let (length, start) = long(data, at)?;
    match usize::try_from(length) {
        Ok(length) => Ok((start, forward(data, start, length)?)),
        Err(_) => fault(at, What::Length(length)),
    }
}

/// Reads the index of a union's branch. A small index must be encoded in one byte.
#[inline(always)]
pub(super) fn branch(data: &[u8], at: usize, branches: usize) -> Result<(usize, usize), Fault> {
    let (index, next) = long(data, at)?;
    match usize::try_from(index) {
        Ok(index) if index < branches && (next == at + 1 || index >= 64) => Ok((index, next)),
        _ => fault(at, What::Branch { branches }),
    }
}

/// Reads the index of an enum's symbol.
pub(super) fn symbol(data: &[u8], at: usize, symbols: usize) -> Result<(usize, usize), Fault> {
    let (index, next) = int(data, at)?;
    match usize::try_from(index) {
        Ok(index) if index < symbols => Ok((index, next)),
        _ => fault(at, What::Symbol { symbols }),
    }
}

/// The head of a block of an array or map.
pub(super) struct Block {
    /// The number of its items. If it is 0, there are no more blocks.
    pub(super) items: usize,
    /// The offset where it ends, if the writer gave its size.
    pub(super) end: Option<usize>,
}

/// Reads the head of a block of an array or map. The number of items is only the writer's claim.
#[inline]
pub(super) fn block(data: &[u8], at: usize) -> Result<(Block, usize), Fault> {
    let (count, next) = long(data, at)?;
    if count >= 0 {
        return Ok((Block { items: count as usize, end: None }, next));
    }
    let (start, end) = blob(data, next)?;
    Ok((Block { items: count.unsigned_abs() as usize, end: Some(end) }, start))
}

/// Appends an int, a long or a count.
pub(super) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
