//! Messages of the protocol with anything in the fields that the versions asked for have.

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Some text: of topics, hosts, reasons.
pub(super) fn text() -> impl Strategy<Value = StrBytes> {
    prop_oneof![".{0,12}", "[a-z0-9._-]{1,200}"].prop_map(StrBytes::from_string)
}

fn topic() -> impl Strategy<Value = TopicName> {
    text().prop_map(TopicName)
}

fn transactional_id() -> impl Strategy<Value = TransactionalId> {
    text().prop_map(TransactionalId)
}

fn brokers() -> impl Strategy<Value = Vec<BrokerId>> {
    vec(any::<i32>().prop_map(BrokerId), 0..4)
}

/// A producer's id and epoch.
fn producer() -> impl Strategy<Value = (ProducerId, i16)> {
    (any::<i64>().prop_map(ProducerId), any::<i16>())
}

pub(super) fn produce_request() -> impl Strategy<Value = ProduceRequest> {
    let partition = (any::<i32>(), option::of(vec(any::<u8>(), 0..100)))
        .prop_map(|(at, records)| PartitionProduceData::default().with_index(at).with_records(records.map(Into::into)));
    let topic = (topic(), vec(partition, 0..4))
        .prop_map(|(name, partitions)| TopicProduceData::default().with_name(name).with_partition_data(partitions));
    (option::of(transactional_id()), any::<i16>(), any::<i32>(), vec(topic, 0..4)).prop_map(
        |(id, acks, timeout, topics)| {
            let request = ProduceRequest::default().with_transactional_id(id).with_acks(acks);
            request.with_timeout_ms(timeout).with_topic_data(topics)
        },
    )
}

pub(super) fn produce_answer() -> impl Strategy<Value = ProduceResponse> {
    let error = (any::<i32>(), option::of(text())).prop_map(|(at, why)| {
        BatchIndexAndErrorMessage::default().with_batch_index(at).with_batch_index_error_message(why)
    });
    let partition = (any::<(i32, i16, i64, i64, i64)>(), vec(error, 0..3), option::of(text())).prop_map(
        |((at, code, first, time, oldest), errors, why)| {
            let partition = PartitionProduceResponse::default().with_index(at).with_error_code(code);
            let partition = partition.with_base_offset(first).with_log_append_time_ms(time);
            partition.with_log_start_offset(oldest).with_record_errors(errors).with_error_message(why)
        },
    );
    let topic = (topic(), vec(partition, 0..3)).prop_map(|(name, partitions)| {
        TopicProduceResponse::default().with_name(name).with_partition_responses(partitions)
    });
    (vec(topic, 0..3), any::<i32>()).prop_map(|(topics, throttle)| {
        ProduceResponse::default().with_responses(topics).with_throttle_time_ms(throttle)
    })
}

pub(super) fn metadata_request() -> impl Strategy<Value = MetadataRequest> {
    let topic = topic().prop_map(|name| MetadataRequestTopic::default().with_name(Some(name)));
    (option::of(vec(topic, 0..4)), any::<bool>()).prop_map(|(topics, create)| {
        MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(create)
    })
}

pub(super) fn metadata_answer() -> impl Strategy<Value = MetadataResponse> {
    let broker = (any::<(i32, i32)>(), text(), option::of(text())).prop_map(|((id, port), host, rack)| {
        MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(port).with_rack(rack)
    });
    let partition = (any::<(i16, i32, i32, i32)>(), brokers(), brokers(), brokers()).prop_map(
        |((code, at, leader, epoch), replicas, in_sync, away)| {
            let partition = MetadataResponsePartition::default().with_error_code(code).with_partition_index(at);
            let partition = partition.with_leader_id(BrokerId(leader)).with_leader_epoch(epoch);
            partition.with_replica_nodes(replicas).with_isr_nodes(in_sync).with_offline_replicas(away)
        },
    );
    // Before version 12 a topic has a name.
    let topic = (any::<(i16, u128, bool, i32)>(), topic(), vec(partition, 0..3)).prop_map(
        |((code, id, internal, rights), name, partitions)| {
            let topic = MetadataResponseTopic::default().with_error_code(code).with_name(Some(name));
            let topic =
                topic.with_topic_id(format!("{id:032x}").parse().expect("so many digits")).with_is_internal(internal);
            topic.with_partitions(partitions).with_topic_authorized_operations(rights)
        },
    );
    (any::<(i32, i32, i32)>(), vec(broker, 0..3), option::of(text()), vec(topic, 0..3)).prop_map(
        |((throttle, controller, rights), brokers, cluster, topics)| {
            let answer = MetadataResponse::default().with_throttle_time_ms(throttle).with_brokers(brokers);
            let answer = answer.with_cluster_id(cluster).with_controller_id(BrokerId(controller));
            answer.with_topics(topics).with_cluster_authorized_operations(rights)
        },
    )
}

pub(super) fn coordinator() -> impl Strategy<Value = FindCoordinatorResponse> {
    (any::<(i32, i16, i32, i32)>(), option::of(text()), text()).prop_map(|((throttle, code, node, port), why, host)| {
        let answer = FindCoordinatorResponse::default().with_throttle_time_ms(throttle).with_error_code(code);
        answer.with_error_message(why).with_node_id(BrokerId(node)).with_host(host).with_port(port)
    })
}

pub(super) fn init_request() -> impl Strategy<Value = InitProducerIdRequest> {
    (option::of(transactional_id()), any::<i32>(), producer()).prop_map(|(name, timeout, (id, epoch))| {
        let request = InitProducerIdRequest::default().with_transactional_id(name).with_producer_id(id);
        request.with_transaction_timeout_ms(timeout).with_producer_epoch(epoch)
    })
}

pub(super) fn init_answer() -> impl Strategy<Value = InitProducerIdResponse> {
    (any::<(i32, i16)>(), producer()).prop_map(|((throttle, code), (id, epoch))| {
        let answer = InitProducerIdResponse::default().with_throttle_time_ms(throttle).with_error_code(code);
        answer.with_producer_id(id).with_producer_epoch(epoch)
    })
}

pub(super) fn add_partitions() -> impl Strategy<Value = AddPartitionsToTxnRequest> {
    let topic = (topic(), vec(any::<i32>(), 0..4))
        .prop_map(|(name, partitions)| AddPartitionsToTxnTopic::default().with_name(name).with_partitions(partitions));
    (transactional_id(), producer(), vec(topic, 0..4)).prop_map(|(name, (id, epoch), topics)| {
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(name)
            .with_v3_and_below_producer_id(id)
            .with_v3_and_below_producer_epoch(epoch)
            .with_v3_and_below_topics(topics)
    })
}

pub(super) fn added_partitions() -> impl Strategy<Value = AddPartitionsToTxnResponse> {
    let partition = any::<(i32, i16)>().prop_map(|(at, code)| {
        AddPartitionsToTxnPartitionResult::default().with_partition_index(at).with_partition_error_code(code)
    });
    let topic = (topic(), vec(partition, 0..4)).prop_map(|(name, partitions)| {
        AddPartitionsToTxnTopicResult::default().with_name(name).with_results_by_partition(partitions)
    });
    (any::<i32>(), vec(topic, 0..4)).prop_map(|(throttle, topics)| {
        let answer = AddPartitionsToTxnResponse::default().with_throttle_time_ms(throttle);
        answer.with_results_by_topic_v3_and_below(topics)
    })
}

pub(super) fn add_offsets() -> impl Strategy<Value = AddOffsetsToTxnRequest> {
    (transactional_id(), producer(), text()).prop_map(|(name, (id, epoch), group)| {
        let request = AddOffsetsToTxnRequest::default().with_transactional_id(name).with_producer_id(id);
        request.with_producer_epoch(epoch).with_group_id(GroupId(group))
    })
}

pub(super) fn commit_request() -> impl Strategy<Value = TxnOffsetCommitRequest> {
    let partition = (any::<(i32, i64, i32)>(), option::of(text())).prop_map(|((at, offset, epoch), metadata)| {
        let partition = TxnOffsetCommitRequestPartition::default().with_partition_index(at);
        partition.with_committed_offset(offset).with_committed_leader_epoch(epoch).with_committed_metadata(metadata)
    });
    let topic = (topic(), vec(partition, 0..4)).prop_map(|(name, partitions)| {
        TxnOffsetCommitRequestTopic::default().with_name(name).with_partitions(partitions)
    });
    (transactional_id(), producer(), text(), vec(topic, 0..4)).prop_map(|(name, (id, epoch), group, topics)| {
        let request = TxnOffsetCommitRequest::default().with_transactional_id(name).with_group_id(GroupId(group));
        request.with_producer_id(id).with_producer_epoch(epoch).with_topics(topics)
    })
}

pub(super) fn commit_answer() -> impl Strategy<Value = TxnOffsetCommitResponse> {
    let partition = any::<(i32, i16)>().prop_map(|(at, code)| {
        TxnOffsetCommitResponsePartition::default().with_partition_index(at).with_error_code(code)
    });
    let topic = (topic(), vec(partition, 0..4)).prop_map(|(name, partitions)| {
        TxnOffsetCommitResponseTopic::default().with_name(name).with_partitions(partitions)
    });
    (any::<i32>(), vec(topic, 0..4)).prop_map(|(throttle, topics)| {
        TxnOffsetCommitResponse::default().with_throttle_time_ms(throttle).with_topics(topics)
    })
}

pub(super) fn end_request() -> impl Strategy<Value = EndTxnRequest> {
    (transactional_id(), producer(), any::<bool>()).prop_map(|(name, (id, epoch), commit)| {
        let request = EndTxnRequest::default().with_transactional_id(name).with_producer_id(id);
        request.with_producer_epoch(epoch).with_committed(commit)
    })
}

pub(super) fn versions() -> impl Strategy<Value = ApiVersionsResponse> {
    let api = any::<(i16, i16, i16)>().prop_map(|(key, least, most)| {
        ApiVersion::default().with_api_key(key).with_min_version(least).with_max_version(most)
    });
    (any::<i16>(), vec(api, 0..80))
        .prop_map(|(code, apis)| ApiVersionsResponse::default().with_error_code(code).with_api_keys(apis))
}

pub(super) fn authenticated() -> impl Strategy<Value = SaslAuthenticateResponse> {
    (any::<(i16, i64)>(), option::of(text()), vec(any::<u8>(), 0..300)).prop_map(|((code, lifetime), why, bytes)| {
        let answer = SaslAuthenticateResponse::default().with_error_code(code).with_error_message(why);
        answer.with_auth_bytes(bytes.into()).with_session_lifetime_ms(lifetime)
    })
}
