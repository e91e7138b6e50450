//! Bytes to be sent: some are copied, and some are borrowed from where they are.

use std::io::IoSlice;
use std::ops::Range;

/// Below this many bytes a copy costs less than a piece.
const SMALL: usize = 512;

/// Bytes in order.
#[derive(Default)]
pub(super) struct Pieces<'a> {
    made: Vec<u8>,
    parts: Vec<Part<'a>>,
    len: usize,
}

enum Part<'a> {
    Made(Range<usize>),
    Lent(&'a [u8]),
}

/// A place between two bytes.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    part: usize,
    made: usize,
    at: usize,
}

impl<'a> Pieces<'a> {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends a copy.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let from = self.made.len();
        self.made.extend_from_slice(bytes);
        self.len += bytes.len();
        match self.parts.last_mut() {
            Some(Part::Made(range)) => range.end = self.made.len(),
            _ => self.parts.push(Part::Made(from..self.made.len())),
        }
    }

    /// Appends the bytes by reference, or a copy if they are few.
    pub(super) fn lend(&mut self, bytes: &'a [u8]) {
        if bytes.len() < SMALL {
            return self.put(bytes);
        }
        self.parts.push(Part::Lent(bytes));
        self.len += bytes.len();
    }

    /// Appends a number as protocol buffers' signed varints: small ones are short.
    /// <https://protobuf.dev/programming-guides/encoding/#signed-ints>
    pub(super) fn put_varint(&mut self, value: i64) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.put(&[rest as u8 | 0x80]);
            rest >>= 7;
        }
        self.put(&[rest as u8]);
    }

    /// Four bytes that are set later.
    pub(super) fn reserve(&mut self) -> Mark {
        let mark = self.mark();
        self.put(&[0; 4]);
        mark
    }

    /// The end as it is now. The next byte is not appended to a part before it.
    pub(super) fn mark(&self) -> Mark {
        let part = match self.parts.last() {
            Some(Part::Made(_)) => self.parts.len() - 1,
            _ => self.parts.len(),
        };
        Mark { part, made: self.made.len(), at: self.len }
    }

    /// How many bytes come after a mark.
    pub(super) fn since(&self, mark: Mark) -> usize {
        self.len - mark.at
    }

    /// Sets bytes that were reserved.
    pub(super) fn set(&mut self, reserved: Mark, bytes: [u8; 4]) {
        self.made[reserved.made..reserved.made + 4].copy_from_slice(&bytes);
    }

    /// CRC-32C (Castagnoli) of all bytes after a mark.
    pub(super) fn crc_since(&self, mark: Mark) -> u32 {
        self.parts[mark.part..].iter().fold(0, |crc, part| match part {
            Part::Made(range) => crc32c::crc32c_append(crc, &self.made[range.start.max(mark.made)..range.end]),
            Part::Lent(bytes) => crc32c::crc32c_append(crc, bytes),
        })
    }

    /// For writing.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Made(range) => IoSlice::new(&self.made[range.clone()]),
                Part::Lent(bytes) => IoSlice::new(bytes),
            })
            .collect()
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// How many bytes [`Pieces::put_varint`] takes for a number.
pub(super) fn varint_len(value: i64) -> usize {
    let bits = 64 - zigzag(value).leading_zeros() as usize;
    bits.div_ceil(7).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(pieces: &Pieces<'_>) -> Vec<u8> {
        pieces.slices().iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn bytes_come_in_order_wherever_they_are() {
        let large = vec![7; SMALL];
        let mut pieces = Pieces::default();
        pieces.put(b"ab");
        let reserved = pieces.reserve();
        let mark = pieces.mark();
        pieces.lend(b"few");
        pieces.lend(&large);
        pieces.put(b"z");
        pieces.set(reserved, *b"1234");
        let expected = [b"ab1234few".as_slice(), &large, b"z"].concat();
        assert_eq!((bytes(&pieces), pieces.len()), (expected.clone(), expected.len()));
        assert_eq!(pieces.since(mark), expected.len() - 6);
        assert_eq!(pieces.crc_since(mark), crc32c::crc32c(&expected[6..]));
        assert_eq!(pieces.slices().len(), 3);
    }

    #[test]
    fn a_mark_behind_lent_bytes() {
        let large = vec![7; SMALL];
        let mut pieces = Pieces::default();
        pieces.lend(&large);
        let mark = pieces.mark();
        pieces.put(b"123456789");
        // The check value of CRC-32C (RFC 3720's polynomial).
        assert_eq!(pieces.crc_since(mark), 0xe306_9283);
    }

    #[test]
    fn varints_have_the_length_that_is_told() {
        let check = |value: i64, expected: &[u8]| {
            let mut pieces = Pieces::default();
            pieces.put_varint(value);
            assert_eq!(bytes(&pieces), expected, "{value}");
            assert_eq!(varint_len(value), expected.len(), "{value}");
        };
        check(0, &[0]);
        check(-1, &[1]);
        check(1, &[2]);
        check(63, &[126]);
        check(64, &[0x80, 1]);
        check(-65, &[0x81, 1]);
        check(i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }
}
