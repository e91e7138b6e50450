//! Where the fields of a filter are in a batch.

/// The slots of a filter's fields, and of its shadow's.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// The slots of its own fields.
    pub filter: Vec<usize>,
    /// Those of its shadow's, if it has one that is to judge the batch.
    pub shadow: Option<Vec<usize>>,
}
