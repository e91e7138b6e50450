//! Whatever a broker may say, for the fuzz target `brokers` (`fuzz/`) and for properties.

use std::fmt::Debug;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiVersionsRequest, EndTxnRequest, FindCoordinatorRequest,
    InitProducerIdRequest, MetadataRequest, ProduceRequest, ResponseHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::{Encodable, HeaderVersion};

use crate::kafka::follow::group::subscription;
use crate::kafka::wire::TopicId;
use crate::kafka::wire::frame;
use crate::kafka::wire::requests::Ask;
use crate::kafka::wire::sasl::Challenge;

/// How many readers [`broker`] has.
pub const READERS: u8 = 13;

/// Reads bytes as what the first of them chooses.
///
/// # Panics
/// When what is read is not what is written of it.
pub fn broker(data: &[u8]) {
    let Some((reader, bytes)) = data.split_first() else { return };
    match reader % READERS {
        0 => answer::<ProduceRequest>(bytes),
        1 => answer::<MetadataRequest>(bytes),
        2 => answer::<FindCoordinatorRequest>(bytes),
        3 => answer::<InitProducerIdRequest>(bytes),
        4 => answer::<AddPartitionsToTxnRequest>(bytes),
        5 => answer::<AddOffsetsToTxnRequest>(bytes),
        6 => answer::<TxnOffsetCommitRequest>(bytes),
        7 => answer::<EndTxnRequest>(bytes),
        8 => answer::<ApiVersionsRequest>(bytes),
        9 => answer::<SaslHandshakeRequest>(bytes),
        10 => answer::<SaslAuthenticateRequest>(bytes),
        11 => drop(subscription(bytes)),
        _ => {
            let text = String::from_utf8_lossy(bytes);
            let _ = Challenge::read(&text, "nonce");
            if let Some(id) = TopicId::parse(&text) {
                assert_eq!(TopicId::parse(&id.metadata()), Some(id));
            }
        }
    }
}

/// What is accepted of an answer is the same when it is written and read again.
fn answer<R: Ask>(body: &[u8])
where
    R::Response: Encodable + PartialEq + Debug,
{
    let framed = |body: &[u8]| -> Bytes {
        let mut bytes = BytesMut::new();
        let header = ResponseHeader::default().with_correlation_id(7);
        header.encode(&mut bytes, R::Response::header_version(R::VERSION)).expect("it is a number");
        bytes.put_slice(body);
        bytes.freeze()
    };
    let Ok(read) = frame::answer::<R>(framed(body), Some(7)) else { return };
    // Flexible versions may have tagged fields of numbers beyond 2³¹, which are read, but not written.
    if R::Response::header_version(R::VERSION) > 0 {
        return;
    }
    let mut written = BytesMut::new();
    read.encode(&mut written, R::VERSION).expect("it was read");
    assert_eq!(frame::answer::<R>(framed(&written), Some(7)).as_ref(), Ok(&read), "{}", R::NAME);
}
