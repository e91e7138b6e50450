//! The types that are sent between the pipeline's threads. Handles send [`Command`]s to the loop, the loop sends
//! [`Job`]s to the shards and [`Pending`] batches to the publishers, and each shard sends what it has [`Judged`] to the
//! publishers. There is a picture at the top of `pipeline.rs`. Filters change lanes by commands, too.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use skysieve_avro::Projection;

use super::batch::Batch;
use super::check_upload::{NewShadow, Prepared};
use super::expected::Expected;
use super::io::Position;
use super::moving::{Arrival, Release};
use super::outcome::{Changes, Outcome};
use super::positions::Positions;
use super::running_filter::{RunningFilter, RunningShadow};
use crate::filters::{Entry, FilterError, ShadowStatus, Status};

/// Changes the filters. The loop executes it between two batches, and answers through the sender.
pub enum Command {
    /// Adds a filter, replacing an earlier one of its name.
    Put(Box<Prepared>, Sender<Result<(), FilterError>>),
    /// Removes the filter with that name.
    Delete(String, Sender<Result<Status, FilterError>>),
    /// Takes a filter from another host, or lets one begin in the past.
    Arrive(Box<Prepared>, Box<Arrival>, Sender<Result<(), FilterError>>),
    /// To the live lane, from its publishers: where this filter begins is committed.
    Arrived(Box<RunningFilter>, Option<Sender<Result<(), FilterError>>>),
    /// Lets a filter go to another host. The live lane passes it on to the slow one if the filter is there.
    Release(Box<Release>),
    /// To the live lane, from its publishers: this filter has left a shard, and that is committed.
    Left(Box<RunningFilter>),
    /// To the live lane, from a shard: this new version can't begin, because the earlier one has left the shard.
    Returned(Box<RunningFilter>),
    /// To the live lane, from the slow one: this filter is quick, takes so long for each alert, and is not far behind. The answer
    /// is from where on batches are kept for it, if they are.
    Expect(Arc<Entry>, Duration, Sender<Option<Arc<Positions>>>),
    /// To the live lane, from the slow one: this filter, which is expected, has come there. It comes back if it is too late.
    Join(Box<RunningFilter>, Sender<Option<Box<RunningFilter>>>),
    /// Lets a version run as the shadow of a filter.
    BeginShadow(Box<NewShadow>, Sender<Result<(), FilterError>>),
    /// Ends the shadow of the filter with that name.
    EndShadow(String, Sender<Result<ShadowStatus, FilterError>>),
    /// To either lane: here is the shadow of the filter with that name. If the filter is not where it was thought to be, the
    /// shadow comes back to the live lane by this.
    GiveShadow(String, Box<RunningShadow>),
    /// To the slow lane: a shadow is over, so that its fields need not be decoded any more.
    Project,
    /// To the slow lane: judge this filter from its own position on.
    Take(Box<RunningFilter>),
    /// To the slow lane: replace a filter by its new version. If it does not run there, it begins at the positions.
    Replace(Box<Prepared>, Arc<Positions>),
    /// To the slow lane: remove a filter.
    Remove(String),
}

/// Work for a shard. A shard does its jobs in the order in which they were sent.
pub enum Job {
    /// Adds a filter, or replaces it. It takes over the counters of an earlier filter with the same name on this shard,
    /// even one that was removed. If the earlier one has left the lane, the new one is [returned](Command::Returned).
    Add(Box<RunningFilter>),
    /// Takes note that a filter that has left the shard is known to have left, or that one is not expected any more.
    Forget(String),
    /// Keeps batches for a filter from now on.
    Expect(Box<Expected>),
    /// Adds a filter that was expected.
    Arrive(Box<RunningFilter>),
    /// Forgets how far filters have come in a topic that was created anew.
    BeginAnew(Arc<str>),
    /// Removes the filter with that name, and sends it if it is there.
    Withdraw(String, Sender<Box<RunningFilter>>),
    /// Removes the filter with that name.
    Remove(String),
    /// Gives the filter with that name its shadow. If the filter has left the shard, the shadow
    /// [comes back](Command::GiveShadow).
    Shadow(String, Box<RunningShadow>),
    /// Binds the filters to another projection, by which the batches after this job are decoded.
    Bind(Projection),
    /// Judges a batch, and sends the outcome.
    Judge(Arc<Batch>, Sender<Judged>),
}

/// What has become of a batch on a shard.
#[derive(Default)]
pub struct Judged {
    /// What is to be published.
    pub outcome: Outcome,
    /// The same of earlier batches, which filters have judged only now. It is published before.
    pub late: Vec<(Arc<Batch>, Outcome)>,
    /// Filters that leave this lane as of the batch's begin, because they took too long. Each is judged from a position
    /// of its own from now on, for which there is a [`LaneChange`](super::lane_record::LaneChange).
    pub leaving: Vec<RunningFilter>,
    /// How long the shard was at work.
    pub took: Duration,
}

/// A batch that the shards are working on, for the publishers.
pub struct Pending {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Receives the outcomes, one from each shard.
    pub outcomes: Receiver<Judged>,
    /// The number of shards.
    pub shards: usize,
    /// The positions that are committed together with the batch's records.
    pub positions: Vec<Position>,
    /// Whether the next batch begins a visit. In that case it goes into a transaction of its own.
    pub ends_visit: bool,
    /// What is to be published about filters that have joined the lane or left it since the batch before.
    pub changes: Changes,
}
