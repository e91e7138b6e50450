//! The errors of requests about a filter.

/// Why a request about a filter was refused.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The name can't be a filter's.
    #[error("{0:?} is not a filter's name: 1 to 100 of a-z, A-Z, 0-9, '.', '_', '-', beginning with a letter or digit")]
    Name(String),
    /// There is no filter with that name.
    #[error("there is no filter {0:?}")]
    Unknown(String),
    /// The module, its manifest or its settings were refused.
    #[error("{0}")]
    Refused(String),
    /// It failed in its trial.
    #[error("{0}")]
    Trial(String),
    /// The module can't be compiled now, but perhaps later.
    #[error("{0}")]
    Busy(String),
    /// Something about the filter of that name stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// It was changed by somebody else in the meantime.
    #[error("filter {name:?} is at revision {found} by now, and the change is meant for revision {expected}")]
    Changed {
        /// The filter.
        name: String,
        /// The revision or tag that was expected.
        expected: String,
        /// The revision that it has.
        found: String,
    },
    /// There is no such version.
    #[error("filter {0:?} has no version {1}")]
    NoVersion(String, u32),
    /// Filters' versions are not kept.
    #[error("this host keeps no registry of filters")]
    NoRegistry,
    /// It has come here, but has gone on to another host since.
    #[error("filter {0:?} has come by this move, and has gone on to host {1:?} since")]
    MovedOn(String, String),
    /// There is a filter of that name, of which nothing is told.
    #[error("the name {0:?} is taken: choose another one")]
    Taken(String),
    /// A user has as much as users may have.
    #[error("{0}")]
    OverLimit(String),
    /// There is no such token.
    #[error("there is no token {0:?}")]
    NoToken(String),
    /// There is no predefined filter of that name. (What was probably meant is the second text.)
    #[error("there is no predefined filter {0:?}{1}; `skysieve catalog` lists them")]
    NoPredefined(String, String),
    /// There are no predefined filters, for this reason.
    #[error("this host has no catalogue of predefined filters ({0}): start it with --catalog DIR, a folder of modules")]
    NoCatalog(String),
    /// The module is not kept.
    #[error("the module of filter {0:?} is not kept here")]
    NoModule(String),
    /// There is no topic for the alerts that the filter accepts.
    #[error("the filter's topic: {0}")]
    Topic(String),
    /// There is no room for another filter.
    #[error("this host holds {0} filters, as many as it was started for; delete one first")]
    Full(usize),
    /// There is no room for another shadow.
    #[error("this host runs {0} shadows, as many as it may at a time (--shadows): end one first, or ask the operator")]
    FullOfShadows(usize),
    /// The filter has no shadow.
    #[error("filter {0:?} has no shadow")]
    NoShadow(String),
    /// There is no memory for it.
    #[error("{0}")]
    Memory(String),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}
