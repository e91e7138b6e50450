//! The past of the alerts' topics, for replays.

mod reader;
mod span;

use std::sync::Arc;

use crate::jobs::{Job, JobError, ReplayRequest};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::host::lock::HostLock;
use crate::pipeline::{AnySink, OpenedPast, Past};
use reader::PastReader;
use span::Span;

/// What comes behind the host's name, and before a number, in a replay's consumer group and transactional ids. No topic's
/// name may contain it, and so no host's.
const REPLAY: &str = "#replay-";

/// The alerts of a host's topics, as long as Kafka keeps them.
pub struct KafkaPast {
    /// How to reach Kafka. Its flag says that the host stops.
    pub options: Options,
    /// The host's name.
    pub name: String,
    /// The topics of alerts.
    pub topics: Vec<String>,
    /// The topic whose first partition stands for the number of a replay's transactions in its consumer group.
    pub counted_at: String,
    /// The topic for accepted alerts that are too large for the one on which they are published.
    pub dead_letters: Arc<str>,
}

impl Past for KafkaPast {
    fn open(&self, request: &ReplayRequest, job: &Arc<Job>) -> Result<OpenedPast, JobError> {
        let span = Span::parse(request)?;
        let name = format!("{}{REPLAY}{}", self.name, job.slot + 1);
        let refused = |error: Error| JobError::Kafka(error.to_string());
        let reader = PastReader::new(&self.options, &name, &self.topics, job).map_err(refused)?;
        let parts = reader.look_up(&span).map_err(refused)?;
        if parts.iter().all(span::Part::is_empty) {
            return Err(JobError::NoAlerts(span.nothing(request, &parts, reader.oldest().map_err(refused)?)));
        }
        let source = reader.begin(&parts).map_err(refused)?;
        job.update(|status| {
            status.partitions = parts.iter().map(span::Part::progress).collect();
            status.remark = span::remark(&parts);
        });
        let sinks = match &request.into {
            None => Vec::new(),
            Some(_) => {
                // A replay that is cancelled ends, even while its brokers are away.
                let options = Options { stop: job.stop.clone(), ..self.options.clone() };
                let lock = HostLock::new(&options, &name).map_err(refused)?;
                let sinks = lock.publish(&self.counted_at, self.dead_letters.clone()).map_err(refused)?;
                sinks.into_iter().map(AnySink::new).collect()
            }
        };
        Ok(OpenedPast { source: Box::new(source), sinks })
    }
}
