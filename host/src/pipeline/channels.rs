//! The types that are sent between the pipeline's threads. Handles send [`Command`]s to the loop, the loop sends
//! [`Job`]s to the shards and [`Pending`] batches to the publishers, and each shard sends an [`Outcome`] for each batch
//! to the publishers. There is a picture at the top of `pipeline.rs`.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use skysieve_avro::Projection;

use super::batch::Batch;
use super::check_upload::Prepared;
use super::io::Position;
use super::outcome::Outcome;
use super::running_filter::RunningFilter;
use crate::filters::{Entry, FilterError};

/// Changes the filters. The loop executes it between two batches, and answers through the sender.
pub enum Command {
    /// Adds a filter, replacing an earlier one of its name.
    Put(Box<Prepared>, Sender<Result<(), FilterError>>),
    /// Removes the filter with that name.
    Delete(String, Sender<Result<Arc<Entry>, FilterError>>),
}

/// Work for a shard. A shard does its jobs in the order in which they were sent.
pub enum Job {
    /// Adds a filter. It takes over the counters of an earlier filter with the same name on this shard, even one that
    /// was removed.
    Add(Box<RunningFilter>),
    /// Removes the filter with that name.
    Remove(String),
    /// Binds the filters to another projection, by which the batches after this job are decoded.
    Bind(Projection),
    /// Judges a batch, and sends the outcome.
    Judge(Arc<Batch>, Sender<Outcome>),
}

/// A batch that the shards are working on, for the publishers.
pub struct Pending {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Receives the outcomes, one from each shard.
    pub outcomes: Receiver<Outcome>,
    /// The number of shards.
    pub shards: usize,
    /// The positions that are committed together with the batch's records.
    pub positions: Vec<Position>,
    /// Whether the next batch begins a visit. In that case it goes into a transaction of its own.
    pub ends_visit: bool,
}
