//! Compressed blocks of containers.

use std::borrow::Cow;
use std::io::{BufRead, Read};

/// Bytes that a block may inflate to, and how many times its own size: none of ours comes near either.
const MAX_BYTES: usize = 64 << 20;
const MAX_RATIO: usize = 1000;
/// The ratio does not apply to so few bytes.
const FREE_BYTES: usize = 1 << 20;
/// Snappy says how much it inflates to beforehand; it cannot be more than so many times its size.
const SNAPPY_RATIO: usize = 64;

/// How the blocks of a container are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    /// From the container's metadata.
    pub(super) fn named(name: &[u8]) -> Option<Codec> {
        match name {
            b"null" => Some(Codec::Null),
            b"deflate" => Some(Codec::Deflate),
            b"snappy" => Some(Codec::Snappy),
            b"zstandard" => Some(Codec::Zstandard),
            _ => None,
        }
    }

    /// The block's content, or what is wrong with it.
    pub(super) fn inflate(self, block: &[u8]) -> Result<Cow<'_, [u8]>, String> {
        let most = block.len().saturating_mul(MAX_RATIO).clamp(FREE_BYTES, MAX_BYTES);
        match self {
            Codec::Null => Ok(Cow::Borrowed(block)),
            Codec::Deflate => {
                read_all(flate2::bufread::DeflateDecoder::new(block), most, |decoder| decoder.into_inner())
            }
            Codec::Snappy => snappy(block, most),
            Codec::Zstandard => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(block).map_err(|error| error.to_string())?;
                decoder.window_log_max(MAX_BYTES.ilog2()).map_err(|error| error.to_string())?;
                read_all(decoder, most, |decoder| decoder.finish())
            }
        }
    }
}

fn read_all<'a, R: Read, B: BufRead>(
    mut decoder: R,
    most: usize,
    rest: impl FnOnce(R) -> B,
) -> Result<Cow<'a, [u8]>, String> {
    let mut content = Vec::new();
    (&mut decoder).take(most as u64 + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() > most {
        return Err(format!("inflates to more than {most} bytes"));
    }
    match rest(decoder).fill_buf() {
        Ok([]) => Ok(Cow::Owned(content)),
        Ok(rest) => Err(format!("{} bytes follow the compressed data", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

/// Snappy's raw format, with a big-endian CRC-32 of the content behind it.
fn snappy(block: &[u8], most: usize) -> Result<Cow<'_, [u8]>, String> {
    let (compressed, checksum) = block.split_last_chunk::<4>().ok_or("too short for its checksum")?;
    let claimed = snap::raw::decompress_len(compressed).map_err(|error| error.to_string())?;
    if claimed > most.min(compressed.len().saturating_mul(SNAPPY_RATIO)) {
        return Err(format!("claims to inflate {} bytes to {claimed}", compressed.len()));
    }
    let content = snap::raw::Decoder::new().decompress_vec(compressed).map_err(|error| error.to_string())?;
    if crc32fast::hash(&content) != u32::from_be_bytes(*checksum) {
        return Err("the checksum differs".to_owned());
    }
    Ok(Cow::Owned(content))
}
