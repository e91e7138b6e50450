//! Compresses cutouts fast: as gzip (RFC 1952) whose pixels are coded by a single Huffman code made beforehand (RFC
//! 1951).
//!
//! Noise hardly repeats itself, so looking for repetitions would cost ten times as much and save nothing. What can be
//! saved lies in the signs and exponents of floats.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

/// The number of symbols: all bytes, and the end of a block.
const SYMBOLS: usize = 257;
const END: usize = 256;
/// The largest number of bits in a symbol's code: four codes and what is left over from before must fit into 64 bits.
const LONGEST: u32 = 14;

/// Compresses files that have the same head and tail around their pixels.
pub struct Coder {
    codes: [Code; SYMBOLS],
    /// The compressed head, and the complete bytes of the header of the pixels' block.
    prefix: Bits,
    /// The compressed tail.
    suffix: Vec<u8>,
    /// The checksum of the head.
    checksum: Hasher,
    tail: Vec<u8>,
    /// The number of bytes in head and tail together.
    around: usize,
}

/// The code that is written for a symbol, lowest bit first.
#[derive(Clone, Copy, Debug, Default)]
struct Code {
    bits: u16,
    length: u8,
}

/// Bits that are combined into bytes, lowest bit first.
#[derive(Clone, Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Fewer than 8 bits that have yet to be written.
    pending: u64,
    count: u32,
}

impl Coder {
    /// Makes a coder for files that consist of `head`, pixels like those of `sample`, and `tail`.
    pub fn new(head: &[u8], tail: &[u8], sample: impl Iterator<Item = f32>) -> Coder {
        let mut counts = [0u64; SYMBOLS];
        sample.flat_map(f32::to_be_bytes).for_each(|byte| counts[usize::from(byte)] += 1);
        counts[END] = 1;
        let lengths = lengths(&counts);
        // The magic number, deflate, no flags, no time, no extra flags, made on Unix.
        let mut prefix = Bits { bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], ..Bits::default() };
        prefix.bytes.extend(deflate(head, FlushCompress::Sync));
        prefix.block_head(&lengths);
        let mut checksum = Hasher::new();
        checksum.update(head);
        let suffix = deflate(tail, FlushCompress::Finish);
        Coder { codes: codes(&lengths), prefix, suffix, checksum, tail: tail.to_vec(), around: head.len() + tail.len() }
    }

    /// Compresses a file. Its pixels are written in big-endian order.
    pub fn encode(&self, pixels: impl ExactSizeIterator<Item = f32>) -> Vec<u8> {
        let mut plain = vec![0; pixels.len() * 4];
        plain.chunks_exact_mut(4).zip(pixels).for_each(|(bytes, pixel)| bytes.copy_from_slice(&pixel.to_be_bytes()));
        let mut bits = self.prefix.clone();
        bits.push_all(plain.as_chunks::<4>().0, &self.codes);
        let end = self.codes[END];
        bits.push(end.bits.into(), end.length.into());
        let mut file = bits.aligned();
        file.extend_from_slice(&self.suffix);
        let mut checksum = self.checksum.clone();
        checksum.update(&plain);
        checksum.update(&self.tail);
        file.extend_from_slice(&checksum.finalize().to_le_bytes());
        file.extend_from_slice(&((self.around + plain.len()) as u32).to_le_bytes());
        file
    }
}

impl Bits {
    /// Appends up to 14 bits.
    fn push(&mut self, bits: u64, count: u32) {
        self.pending |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Appends the codes of many bytes. Four codes at a time are combined and written as eight bytes, of which the next
    /// write overwrites the surplus. This is three times as fast as writing the codes one by one.
    fn push_all(&mut self, plain: &[[u8; 4]], codes: &[Code; SYMBOLS]) {
        let (mut pending, mut count, mut at) = (self.pending, self.count, self.bytes.len());
        self.bytes.resize(at + plain.len() * (4 * LONGEST as usize).div_ceil(8) + 8, 0);
        for four in plain {
            for byte in four {
                let code = codes[usize::from(*byte)];
                pending |= u64::from(code.bits) << count;
                count += u32::from(code.length);
            }
            self.bytes[at..at + 8].copy_from_slice(&pending.to_le_bytes());
            at += count as usize / 8;
            pending >>= count & !7;
            count &= 7;
        }
        self.bytes.truncate(at);
        (self.pending, self.count) = (pending, count);
    }

    /// Appends the header of a block, not the last one, whose codes have these lengths (RFC 1951, 3.2.7).
    fn block_head(&mut self, lengths: &[u32; SYMBOLS]) {
        self.push(0b100, 3);
        self.push(SYMBOLS as u64 - 257, 5);
        self.push(0, 5);
        // All lengths are written in four bits, by a code of 16 symbols that stand for themselves.
        self.push(19 - 4, 4);
        (0..19).for_each(|at| self.push(if at < 3 { 0 } else { 4 }, 3));
        let distances = [1];
        lengths.iter().chain(&distances).for_each(|&length| {
            let code = Code::new(length, 4);
            self.push(code.bits.into(), 4);
        });
    }

    /// Returns the bytes. An empty block, not the last one, fills up the last byte.
    fn aligned(mut self) -> Vec<u8> {
        self.push(0, 3);
        self.push(0, (8 - self.count) % 8);
        self.bytes.extend_from_slice(&[0, 0, 0xff, 0xff]);
        self.bytes
    }
}

impl Code {
    /// In deflate, the first bit of a code is its highest.
    fn new(code: u32, length: u32) -> Code {
        Code { bits: (code.reverse_bits() >> (32 - length)) as u16, length: length as u8 }
    }
}

/// The lengths of the codes for symbols with these counts. Symbols with a count of zero get a code, too.
fn lengths(counts: &[u64; SYMBOLS]) -> [u32; SYMBOLS] {
    let mut rare = counts.iter().sum::<u64>() / (1 << (LONGEST - 2)) + 1;
    loop {
        let lengths = huffman(counts.map(|count| count + rare));
        if lengths.iter().all(|&length| length <= LONGEST) {
            return lengths;
        }
        rare *= 2;
    }
}

/// Huffman's code (<https://doi.org/10.1109/JRPROC.1952.273898>): the two rarest symbols are distinguished by their
/// last bit, and count as one symbol from then on.
fn huffman(weights: [u64; SYMBOLS]) -> [u32; SYMBOLS] {
    const ROOT: usize = 2 * SYMBOLS - 2;
    let mut left: BinaryHeap<Reverse<(u64, usize)>> = weights.into_iter().zip(0..).map(Reverse).collect();
    let (mut parents, mut depths) = ([0; ROOT], [0; ROOT + 1]);
    for parent in SYMBOLS..=ROOT {
        let [first, second] = [(); 2].map(|()| left.pop().map_or((0, 0), |Reverse(rarest)| rarest));
        [first, second].iter().for_each(|(_, node)| parents[*node] = parent);
        left.push(Reverse((first.0 + second.0, parent)));
    }
    (0..ROOT).rev().for_each(|node| depths[node] = depths[parents[node]] + 1);
    std::array::from_fn(|symbol| depths[symbol])
}

/// The codes of these lengths (RFC 1951, 3.2.2).
fn codes(lengths: &[u32; SYMBOLS]) -> [Code; SYMBOLS] {
    let mut codes = [Code::default(); SYMBOLS];
    let mut next = 0;
    for length in 1..=LONGEST {
        for symbol in (0..SYMBOLS).filter(|&symbol| lengths[symbol] == length) {
            codes[symbol] = Code::new(next, length);
            next += 1;
        }
        next <<= 1;
    }
    codes
}

fn deflate(plain: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(plain.len() + 64);
    let status = Compress::new(Compression::best(), false).compress_vec(plain, &mut compressed, flush);
    status.expect("there is room for what is compressed");
    compressed
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn check(coder: &Coder, pixels: &[f32]) -> usize {
        let file = coder.encode(pixels.iter().copied());
        let mut plain = Vec::new();
        GzDecoder::new(&file[..]).read_to_end(&mut plain).unwrap();
        let pixels: Vec<u8> = pixels.iter().flat_map(|pixel| pixel.to_be_bytes()).collect();
        assert_eq!(plain, [b"head", &pixels[..], b"tail"].concat());
        file.len()
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let noise: Vec<f32> = (1..5000).map(|at| (at as f32).sin() * 7.0).collect();
        let coder = Coder::new(b"head", b"tail", noise.iter().copied());
        let size = check(&coder, &noise);
        assert!(size < noise.len() * 4 * 95 / 100, "{size} bytes of {}", noise.len() * 4);
        // Pixels unlike the sample take more room, but can be coded.
        check(&coder, &[f32::NAN, f32::MIN, f32::MAX, 0.0, -0.0, f32::MIN_POSITIVE]);
        check(&coder, &[]);
    }

    #[test]
    fn codes_of_any_counts_are_complete() {
        for counts in [[0; SYMBOLS], std::array::from_fn(|at| 1 << (at % 40)), std::array::from_fn(|at| at as u64)] {
            let lengths = lengths(&counts);
            assert!(lengths.iter().all(|length| (1..=LONGEST).contains(length)));
            assert_eq!(lengths.iter().map(|length| 1 << (LONGEST - length)).sum::<u32>(), 1 << LONGEST);
        }
    }
}
