//! Compressed data that consist of several parts one after another, and gzip, whose files and cutouts may be such data.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

/// The bytes that a member of gzip begins with ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952), 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Whether these bytes are gzipped.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP)
}

/// Returns the content of gzipped bytes, of all members together if there are several. Bytes behind the last member are
/// ignored, as gzip and Python do: tapes and some archives are padded with zeros.
///
/// # Errors
/// Returns an error if a member is broken or cut off, or if the members inflate to more than `most` bytes.
pub fn gunzip(bytes: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let begins = |rest: &[u8]| is_gzip(behind_zeros(rest));
    members(bytes, most, usize::MAX, begins, |rest, content, most| {
        let mut decoder = GzDecoder::new(behind_zeros(rest));
        (&mut decoder).take(most).read_to_end(content)?;
        Ok(decoder.into_inner())
    })
}

/// Reads one part after another for as long as `another` says that the rest begins with one; it is not asked about the
/// first part. `read` appends at most the given number of bytes of a part, and returns what follows the part.
pub(super) fn members<'a>(
    data: &'a [u8],
    most: usize,
    parts: usize,
    another: impl Fn(&[u8]) -> bool,
    read: impl Fn(&'a [u8], &mut Vec<u8>, u64) -> io::Result<&'a [u8]>,
) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut rest = data;
    for _ in 0..parts {
        // One byte more than allowed shows that there is more.
        let room = (most - content.len()) as u64 + 1;
        rest = read(rest, &mut content, room)?;
        if content.len() > most {
            return Err(io::Error::other(format!("inflates to more than {most} bytes")));
        }
        if !another(rest) {
            return Ok(content);
        }
    }
    Err(io::Error::other(format!("is made of more than {parts} parts")))
}

fn behind_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}
