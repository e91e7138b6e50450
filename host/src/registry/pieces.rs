//! Modules and large configs, cut into pieces: brokers with default settings take messages of 1 MiB. The key of a piece is
//! `SHA256/NUMBER/COUNT`, so that content is kept once, however many versions use it.

use std::collections::HashMap;

use bytes::Bytes;
use skysieve_sandbox::limits::MODULE_BYTES;

use super::record::Blob;
use crate::filters::hash;

/// The largest piece in bytes.
pub const PIECE: usize = 900_000;

/// The keys of a blob's pieces.
pub fn keys(blob: &Blob) -> impl Iterator<Item = String> + '_ {
    let count = usize::try_from(blob.bytes).unwrap_or(MODULE_BYTES).div_ceil(PIECE).max(1);
    (0..count).map(move |number| format!("{}/{number}/{count}", blob.sha256))
}

/// The records of a blob: a key and some bytes for each piece.
pub fn cut(blob: &Blob, content: &Bytes) -> Vec<(String, Bytes)> {
    let piece = |(number, key): (usize, String)| {
        let begin = (number * PIECE).min(content.len());
        (key, content.slice(begin..content.len().min(begin + PIECE)))
    };
    keys(blob).enumerate().map(piece).collect()
}

/// The records that remove a blob.
pub fn remove(blob: &Blob) -> Vec<(String, Bytes)> {
    keys(blob).map(|key| (key, Bytes::new())).collect()
}

/// Puts wanted blobs together from pieces, which come in any order. Anything may have been written into their topic.
#[derive(Default)]
pub struct Pieces {
    wanted: HashMap<String, Wanted>,
}

struct Wanted {
    blob: Blob,
    pieces: Vec<Option<Bytes>>,
}

impl Pieces {
    /// Collects the pieces of these blobs.
    pub fn of<'a>(blobs: impl IntoIterator<Item = &'a Blob>) -> Pieces {
        let wanted = |blob: &Blob| {
            let pieces = vec![None; keys(blob).count()];
            (blob.sha256.clone(), Wanted { blob: blob.clone(), pieces })
        };
        Pieces { wanted: blobs.into_iter().map(wanted).collect() }
    }

    /// Takes note of a record. What is not wanted is left out.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some((hash, number, count)) = parse(key) else { return };
        let Some(wanted) = self.wanted.get_mut(hash).filter(|wanted| wanted.pieces.len() == count) else { return };
        let Some(piece) = wanted.pieces.get_mut(number) else { return };
        *piece = value.filter(|value| value.len() <= PIECE).map(Bytes::copy_from_slice);
    }

    /// Whether there is a piece for each place.
    pub fn is_full(&self) -> bool {
        self.wanted.values().all(|wanted| wanted.pieces.iter().all(Option::is_some))
    }

    /// The blobs that are complete and have their hashes.
    pub fn complete(self) -> HashMap<String, Bytes> {
        let whole = |wanted: Wanted| {
            let pieces = wanted.pieces.into_iter().collect::<Option<Vec<Bytes>>>()?;
            let content = match <[Bytes; 1]>::try_from(pieces) {
                Ok([one]) => one,
                Err(pieces) => pieces.concat().into(),
            };
            (hash(&content) == wanted.blob.sha256).then_some((wanted.blob.sha256, content))
        };
        self.wanted.into_values().filter_map(whole).collect()
    }
}

fn parse(key: &[u8]) -> Option<(&str, usize, usize)> {
    let mut parts = std::str::from_utf8(key).ok()?.split('/');
    let (hash, number, count) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((hash, number, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_put_together() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let content: Bytes = (0..size).map(|at| (at / 7) as u8).collect::<Vec<u8>>().into();
            let blob = Blob::of(&content);
            let mut pieces = Pieces::of([&blob]);
            let cut = cut(&blob, &content);
            assert_eq!(cut.len(), size.div_ceil(PIECE).max(1));
            for (key, piece) in cut.iter().rev() {
                pieces.add(key.as_bytes(), Some(piece));
            }
            assert_eq!(pieces.complete()[&blob.sha256], content, "{size}");
            assert_eq!(remove(&blob).len(), cut.len());
        }
    }

    #[test]
    fn what_is_missing_changed_or_removed_is_not_there() {
        let content: Bytes = vec![7; PIECE + 1].into();
        let blob = Blob::of(&content);
        let cut = cut(&blob, &content);
        let complete = |records: &[(&str, Option<&[u8]>)]| {
            let mut pieces = Pieces::of([&blob]);
            records.iter().for_each(|(key, value)| pieces.add(key.as_bytes(), *value));
            pieces.complete().len()
        };
        let [(one, first), (two, second)] = [&cut[0], &cut[1]];
        assert_eq!(complete(&[(one, Some(first)), (two, Some(second))]), 1);
        assert_eq!(complete(&[(one, Some(first))]), 0);
        assert_eq!(complete(&[(one, Some(first)), (two, Some(b"8"))]), 0);
        assert_eq!(complete(&[(one, Some(first)), (two, Some(second)), (one, None)]), 0);
        let garbage =
            ["", "/", "a/b/c", &format!("{}/9/2", blob.sha256), &format!("{}/0/18446744073709551615", blob.sha256)];
        for key in garbage {
            assert_eq!(complete(&[(key, Some(b"x")), (one, Some(first)), (two, Some(second))]), 1, "{key}");
        }
    }
}
