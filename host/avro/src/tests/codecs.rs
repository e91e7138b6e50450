//! Containers compressed as the writers of other languages do it, and compressed data made to do harm.

use std::io::Write;

use super::framing::{SCHEMA, block, by_hand, ids};
use super::*;
use crate::gunzip;

/// Two alerts, of ids 1 and 2.
const ALERTS: &[u8] = &[2, 2, b'x', 4, 2, b'y'];

fn finished<W>(mut encoder: W, content: &[u8], finish: impl FnOnce(W) -> std::io::Result<Vec<u8>>) -> Vec<u8>
where
    W: Write,
{
    encoder.write_all(content).unwrap();
    finish(encoder).unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    finished(flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best()), content, |it| it.finish())
}

fn gzip(content: &[u8]) -> Vec<u8> {
    finished(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best()), content, |it| it.finish())
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    finished(bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best()), content, |it| it.finish())
}

fn xz(content: &[u8]) -> Vec<u8> {
    finished(liblzma::write::XzEncoder::new(Vec::new(), 6), content, |it| it.finish())
}

/// The `.lzma` format, which Python's lzma reads as well.
fn lzma(content: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    finished(liblzma::write::XzEncoder::new_stream(Vec::new(), stream), content, |it| it.finish())
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

fn snappy(content: &[u8]) -> Vec<u8> {
    let compressed = snap::raw::Encoder::new().compress_vec(content).unwrap();
    [compressed, crc32fast::hash(content).to_be_bytes().to_vec()].concat()
}

fn container(codec: &str, alerts: i64, compressed: &[u8]) -> Vec<u8> {
    by_hand(&[("avro.schema", SCHEMA.as_bytes()), ("avro.codec", codec.as_bytes())], &block(alerts, compressed))
}

type Compress = fn(&[u8]) -> Vec<u8>;

const CODECS: [(&str, Compress); 7] = [
    ("deflate", deflate),
    ("bzip2", bzip2),
    ("xz", xz),
    ("xz", lzma),
    ("zstandard", zstandard),
    ("snappy", snappy),
    ("lz4", lz4_flex::block::compress_prepend_size),
];

fn read(codec: &str, compressed: &[u8]) -> (Vec<i64>, Option<String>) {
    ids(&Arc::new(Schemas::default()), &container(codec, 2, compressed))
}

#[test]
fn every_codec_is_read() {
    for (codec, compress) in CODECS {
        assert_eq!(read(codec, &compress(ALERTS)), (vec![1, 2], None), "{codec}");
    }
    assert_eq!(read("", ALERTS), (vec![1, 2], None), "an empty name is none");
}

#[test]
fn what_is_behind_the_compressed_data_is_ignored() {
    for (codec, compress) in CODECS.into_iter().filter(|(codec, _)| !matches!(*codec, "snappy" | "lz4")) {
        for behind in [&[0][..], b"\x12\x34\x56", &[0xff; 100]] {
            let compressed = [&compress(ALERTS)[..], behind].concat();
            assert_eq!(read(codec, &compressed), (vec![1, 2], None), "{codec}, {behind:?}");
        }
    }
    // Python's writers do this: they take zlib's format without the two bytes of its header and only one of the four
    // bytes of its checksum.
    let zlib =
        finished(flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default()), ALERTS, |it| it.finish());
    assert_eq!(read("deflate", &zlib[2..zlib.len() - 1]), (vec![1, 2], None));
}

#[test]
fn several_frames_and_streams_are_one_block() {
    for (codec, compress) in [("bzip2", bzip2 as Compress), ("xz", xz), ("zstandard", zstandard)] {
        let parts = [compress(&ALERTS[..2]), compress(&[]), compress(&ALERTS[2..]), b"..".to_vec()].concat();
        assert_eq!(read(codec, &parts), (vec![1, 2], None), "{codec}");
    }
    let skipped = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [&skipped[..], &zstandard(ALERTS), &skipped].concat();
    assert_eq!(read("zstandard", &frames), (vec![1, 2], None));
}

#[test]
fn data_that_are_cut_off_are_refused() {
    for (codec, compress) in CODECS {
        let compressed = compress(ALERTS);
        for length in [0, 1, compressed.len() / 2, compressed.len() - 1] {
            // The last byte of a deflate stream may hold nothing but its end.
            let (read, error) = read(codec, &compressed[..length]);
            assert!(error.is_some(), "{codec}: {length} of {} bytes: {read:?}", compressed.len());
        }
    }
}

#[test]
fn a_constant_cutout_is_read_and_a_bomb_is_not() {
    let schemas = Schemas::default();
    let alert = |bytes: usize| {
        let mut alert = vec![2];
        super::generate::long(bytes as i64, &mut alert);
        alert.resize(alert.len() + bytes, b' ');
        alert
    };
    for (codec, compress) in CODECS {
        let cutout = alert(2_000_000);
        let message = container(codec, 1, &compress(&cutout));
        assert_eq!(schemas.frame(&message).unwrap().datum.len(), cutout.len(), "{codec}");
        // These two cannot inflate to a thousand times their size, so they are refused only if they are too large as a
        // whole.
        let bomb = if matches!(codec, "snappy" | "lz4") { 65 << 20 } else { 10 << 20 };
        let bomb = container(codec, 1, &compress(&alert(bomb)));
        let refused = schemas.frame(&bomb).unwrap_err().to_string();
        assert!(refused.contains("inflates to more than") || refused.contains("claims to inflate"), "{refused}");
    }
}

#[test]
fn gunzipped() {
    let text = b"SIMPLE  =";
    let most = 100;
    for behind in [&[][..], &[0; 4], b"rubbish", &[0x1f]] {
        assert_eq!(gunzip(&[&gzip(text)[..], behind].concat(), most).unwrap(), text, "{behind:?}");
    }
    for between in [&[][..], &[0; 512]] {
        let members = [&gzip(text)[..], between, &gzip(b""), &gzip(text)].concat();
        assert_eq!(gunzip(&members, most).unwrap(), text.repeat(2), "{between:?}");
    }
    let (whole, zeros) = (gzip(text), gzip(&[0; 101]));
    for broken in [&whole[..whole.len() - 1], &[&whole[..], &whole[..15]].concat(), &[0x1f, 0x8b], &zeros] {
        assert!(gunzip(broken, most).is_err());
    }
    let mut checksum = whole;
    let at = checksum.len() - 6;
    checksum[at] ^= 1;
    assert!(gunzip(&checksum, most).is_err());
}
