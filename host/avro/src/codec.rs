//! Decompression of the blocks of containers.
//!
//! Compressed data themselves say where they end. Bytes that a writer put behind that end are ignored, as the readers
//! of Java, C and Python do: Python's writers leave three bytes of zlib's checksum behind each block of deflate.

use std::borrow::Cow;
use std::io::{self, Read};

use liblzma::stream::Stream;

use super::gzip::members;

/// The largest size that a block may inflate to, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// How many times its own size a block may inflate to. Deflate cannot exceed a factor of 1,032, and real alerts come
/// nowhere near that; bzip2, xz and zstandard can reach a hundred thousand.
const MAX_RATIO: usize = 1000;
/// The ratio does not apply below this size: constant cutouts occur in real alerts, and compress as well as anything
/// can.
const FREE_BYTES: usize = 8 << 20;
/// Snappy and LZ4 announce the inflated size beforehand; it cannot exceed this multiple of the compressed size.
const SNAPPY_RATIO: usize = 64;
const LZ4_RATIO: usize = 255;
/// The memory that xz may take, in bytes: what its highest preset needs, and a little more.
const XZ_MEMORY: u64 = 80 << 20;
/// The number of frames or streams that one block may have. Writers make a single one.
const MAX_PARTS: usize = 1000;

const ZSTD_FRAME: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BZIP2_STREAM: &[u8] = b"BZh";
const XZ_STREAM: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

/// How the blocks of a container are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
    Xz,
    /// Not part of Avro's specification, but Python's fastavro writes it.
    Lz4,
}

impl Codec {
    /// The names of all codecs, for messages.
    pub(super) const NAMES: &str = "null, deflate, snappy, zstandard, bzip2, xz and lz4";

    /// Finds a codec by its name in the container's metadata.
    pub(super) fn named(name: &[u8]) -> Option<Codec> {
        match name {
            b"null" | b"" => Some(Codec::Null),
            b"deflate" => Some(Codec::Deflate),
            b"snappy" => Some(Codec::Snappy),
            b"zstandard" => Some(Codec::Zstandard),
            b"bzip2" => Some(Codec::Bzip2),
            b"xz" => Some(Codec::Xz),
            b"lz4" => Some(Codec::Lz4),
            _ => None,
        }
    }

    /// Returns the block's content, or says what is wrong with the block.
    pub(super) fn inflate(self, block: &[u8]) -> Result<Cow<'_, [u8]>, String> {
        let most = block.len().saturating_mul(MAX_RATIO).clamp(FREE_BYTES, MAX_BYTES);
        match self {
            Codec::Null => return Ok(Cow::Borrowed(block)),
            Codec::Deflate => read_all(flate2::bufread::DeflateDecoder::new(block), most),
            Codec::Snappy => snappy(block, most),
            Codec::Zstandard => members(block, most, MAX_PARTS, is_zstandard, zstandard).map_err(text),
            Codec::Bzip2 => members(block, most, MAX_PARTS, |rest| rest.starts_with(BZIP2_STREAM), bzip2).map_err(text),
            Codec::Xz => members(block, most, MAX_PARTS, |rest| rest.starts_with(XZ_STREAM), xz).map_err(text),
            Codec::Lz4 => lz4(block, most),
        }
        .map(Cow::Owned)
    }
}

fn text(error: io::Error) -> String {
    error.to_string()
}

fn read_all(decoder: impl Read, most: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    decoder.take(most as u64 + 1).read_to_end(&mut content).map_err(text)?;
    if content.len() > most {
        return Err(format!("inflates to more than {most} bytes"));
    }
    Ok(content)
}

/// Whether a frame follows, either one with data or one to be skipped ([RFC
/// 8878](https://www.rfc-editor.org/rfc/rfc8878), 3.1).
fn is_zstandard(rest: &[u8]) -> bool {
    rest.starts_with(ZSTD_FRAME) || matches!(rest, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn zstandard<'a>(block: &'a [u8], content: &mut Vec<u8>, most: u64) -> io::Result<&'a [u8]> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(block)?.single_frame();
    decoder.window_log_max(MAX_BYTES.ilog2())?;
    (&mut decoder).take(most).read_to_end(content)?;
    Ok(decoder.finish())
}

fn bzip2<'a>(block: &'a [u8], content: &mut Vec<u8>, most: u64) -> io::Result<&'a [u8]> {
    let mut decoder = bzip2::bufread::BzDecoder::new(block);
    (&mut decoder).take(most).read_to_end(content)?;
    Ok(decoder.into_inner())
}

/// The `.xz` format, or the older `.lzma` format.
fn xz<'a>(block: &'a [u8], content: &mut Vec<u8>, most: u64) -> io::Result<&'a [u8]> {
    let stream = Stream::new_auto_decoder(XZ_MEMORY, 0)?;
    let mut decoder = liblzma::bufread::XzDecoder::new_stream(block, stream);
    (&mut decoder).take(most).read_to_end(content)?;
    Ok(decoder.into_inner())
}

/// Snappy's raw format, followed by a big-endian CRC-32 of the content.
fn snappy(block: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let (compressed, checksum) = block.split_last_chunk::<4>().ok_or("too short for its checksum")?;
    let claimed = snap::raw::decompress_len(compressed).map_err(|error| error.to_string())?;
    bound(compressed, claimed, SNAPPY_RATIO, most)?;
    let content = snap::raw::Decoder::new().decompress_vec(compressed).map_err(|error| error.to_string())?;
    if crc32fast::hash(&content) != u32::from_be_bytes(*checksum) {
        return Err("the checksum differs".to_owned());
    }
    Ok(content)
}

/// The content's size as a little-endian u32, followed by an LZ4 block.
fn lz4(block: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let (claimed, compressed) = lz4_flex::block::uncompressed_size(block).map_err(|error| error.to_string())?;
    bound(compressed, claimed, LZ4_RATIO, most)?;
    lz4_flex::block::decompress(compressed, claimed).map_err(|error| error.to_string())
}

fn bound(compressed: &[u8], claimed: usize, ratio: usize, most: usize) -> Result<(), String> {
    if claimed > most.min(compressed.len().saturating_mul(ratio)) {
        return Err(format!("claims to inflate {} bytes to {claimed}", compressed.len()));
    }
    Ok(())
}
