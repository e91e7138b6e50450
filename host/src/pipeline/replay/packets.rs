//! Alerts that have come with a request: files of one or many alerts.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::{Sender, bounded};
use skysieve_avro::{Framed, SchemaId, Schemas, Wrapper, gunzip, is_gzip};

use crate::jobs::{Job, JobError, PACKET_BYTES, PACKETS};
use crate::pipeline::memory::MemorySource;

/// The name of the topic that they seem to come from.
const TOPIC: &str = "packets";
/// How many alerts wait to be judged.
const WAITING: usize = 256;

/// Takes files apart on a thread of its own, into a source of alerts. What is not an alert counts as a message that is none.
///
/// # Errors
/// Returns a [`JobError`] if there is no thread for it.
pub fn source(files: Vec<Bytes>, schemas: Arc<Schemas>, job: Arc<Job>) -> Result<MemorySource, JobError> {
    let (sender, packets) = bounded(WAITING);
    let work = move || {
        if !(Splitter { schemas, packets: sender, wrappers: HashMap::new(), sent: 0 }).send_all(files) {
            let remark = format!("only the first {PACKETS} alerts of the request were judged");
            job.update(|status| status.remark = Some(remark));
        }
    };
    let thread = std::thread::Builder::new().name("packets".to_owned());
    thread.spawn(work).map_err(|error| JobError::Kafka(format!("cannot start a thread: {error}")))?;
    Ok(MemorySource::of(TOPIC, packets))
}

struct Splitter {
    schemas: Arc<Schemas>,
    packets: Sender<Bytes>,
    /// How alerts of each schema are put into messages of their own.
    wrappers: HashMap<SchemaId, Option<Wrapper>>,
    sent: usize,
}

impl Splitter {
    /// Returns whether all were sent, or nobody takes them any more.
    fn send_all(&mut self, files: Vec<Bytes>) -> bool {
        files.into_iter().all(|file| self.send_file(file))
    }

    /// Returns whether there is room for more.
    fn send_file(&mut self, file: Bytes) -> bool {
        let file = match is_gzip(&file) {
            // What is broken becomes a message that is not an alert.
            true => gunzip(&file, PACKET_BYTES).map(Bytes::from).unwrap_or_default(),
            false => file,
        };
        if self.schemas.frame(&file).is_ok() {
            return self.send(file);
        }
        let schemas = self.schemas.clone();
        schemas.alerts(&file).all(|alert| {
            let message = alert.ok().and_then(|alert| self.wrap(&alert)).unwrap_or_default();
            self.send(message)
        })
    }

    fn wrap(&mut self, alert: &Framed<'_>) -> Option<Bytes> {
        let schemas = &self.schemas;
        let wrapper = self.wrappers.entry(alert.schema).or_insert_with(|| schemas.container(alert.schema));
        Some(wrapper.as_ref()?.wrap(&alert.datum).into())
    }

    fn send(&mut self, message: Bytes) -> bool {
        self.sent += 1;
        self.sent <= PACKETS && self.packets.send(message).is_ok()
    }
}
