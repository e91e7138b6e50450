//! Containers: the input itself or, to reach the parsing of blocks, a sound head with a block made from the input.
#![no_main]

use std::io::Write;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use skysieve_avro::{Schemas, gunzip};

const SCHEMA: &[u8] = br#"{"type": "record", "name": "alert", "fields": [
    {"name": "id", "type": "long"}, {"name": "text", "type": "string"}, {"name": "nulls", "type": {"type": "array", "items": "null"}}]}"#;
const CODECS: [&[u8]; 7] = [b"null", b"deflate", b"snappy", b"zstandard", b"bzip2", b"xz", b"lz4"];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let _ = gunzip(rest, 1 << 20);
    match first % 16 {
        0 => read(rest),
        1 => read(&[b"Obj\x01", rest].concat()),
        choice => {
            let codec = usize::from(choice - 2) % CODECS.len();
            let Some((count, content)) = rest.split_first() else { return };
            // The block is compressed as it should be, or not at all.
            let block = if choice < 9 { content.to_vec() } else { compressed(codec, content) };
            read(&container(CODECS[codec], *count, &block));
        }
    }
});

fn read(file: &[u8]) {
    let schemas = Arc::new(Schemas::default());
    let _ = schemas.frame(file).map(|alert| schemas.validate(&alert));
    let mut alerts = schemas.alerts(file);
    // There may be many alerts without bytes.
    for _ in 0..10_000 {
        let Some(alert) = alerts.next() else { return };
        if let Err(error) = alert.and_then(|alert| schemas.validate(&alert)) {
            assert!(!alerts.tell(&error).is_empty());
        }
    }
}

fn container(codec: &[u8], count: u8, block: &[u8]) -> Vec<u8> {
    let mut file = b"Obj\x01\x04".to_vec();
    for text in [b"avro.codec", codec, b"avro.schema", SCHEMA] {
        long(text.len() as u64, &mut file);
        file.extend_from_slice(text);
    }
    file.push(0);
    file.extend([7; 16]);
    // This is done twice, because a broken alert must not hide the following ones.
    for _ in 0..2 {
        file.push(count & 0x7f);
        long(block.len() as u64, &mut file);
        file.extend_from_slice(block);
        file.extend([7; 16]);
    }
    file
}

fn long(value: u64, out: &mut Vec<u8>) {
    let mut rest = value << 1;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Compresses the content with a codec. For codecs that are not worth the trouble, the content is returned as it is.
fn compressed(codec: usize, content: &[u8]) -> Vec<u8> {
    match CODECS[codec] {
        b"deflate" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default()
        }
        b"zstandard" => zstd::encode_all(content, 1).unwrap_or_default(),
        b"bzip2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default()
        }
        b"xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default()
        }
        _ => content.to_vec(),
    }
}
