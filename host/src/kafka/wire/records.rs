//! Record batches: how Kafka keeps messages ([format](https://kafka.apache.org/documentation/#messageformat), version 2).

use super::pieces::{Pieces, varint_len};
use crate::kafka::client::compression::Compression;
use crate::pipeline::Record;

/// The batch is part of a transaction.
const TRANSACTIONAL: i16 = 1 << 4;

/// What a batch's header says of its producer and its time.
pub(super) struct Stamp {
    /// The producer's id and epoch.
    pub(super) producer: (i64, i16),
    /// The sequence number of the first record.
    pub(super) sequence: i32,
    /// When the records were made, in milliseconds since 1970.
    pub(super) time: i64,
}

/// The most bytes that a record may take in a batch.
pub(super) fn size(record: &Record) -> usize {
    // The record's place in the batch is not known yet.
    let body = body_len(record, i64::from(i32::MAX));
    body + varint_len(body as i64)
}

/// Appends one batch. Its records are compressed where that makes them smaller.
pub(super) fn encode<'a>(pieces: &mut Pieces<'a>, records: &[&'a Record], stamp: &Stamp, codec: Compression) {
    let count = records.len() as i32;
    let compressed = compress(records, codec);
    let attributes = TRANSACTIONAL | compressed.as_ref().map_or(0, |_| codec.code());
    pieces.put(&0i64.to_be_bytes());
    let length = pieces.reserve();
    let after_length = pieces.mark();
    // The leader's epoch, which it sets; magic.
    pieces.put(&(-1i32).to_be_bytes());
    pieces.put(&[2]);
    let crc = pieces.reserve();
    let after_crc = pieces.mark();
    pieces.put(&attributes.to_be_bytes());
    pieces.put(&(count - 1).to_be_bytes());
    pieces.put(&stamp.time.to_be_bytes());
    pieces.put(&stamp.time.to_be_bytes());
    pieces.put(&stamp.producer.0.to_be_bytes());
    pieces.put(&stamp.producer.1.to_be_bytes());
    pieces.put(&stamp.sequence.to_be_bytes());
    pieces.put(&count.to_be_bytes());
    match compressed {
        Some(bytes) => pieces.put(&bytes),
        None => encode_records(pieces, records),
    }
    pieces.set(length, (pieces.since(after_length) as i32).to_be_bytes());
    pieces.set(crc, pieces.crc_since(after_crc).to_be_bytes());
}

/// The records compressed, where that makes them smaller.
fn compress(records: &[&Record], codec: Compression) -> Option<Vec<u8>> {
    if codec == Compression::None {
        return None;
    }
    let mut pieces = Pieces::default();
    encode_records(&mut pieces, records);
    let bytes: Vec<u8> = pieces.slices().iter().flat_map(|slice| slice.iter().copied()).collect();
    codec.compress(&bytes)
}

fn encode_records<'a>(pieces: &mut Pieces<'a>, records: &[&'a Record]) {
    for (at, record) in (0i64..).zip(records) {
        encode_record(pieces, record, at);
    }
}

fn encode_record<'a>(pieces: &mut Pieces<'a>, record: &'a Record, at: i64) {
    pieces.put_varint(body_len(record, at) as i64);
    // Attributes; the time is the batch's.
    pieces.put(&[0]);
    pieces.put_varint(0);
    pieces.put_varint(at);
    match &*record.key {
        [] => pieces.put_varint(-1),
        key => {
            pieces.put_varint(key.len() as i64);
            pieces.put(key);
        }
    }
    // A null, which compaction takes for "delete this key".
    match record.payload.len() {
        0 => pieces.put_varint(-1),
        bytes => {
            pieces.put_varint(bytes as i64);
            pieces.lend(&record.payload);
        }
    }
    pieces.put_varint(record.headers.len() as i64);
    for header in &record.headers {
        pieces.put_varint(header.name.len() as i64);
        pieces.put(header.name.as_bytes());
        pieces.put_varint(header.value.len() as i64);
        pieces.put(&header.value);
    }
}

/// The bytes of a record behind its length.
fn body_len(record: &Record, at: i64) -> usize {
    let counted = |bytes: usize| varint_len(bytes as i64) + bytes;
    // A null takes one byte, as an empty one would.
    let key = if record.key.is_empty() { 1 } else { counted(record.key.len()) };
    let headers = record.headers.iter().map(|header| counted(header.name.len()) + counted(header.value.len()));
    2 + varint_len(at)
        + key
        + counted(record.payload.len())
        + varint_len(record.headers.len() as i64)
        + headers.sum::<usize>()
}
