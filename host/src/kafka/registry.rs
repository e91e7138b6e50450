//! The registry of filters in two compacted topics: records of filters, and pieces of modules. In a third one, the hosts
//! that share it announce themselves.

pub(in crate::kafka) mod hosts;
mod reader;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::kafka::client::error::{Error, Remedy};
use crate::kafka::client::options::Options;
use crate::kafka::host::topics::{TopicSettings, Topics};
use crate::registry::{Blob, Blobs, Raw, Store, StoreError, Write};
use reader::Reader;
use writer::Writer;

/// How long a question at a start may take, and later ones, which people wait for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of the transactional id of whoever writes into the registry, behind the name of the filters' topic.
const WRITER: &str = "#writer";

/// The registry of filters in Kafka.
pub struct KafkaRegistry {
    options: Options,
    filters: Arc<str>,
    modules: Arc<str>,
    topics: Topics,
    /// Whether the topics were seen to be as they should be.
    is_checked: Mutex<bool>,
    reader: Mutex<Reader>,
    writer: Mutex<Writer>,
}

impl KafkaRegistry {
    /// The registry in these topics. It connects when it is first asked.
    ///
    /// # Errors
    /// [`Error`] when an override is wrong.
    pub fn new(
        options: &Options,
        filters: &str,
        modules: &str,
        settings: TopicSettings,
    ) -> Result<KafkaRegistry, Error> {
        let options = Options { patience: PATIENCE, ..options.clone() };
        let [filters, modules]: [Arc<str>; 2] = [filters.into(), modules.into()];
        Ok(KafkaRegistry {
            topics: Topics::new(&options, settings)?,
            is_checked: Mutex::new(false),
            reader: Mutex::new(Reader::new(&options, &filters)?),
            writer: Mutex::new(Writer::new(&options, &format!("{filters}{WRITER}"))?),
            options,
            filters,
            modules,
        })
    }

    /// Refuses topics in which records would be lost.
    fn check_topics(&self) -> Result<(), Error> {
        let mut is_checked = self.is_checked.lock();
        if *is_checked {
            return Ok(());
        }
        self.topics.registry(&self.filters, &self.modules)?;
        for topic in [&self.filters, &self.modules] {
            if self.topics.is_compacted(topic) == Some(false) {
                return Err(Error::topic(topic, "its cleanup.policy has to be compact, so that filters are not lost"));
            }
            match self.reader.lock().partitions(topic)? {
                1 => {}
                0 => {
                    let reason = "not every broker knows it yet".to_owned();
                    return Err(Error::NotReady { topic: topic.to_string(), reason });
                }
                count => return Err(Error::topic(topic, format!("it has {count} partitions, and has to have 1"))),
            }
        }
        *is_checked = true;
        Ok(())
    }
}

impl Store for KafkaRegistry {
    fn exists(&self) -> Result<bool, StoreError> {
        self.reader.lock().exists().map_err(meaning)
    }

    fn lock(&self) -> Result<(), StoreError> {
        self.check_topics().map_err(meaning)?;
        self.writer.lock().identify().map_err(meaning)
    }

    fn catch_up(&self, take: &mut dyn FnMut(Raw)) -> Result<(), StoreError> {
        self.reader.lock().catch_up(take).map_err(meaning)
    }

    fn follow(&self, take: &mut dyn FnMut(Raw)) -> Result<(), StoreError> {
        let has_waited = self.reader.lock().follow(take).map_err(meaning)?;
        if !has_waited {
            // Nobody is kept from reading.
            std::thread::sleep(reader::LOOK);
        }
        Ok(())
    }

    fn commit(&self, write: &Write) -> Result<i64, StoreError> {
        let mut records: Vec<_> =
            write.pieces.iter().map(|(key, piece)| writer::record(&self.modules, key, piece.clone())).collect();
        let record = write.record.clone().unwrap_or_default();
        records.push(writer::record(&self.filters, &write.key, record.into()));
        self.writer.lock().commit(&records).map_err(meaning)
    }

    fn blobs(&self, wanted: &[Blob]) -> Result<Blobs, StoreError> {
        reader::blobs(&self.options, &self.modules, wanted).map_err(meaning)
    }
}

/// What an error means to whoever asked.
fn meaning(error: Error) -> StoreError {
    match (error.remedy(), &error) {
        (_, Error::Stopped(_)) => StoreError::Stopping,
        (Remedy::Renew, _) => StoreError::Again,
        (Remedy::Retry, _) => StoreError::Unavailable(error.to_string()),
        (Remedy::Shrink(_) | Remedy::GiveUp, _) => StoreError::Impossible(error.to_string()),
    }
}
