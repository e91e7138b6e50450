//! Every request and every answer, with anything in its fields: as the other side of the protocol reads and writes it.

use std::fmt::Debug;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use proptest::prelude::*;

use super::messages::{self, text};
use crate::kafka::fuzz;
use crate::kafka::wire::frame;
use crate::kafka::wire::requests::Ask;

/// A request as it is sent is read as what it was, to its last byte.
fn sent<R: Ask + Encodable + Decodable + PartialEq + Debug>(request: &R, id: i32) -> Result<(), TestCaseError> {
    let mut body = BytesMut::new();
    request.encode(&mut body, R::VERSION).unwrap();
    let framed = frame::request::<R>(id, |pieces| pieces.put(&body)).unwrap();
    let mut bytes = super::bytes(&framed);
    let length = bytes.split_to(4);
    prop_assert_eq!(i32::from_be_bytes(length[..].try_into().unwrap()) as usize, bytes.len());
    let header = RequestHeader::decode(&mut bytes, R::header_version(R::VERSION)).unwrap();
    prop_assert_eq!((header.request_api_key, header.request_api_version), (R::KEY, R::VERSION));
    prop_assert_eq!((header.correlation_id, header.client_id.as_deref()), (id, Some("skysieve")));
    prop_assert_eq!(&R::decode(&mut bytes, R::VERSION).unwrap(), request);
    prop_assert!(bytes.is_empty(), "{} bytes are left over", bytes.len());
    Ok(())
}

/// An answer's header and body, as brokers write them.
fn written<R: Ask>(answer: &R::Response, id: i32) -> Bytes
where
    R::Response: Encodable,
{
    let mut bytes = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(id);
    header.encode(&mut bytes, R::Response::header_version(R::VERSION)).unwrap();
    answer.encode(&mut bytes, R::VERSION).unwrap();
    bytes.freeze()
}

/// An answer is read as what it was. No part of it is taken for an answer, and with a changed byte it is another one or none.
fn answered<R: Ask>(reader: u8, answer: &R::Response, id: i32, harm: (usize, u8)) -> Result<(), TestCaseError>
where
    R::Response: Encodable + Decodable + PartialEq + Debug,
{
    let bytes = written::<R>(answer, id);
    let read = frame::answer::<R>(bytes.clone(), Some(id));
    prop_assert_eq!(read.as_ref(), Ok(answer));
    prop_assert!(frame::answer::<R>(bytes.clone(), Some(id.wrapping_add(1))).is_err());
    prop_assert!(frame::answer::<R>(bytes.clone(), None).is_err());
    for cut in 0..bytes.len() {
        let part = frame::answer::<R>(bytes.slice(..cut), Some(id));
        prop_assert!(part.is_err(), "{cut} of {} bytes: {part:?}", bytes.len());
    }
    let mut body = BytesMut::new();
    answer.encode(&mut body, R::VERSION).unwrap();
    let at = harm.0 % body.len();
    body[at] = harm.1;
    let mut harmed = vec![reader];
    harmed.put_slice(&body);
    fuzz::broker(&harmed);
    Ok(())
}

/// Properties of a request, of its answer, and of the answer with a changed byte. The numbers are those of `fuzz::broker`.
macro_rules! round_trips {
    ($($name:ident: $reader:literal, $type:ident, $request:expr, $answer:expr;)*) => {$(
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(64))]
            #[test]
            fn $name(
                request in $request,
                answer in $answer,
                id in any::<i32>(),
                harm in (any::<usize>(), any::<u8>()),
            ) {
                sent::<$type>(&request, id)?;
                answered::<$type>($reader, &answer, id, harm)?;
            }
        }
    )*};
}

round_trips! {
    produce: 0, ProduceRequest, messages::produce_request(), messages::produce_answer();
    metadata: 1, MetadataRequest, messages::metadata_request(), messages::metadata_answer();
    find_coordinator: 2, FindCoordinatorRequest,
        (text(), any::<i8>()).prop_map(|(key, kind)| FindCoordinatorRequest::default().with_key(key).with_key_type(kind)),
        messages::coordinator();
    init_producer_id: 3, InitProducerIdRequest, messages::init_request(), messages::init_answer();
    add_partitions_to_txn: 4, AddPartitionsToTxnRequest, messages::add_partitions(), messages::added_partitions();
    add_offsets_to_txn: 5, AddOffsetsToTxnRequest, messages::add_offsets(),
        (any::<i32>(), any::<i16>()).prop_map(|(throttle, code)| {
            AddOffsetsToTxnResponse::default().with_throttle_time_ms(throttle).with_error_code(code)
        });
    txn_offset_commit: 6, TxnOffsetCommitRequest, messages::commit_request(), messages::commit_answer();
    end_txn: 7, EndTxnRequest, messages::end_request(),
        (any::<i32>(), any::<i16>()).prop_map(|(throttle, code)| {
            EndTxnResponse::default().with_throttle_time_ms(throttle).with_error_code(code)
        });
    api_versions: 8, ApiVersionsRequest, Just(ApiVersionsRequest::default()), messages::versions();
    sasl_handshake: 9, SaslHandshakeRequest,
        text().prop_map(|name| SaslHandshakeRequest::default().with_mechanism(name)),
        (any::<i16>(), proptest::collection::vec(text(), 0..4)).prop_map(|(code, mechanisms)| {
            SaslHandshakeResponse::default().with_error_code(code).with_mechanisms(mechanisms)
        });
    sasl_authenticate: 10, SaslAuthenticateRequest,
        proptest::collection::vec(any::<u8>(), 0..300)
            .prop_map(|bytes| SaslAuthenticateRequest::default().with_auth_bytes(bytes.into())),
        messages::authenticated();
}

proptest! {
    #[test]
    fn whatever_a_broker_says_is_read_or_refused(
        reader in 0..fuzz::READERS,
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        zeros in 0..100usize,
    ) {
        // Small numbers are more likely to be lengths.
        bytes.iter_mut().take(zeros).step_by(2).for_each(|byte| *byte = 0);
        bytes.insert(0, reader);
        fuzz::broker(&bytes);
    }
}

#[test]
fn a_text_that_is_too_long_for_the_protocol_is_an_error() {
    let request = FindCoordinatorRequest::default().with_key(StrBytes::from_string("x".repeat(1 << 16)));
    assert!(request.encode(&mut BytesMut::new(), FindCoordinatorRequest::VERSION).is_err());
}
