//! The framing around an alert's Avro in its packet.

use std::ops::Range;

use super::encode::{bytes, long};
use super::random::Random;

/// How a packet is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Confluent's wire format: a byte 0, the schema's id in four bytes, and the alert.
    Confluent,
    /// An Avro object container file with the schema and a single alert.
    Container,
    /// The alert without framing.
    Bare,
}

/// Frames packets of one schema.
pub struct Envelope {
    framing: Framing,
    /// The bytes that all packets begin with.
    head: Vec<u8>,
}

/// The size of the marker that ends a container's blocks, in bytes; its value is different in each file.
const MARKER: usize = 16;
/// The largest number of bytes that a block's count of alerts and its length take.
const BLOCK_HEAD: usize = 11;

impl Envelope {
    /// Frames alerts of a schema, which is given as JSON and by its id in Confluent's wire format.
    pub fn new(schema: &str, schema_id: u32, framing: Framing) -> Envelope {
        let head = match framing {
            Framing::Confluent => [&[0], &schema_id.to_be_bytes()[..]].concat(),
            Framing::Container => container(schema),
            Framing::Bare => Vec::new(),
        };
        Envelope { framing, head }
    }

    /// Returns the beginning of a packet, to which the alert is to be appended.
    pub fn begin(&self) -> Vec<u8> {
        if self.framing == Framing::Container { Vec::new() } else { self.head.clone() }
    }

    /// Completes the packet of an alert. Also returns where the alert is in it.
    pub fn seal(&self, begun: Vec<u8>, id: i64) -> (Vec<u8>, Range<usize>) {
        if self.framing != Framing::Container {
            let datum = self.head.len()..begun.len();
            return (begun, datum);
        }
        let mut random = Random::new(&[id]);
        let marker = [random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat();
        let mut packet = Vec::with_capacity(self.head.len() + begun.len() + 2 * MARKER + BLOCK_HEAD);
        packet.extend_from_slice(&self.head);
        packet.extend_from_slice(&marker);
        long(&mut packet, 1);
        long(&mut packet, begun.len() as i64);
        let start = packet.len();
        packet.extend_from_slice(&begun);
        let datum = start..packet.len();
        packet.extend_from_slice(&marker);
        (packet, datum)
    }
}

/// The head of a container, up to the marker
/// (<https://avro.apache.org/docs/1.12.0/specification/#object-container-files>).
fn container(schema: &str) -> Vec<u8> {
    let schema: String = schema.lines().map(str::trim_start).collect();
    let mut head = b"Obj\x01".to_vec();
    long(&mut head, 2);
    for (name, value) in [("avro.codec", "null"), ("avro.schema", &schema)] {
        bytes(&mut head, name.as_bytes());
        bytes(&mut head, value.as_bytes());
    }
    long(&mut head, 0);
    head
}
