//! How the records of a batch are compressed
//! ([codecs](https://kafka.apache.org/documentation/#recordbatch), bits 0 to 2 of a batch's attributes).

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

/// Bytes of a block of Snappy before compression, as Java's clients cut them. Readers need a buffer of this size.
const SNAPPY_BLOCK: usize = 32 << 10;

/// What stands before the blocks of Snappy: a magic number, the version, and the oldest version that can read it
/// ([snappy-java](https://github.com/xerial/snappy-java#stream-based-api)).
const SNAPPY_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

/// How batches of records are compressed when they are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They are not compressed.
    #[default]
    None,
    /// DEFLATE in gzip's container: understood by every client.
    Gzip,
    /// Snappy in blocks: fast, and weak.
    Snappy,
    /// LZ4 frames: fast.
    Lz4,
    /// Zstandard: the strongest, and quicker than gzip. Brokers and Java's clients know it since Kafka 2.1.
    Zstd,
}

impl Compression {
    /// All of them, in the order of their numbers in Kafka's protocol.
    pub const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    /// Its name in Kafka's settings (`compression.type`).
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// Its number in a batch's attributes.
    pub(in crate::kafka) fn code(self) -> i16 {
        self as i16
    }

    /// Compresses the bytes, if that makes them fewer.
    pub(in crate::kafka) fn compress(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let compressed = match self {
            Compression::None => return None,
            Compression::Gzip => gzip(bytes),
            Compression::Snappy => snappy(bytes),
            Compression::Lz4 => lz4(bytes),
            Compression::Zstd => zstd::bulk::compress(bytes, zstd::DEFAULT_COMPRESSION_LEVEL),
        };
        // Writing to memory does not fail.
        compressed.ok().filter(|compressed| compressed.len() < bytes.len())
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Compression, String> {
        let known = Compression::ALL.into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| "none, gzip, snappy, lz4 or zstd".to_owned())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn snappy(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = SNAPPY_HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    for block in bytes.chunks(SNAPPY_BLOCK) {
        let block = encoder.compress_vec(block)?;
        compressed.extend_from_slice(&(block.len() as u32).to_be_bytes());
        compressed.extend_from_slice(&block);
    }
    Ok(compressed)
}

fn lz4(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // Java's clients refuse blocks that refer to the blocks before them.
    let frame = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(bytes)?;
    encoder.finish().map_err(io::Error::other)
}

#[cfg(test)]
pub(in crate::kafka) mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    /// What a reader makes of it.
    pub(in crate::kafka) fn decompress(codec: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            Compression::None => out = bytes.to_vec(),
            Compression::Gzip => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap()),
            Compression::Lz4 => drop(lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut out).unwrap()),
            Compression::Zstd => out = zstd::decode_all(bytes).unwrap(),
            Compression::Snappy => {
                let mut rest = bytes.strip_prefix(&SNAPPY_HEADER).unwrap();
                while let Some((length, blocks)) = rest.split_first_chunk::<4>() {
                    let (block, others) = blocks.split_at(u32::from_be_bytes(*length) as usize);
                    out.extend(snap::raw::Decoder::new().decompress_vec(block).unwrap());
                    rest = others;
                }
                assert!(rest.is_empty());
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_compressed_can_be_read(word in proptest::collection::vec(any::<u8>(), 1..300), times in 0..1500usize) {
            let bytes = word.repeat(times);
            for codec in Compression::ALL {
                match codec.compress(&bytes) {
                    Some(compressed) => {
                        prop_assert!(compressed.len() < bytes.len());
                        prop_assert!(decompress(codec, &compressed) == bytes, "{codec}");
                    }
                    None => prop_assert!(codec == Compression::None || bytes.len() < 2000, "{codec}: {}", bytes.len()),
                }
            }
        }
    }

    #[test]
    fn what_would_grow_stays_as_it_is() {
        let mut noise = vec![0; 5000];
        openssl::rand::rand_bytes(&mut noise).unwrap();
        for codec in Compression::ALL {
            assert_eq!(codec.compress(&noise), None, "{codec}");
            assert_eq!(codec.compress(&[]), None, "{codec}");
        }
    }

    #[test]
    fn names_are_those_of_kafka() {
        for (code, codec) in (0..).zip(Compression::ALL) {
            assert_eq!((codec.code(), codec.to_string().parse()), (code, Ok(codec)));
        }
        assert!("brotli".parse::<Compression>().unwrap_err().contains("zstd"));
    }
}
