//! A filter that is ready to run.

use std::sync::Arc;

use skysieve_avro::Projection;
use skysieve_sandbox::Filter;

use super::config::Config;
use super::judge::Judge;
use super::running_filter::RunningFilter;
use super::topics::FilterTopics;
use crate::filters::Entry;

/// A filter that has been checked, compiled and described, and is ready to run.
pub struct Prepared {
    /// Its record.
    pub entry: Arc<Entry>,
    /// The topic of the alerts that it accepts.
    pub topic: Arc<str>,
    pub(super) filter: Filter,
    pub(super) topics: FilterTopics,
}

impl Prepared {
    /// Binds the filter to the projection by which batches are decoded.
    pub(super) fn run(self, projection: &mut Projection, config: &Config) -> RunningFilter {
        let judge = Judge::new(self.filter, projection).expect("the fields were checked when it was prepared");
        RunningFilter::new(self.entry, self.topic, judge, self.topics, config)
    }
}
