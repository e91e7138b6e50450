//! The requests that are sent, each in one version, and what is known of their answers.

use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiVersionsRequest, EndTxnRequest, FindCoordinatorRequest,
    InitProducerIdRequest, MetadataRequest, ProduceRequest, SaslAuthenticateRequest, SaslHandshakeRequest,
    TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::Request;

use super::shape::Shape::{self, Array, Bytes, CompactArray, CompactText, Fixed, Tags, Text};

/// A request that is sent in one version.
pub(in crate::kafka) trait Ask: Request {
    /// The version.
    const VERSION: i16;
    /// Its name in Kafka's documentation.
    const NAME: &str;
    /// The fields of its answer.
    const ANSWER: &[Shape];
    /// How long the broker will throttle this client (quotas), in milliseconds.
    fn throttle(answer: &Self::Response) -> i32;
}

macro_rules! ask {
    ($request:ident, $version:literal, $throttle:expr, $answer:expr) => {
        impl Ask for $request {
            const VERSION: i16 = $version;
            const NAME: &str = stringify!($request);
            const ANSWER: &[Shape] = &$answer;
            fn throttle(answer: &Self::Response) -> i32 {
                let throttle: fn(&Self::Response) -> i32 = $throttle;
                throttle(answer)
            }
        }
    };
}

ask!(
    ProduceRequest,
    8,
    |answer| answer.throttle_time_ms,
    [
        Array(&[
            Text,
            // Partition, error, first offset, time, oldest offset; errors of records; why.
            Array(&[Fixed(4 + 2 + 8 + 8 + 8), Array(&[Fixed(4), Text]), Text]),
        ]),
        Fixed(4),
    ]
);
ask!(
    MetadataRequest,
    10,
    |answer| answer.throttle_time_ms,
    [
        Fixed(4),
        CompactArray(&[Fixed(4), CompactText, Fixed(4), CompactText, Tags]),
        CompactText,
        Fixed(4),
        CompactArray(&[
            Fixed(2),
            CompactText,
            // The topic's id, and whether it is one of Kafka's own.
            Fixed(16 + 1),
            // Error, partition, leader, its epoch; replicas, those in sync, those out of reach.
            CompactArray(&[
                Fixed(2 + 4 + 4 + 4),
                CompactArray(&[Fixed(4)]),
                CompactArray(&[Fixed(4)]),
                CompactArray(&[Fixed(4)]),
                Tags,
            ]),
            Fixed(4),
            Tags,
        ]),
        Fixed(4),
        Tags,
    ]
);
ask!(FindCoordinatorRequest, 2, |answer| answer.throttle_time_ms, [Fixed(4 + 2), Text, Fixed(4), Text, Fixed(4)]);
ask!(InitProducerIdRequest, 4, |answer| answer.throttle_time_ms, [Fixed(4 + 2 + 8 + 2), Tags]);
ask!(
    AddPartitionsToTxnRequest,
    1,
    |answer| answer.throttle_time_ms,
    [Fixed(4), Array(&[Text, Array(&[Fixed(4 + 2)])])]
);
ask!(AddOffsetsToTxnRequest, 1, |answer| answer.throttle_time_ms, [Fixed(4 + 2)]);
ask!(
    TxnOffsetCommitRequest,
    3,
    |answer| answer.throttle_time_ms,
    [Fixed(4), CompactArray(&[CompactText, CompactArray(&[Fixed(4 + 2), Tags]), Tags]), Tags]
);
ask!(EndTxnRequest, 1, |answer| answer.throttle_time_ms, [Fixed(4 + 2)]);
ask!(ApiVersionsRequest, 0, |_| 0, [Fixed(2), Array(&[Fixed(2 + 2 + 2)])]);
ask!(SaslHandshakeRequest, 1, |_| 0, [Fixed(2), Array(&[Text])]);
ask!(SaslAuthenticateRequest, 1, |_| 0, [Fixed(2), Text, Bytes, Fixed(8)]);

/// The key, version and name of each request that a broker must understand. Those of SASL come before the brokers are asked
/// what they understand.
pub(super) const NEEDED: [(i16, i16, &str); 9] = [
    needed::<ProduceRequest>(),
    needed::<MetadataRequest>(),
    needed::<FindCoordinatorRequest>(),
    needed::<InitProducerIdRequest>(),
    needed::<AddPartitionsToTxnRequest>(),
    needed::<AddOffsetsToTxnRequest>(),
    needed::<TxnOffsetCommitRequest>(),
    needed::<EndTxnRequest>(),
    needed::<ApiVersionsRequest>(),
];

const fn needed<R: Ask>() -> (i16, i16, &'static str) {
    (R::KEY, R::VERSION, R::NAME)
}
