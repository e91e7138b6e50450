//! Requests and answers as they are on a connection: a length, a header, a body
//! ([protocol](https://kafka.apache.org/protocol#protocol_common)).

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};

use super::pieces::Pieces;
use super::requests::Ask;
use super::shape;

/// What this client calls itself in the brokers' logs.
const CLIENT: StrBytes = StrBytes::from_static_str("skysieve");

/// A request of that number, with a body that `body` appends.
///
/// # Errors
/// What is wrong with the request, such as a text that is too long for the protocol.
pub(super) fn request<'a, R: Ask>(id: i32, body: impl FnOnce(&mut Pieces<'a>)) -> Result<Pieces<'a>, String> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(R::VERSION)
        .with_correlation_id(id)
        .with_client_id(Some(CLIENT));
    let mut encoded = BytesMut::new();
    header.encode(&mut encoded, R::header_version(R::VERSION)).map_err(|error| error.to_string())?;
    let mut pieces = Pieces::default();
    let length = pieces.reserve();
    pieces.put(&encoded);
    body(&mut pieces);
    let bytes = i32::try_from(pieces.len() - 4).map_err(|_| "a request of more than 2 GB".to_owned())?;
    pieces.set(length, bytes.to_be_bytes());
    Ok(pieces)
}

/// The answer to the request of that number, from the bytes that follow the length.
///
/// # Errors
/// How it is malformed.
pub(in crate::kafka) fn answer<R: Ask>(mut bytes: Bytes, id: Option<i32>) -> Result<R::Response, String> {
    let header = ResponseHeader::decode(&mut bytes, R::Response::header_version(R::VERSION));
    let header = header.map_err(|error| error.to_string())?;
    if id != Some(header.correlation_id) {
        return Err("it is for another request".to_owned());
    }
    if !shape::fits(&bytes, R::ANSWER) {
        return Err("it ends early".to_owned());
    }
    R::Response::decode(&mut bytes, R::VERSION).map_err(|error| error.to_string())
}
