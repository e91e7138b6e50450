//! Why a module can't be a filter.

/// Why a module was refused: one variant per way of being wrong.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// More bytes than allowed.
    #[error("the module has {size} bytes; the limit is {limit}")]
    Size {
        /// Its bytes.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
}
