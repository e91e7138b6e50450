//! One filter: an instance of a module with a config.

use super::evaluation::Evaluation;
use super::limits::Limits;
use super::module::Module;
use super::refusal::Refusal;
use crate::alert::{Column, Field};

/// What a filter says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Manifest {
    /// One line for people.
    pub description: String,
    /// The columns that [`Filter::evaluate`] wants, in this order.
    pub fields: Vec<Field>,
}

/// One filter: an instance of a module with a config. Moves between threads, works on one at a time.
pub struct Filter {
    module: Module,
    manifest: Manifest,
}

impl Filter {
    /// Instantiates the module and asks it to describe itself.
    ///
    /// # Errors
    /// [`Refusal`] when it can't start, or describes itself as no filter may.
    pub fn start(module: &Module, config: &str, limits: &Limits) -> Result<Filter, Refusal> {
        todo!("{} {config} {limits:?}", module.sha256())
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Judges a batch of `rows` alerts. `columns` are in the order of the manifest's fields, each of `rows` rows, and
    /// none of a field that is not `optional` has a null.
    ///
    /// Every misbehaviour of the filter ends as a fault of the alerts to blame and of no other.
    pub fn evaluate(&mut self, rows: usize, columns: &[&Column]) -> Evaluation {
        self.evaluate_by(rows, rows, columns)
    }

    /// As [`Filter::evaluate`], in calls of at most `chunk` alerts each.
    pub fn evaluate_by(&mut self, chunk: usize, rows: usize, columns: &[&Column]) -> Evaluation {
        todo!("{chunk} {rows} {}", columns.len())
    }

    /// Bytes of linear memory, the most so far.
    pub fn memory_peak(&self) -> usize {
        todo!()
    }

    /// SHA-256 of the module, in hex.
    pub fn sha256(&self) -> &str {
        self.module.sha256()
    }
}
