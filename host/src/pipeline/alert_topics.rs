//! What a pipeline asks about the topics of alerts, beyond reading them.

use std::sync::Arc;

use super::positions::Positions;
use crate::filters::StreamIdentity;

/// Answers questions about the topics of alerts, and names the host that reads them. May be called from any thread that
/// may wait.
pub trait AlertTopics: Send + Sync {
    /// The host's name.
    fn host(&self) -> &str;

    /// What tells this stream from others.
    ///
    /// # Errors
    /// Returns the reason if nobody answers.
    fn identity(&self) -> Result<StreamIdentity, String>;

    /// Checks whether a setting `from` can be understood.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    fn check(&self, from: &str) -> Result<(), String>;

    /// Where that is, in each partition.
    ///
    /// # Errors
    /// Returns the reason if nobody answers.
    fn positions(&self, from: &str) -> Result<Positions, String>;
}

/// The topics of alerts, for the pipeline's settings.
#[derive(Clone)]
pub struct TopicLookup(pub Arc<dyn AlertTopics>);

impl std::fmt::Debug for TopicLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TopicLookup")
    }
}
