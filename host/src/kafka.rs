//! Kafka: source, sink and the embedded broker.
