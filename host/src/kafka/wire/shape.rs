//! How many bytes the arrays of an answer really have, before it is decoded: the decoder makes room for as many elements
//! as a length field says.
//!
//! Each answer's shape is written down as its documentation has it ([protocol](https://kafka.apache.org/protocol)).

/// A field of an answer, or several.
pub(in crate::kafka) enum Shape {
    /// So many bytes.
    Fixed(usize),
    /// A string, or null, behind its length in two bytes.
    Text,
    /// Bytes, or null, behind their length in four bytes.
    Bytes,
    /// Elements behind their count in four bytes.
    Array(&'static [Shape]),
    /// The same in flexible versions: lengths and counts are varints, and one more than they say.
    CompactText,
    CompactArray(&'static [Shape]),
    /// Fields of later versions.
    Tags,
}

/// Whether there are as many bytes as the lengths in them say. Further bytes behind the last field are ignored, as decoders
/// do.
pub(super) fn fits(bytes: &[u8], shape: &[Shape]) -> bool {
    let mut rest = bytes;
    walk(&mut rest, shape).is_some()
}

fn walk(rest: &mut &[u8], shape: &[Shape]) -> Option<()> {
    for field in shape {
        match field {
            Shape::Fixed(bytes) => skip(rest, *bytes)?,
            Shape::Text => {
                let length = i16::from_be_bytes(take(rest)?);
                skip(rest, usize::try_from(length).unwrap_or(0))?;
            }
            Shape::Bytes => {
                let length = i32::from_be_bytes(take(rest)?);
                skip(rest, usize::try_from(length).unwrap_or(0))?;
            }
            Shape::Array(element) => {
                let count = i32::from_be_bytes(take(rest)?);
                elements(rest, usize::try_from(count).unwrap_or(0), element)?;
            }
            Shape::CompactText => {
                let length = varint(rest)?.saturating_sub(1);
                skip(rest, length)?;
            }
            Shape::CompactArray(element) => {
                let count = varint(rest)?.saturating_sub(1);
                elements(rest, count, element)?;
            }
            Shape::Tags => {
                for _ in 0..varint(rest)? {
                    varint(rest)?;
                    let length = varint(rest)?;
                    skip(rest, length)?;
                }
            }
        }
    }
    Some(())
}

/// Every element has at least one byte, so a count that is too large ends when the bytes do.
fn elements(rest: &mut &[u8], count: usize, element: &[Shape]) -> Option<()> {
    (0..count).try_for_each(|_| walk(rest, element))
}

fn skip(rest: &mut &[u8], bytes: usize) -> Option<()> {
    *rest = rest.get(bytes..)?;
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

/// An unsigned varint of up to 32 bits.
fn varint(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let [byte] = take(rest)?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
