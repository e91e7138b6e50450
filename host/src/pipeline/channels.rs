//! What crosses between the pipeline's threads: [`Command`]s go from handles to the loop, [`Job`]s from the loop to the
//! shards, [`Pending`] batches from the loop to the publishers, an [`Outcome`] for each batch from each shard to the
//! publishers. The picture is at the head of `pipeline.rs`.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use skysieve_avro::Projection;

use super::batch::Batch;
use super::io::Position;
use super::outcome::Outcome;
use super::prepared::Prepared;
use super::running_filter::RunningFilter;
use crate::filters::{Entry, FilterError};

/// Changes the filters. The loop does so between two batches, and answers through the sender.
pub enum Command {
    /// Adds a filter, in place of an earlier one of its name.
    Put(Box<Prepared>, Sender<Result<(), FilterError>>),
    /// Removes the filter of that name.
    Delete(String, Sender<Result<Arc<Entry>, FilterError>>),
}

/// What a shard is asked to do. It does its jobs in the order in which they were given.
pub enum Job {
    /// Adds a filter. It goes on with the counters of a filter of its name that was removed from this shard.
    Add(Box<RunningFilter>),
    /// Removes the filter of that name.
    Remove(String),
    /// Batches after this job are decoded by another projection.
    Bind(Projection),
    /// Judges a batch, and sends the outcome.
    Judge(Arc<Batch>, Sender<Outcome>),
}

/// A batch that the shards are at work on, for the publishers.
pub struct Pending {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Where the shards' outcomes come from, one of each shard.
    pub outcomes: Receiver<Outcome>,
    /// How many shards there are.
    pub shards: usize,
    /// The positions that are committed with what is published of the batch.
    pub positions: Vec<Position>,
    /// Whether the next batch is the first of a visit: that goes into a transaction of its own.
    pub ends_visit: bool,
}
