//! Moves a filter from one host to another on the same cluster: the first one lets it go, the other one takes it, and the first
//! one is told. Every step can be repeated, so a move that was interrupted is completed by beginning it once more.

use std::time::Duration;

use crate::filters::{HandOver, HostInfo, hash};

/// How often a host is asked again that has no time just now, and the pause before that.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// A host at one end of a move, with the filter that is moved.
pub trait MoveEnd {
    /// What there is to know of it.
    ///
    /// # Errors
    /// Returns an [`EndError`], as the other methods do.
    fn info(&self) -> Result<HostInfo, EndError>;

    /// What it has of the filter itself.
    ///
    /// # Errors
    /// Returns an [`EndError`].
    fn held(&self) -> Result<Held, EndError>;

    /// Lets the filter go to the host of this name.
    ///
    /// # Errors
    /// Returns an [`EndError`].
    fn release(&self, to: &str) -> Result<HandOver, EndError>;

    /// Takes the filter, or takes it back.
    ///
    /// # Errors
    /// Returns an [`EndError`].
    fn take(&self, module: &[u8], handover: &HandOver) -> Result<(), EndError>;

    /// Takes note that the other host has the filter, by the move of this id.
    ///
    /// # Errors
    /// Returns an [`EndError`].
    fn confirm(&self, id: &str) -> Result<(), EndError>;

    /// The filter's module, if it is there.
    ///
    /// # Errors
    /// Returns an [`EndError`].
    fn module(&self) -> Result<Option<Vec<u8>>, EndError>;
}

/// What a host has of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The filter is not on it, or not any more.
    Nothing,
    /// The filter, which has come by the move of this id if it has come from another host.
    Filter(Option<String>),
}

/// Why a host has not done its part.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EndError {
    /// It has no time just now.
    #[error("{0}")]
    Busy(String),
    /// It refuses, and nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// It is not known what it has done.
    #[error("{0}")]
    Failed(String),
}

/// Why a filter was not moved, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It can't be moved, and is where it was.
    #[error("{0}")]
    Refused(String),
    /// The move is to be repeated.
    #[error("{what}: {error}; repeat the move, and it is completed")]
    Interrupted {
        /// What was to be done.
        what: String,
        /// Why it was not.
        error: EndError,
    },
}

/// A move of a filter.
pub struct Mover<'a> {
    /// The host that has it.
    pub from: &'a dyn MoveEnd,
    /// The host that is to have it.
    pub to: &'a dyn MoveEnd,
    /// The module, if neither of them should have it.
    pub module: Option<Vec<u8>>,
    /// Is told when a host has no time.
    pub waits: &'a dyn Fn(&str),
}

impl Mover<'_> {
    /// Moves the filter.
    ///
    /// # Errors
    /// Returns a [`MoveError`].
    pub fn run(&self) -> Result<HandOver, MoveError> {
        let (from, to) =
            (self.info(self.from, "the host that has it")?, self.info(self.to, "the host that is to have it")?);
        self.check(&from, &to)?;
        let released = self.again(|| self.from.release(&to.name));
        let what = format!("host {} does not let the filter go", from.name);
        let handover = released.map_err(|error| refused_or_interrupted(what, error))?;
        if self.held(self.to, &to.name)? != Held::Filter(Some(handover.id.clone())) {
            self.hand_over(&handover)?;
        }
        let confirmed = self.again(|| self.from.confirm(&handover.id));
        let what = format!("host {} has the filter, but this could not be said to {}", to.name, from.name);
        confirmed.map_err(|error| MoveError::Interrupted { what, error })?;
        Ok(handover)
    }

    /// Refuses a move that can't succeed, before anything has changed.
    fn check(&self, from: &HostInfo, to: &HostInfo) -> Result<(), MoveError> {
        if from.name == to.name {
            return Err(MoveError::Refused(format!("both addresses are those of host {}", from.name)));
        }
        if from.output_prefix != to.output_prefix {
            let (one, other) = (&from.output_prefix, &to.output_prefix);
            let message = format!("the hosts' topics have different prefixes: {one:?} and {other:?} (--output-prefix)");
            return Err(MoveError::Refused(message));
        }
        if let Some(difference) = from.stream.difference(&to.stream) {
            return Err(MoveError::Refused(format!("the hosts read different streams: {difference}")));
        }
        match (self.held(self.to, &to.name)?, self.held(self.from, &from.name)?) {
            (Held::Filter(_), Held::Filter(_)) => {
                Err(MoveError::Refused(format!("host {} has another filter of that name", to.name)))
            }
            _ => Ok(()),
        }
    }

    fn hand_over(&self, handover: &HandOver) -> Result<(), MoveError> {
        let module = self.module(handover)?;
        let Err(error) = self.again(|| self.to.take(&module, handover)) else { return Ok(()) };
        let what = format!("host {} does not take the filter", handover.to);
        if !matches!(error, EndError::Refused(_)) {
            return Err(MoveError::Interrupted { what, error });
        }
        // It is certain that the other host does not have it.
        let back = self.again(|| self.from.take(&module, handover));
        let not_back = format!("{what} ({error}), and {} does not take it back", handover.from);
        back.map_err(|error| MoveError::Interrupted { what: not_back, error })?;
        Err(MoveError::Refused(format!("{what}, and it was given back to {}: {error}", handover.from)))
    }

    /// The module, from whoever has it.
    fn module(&self, handover: &HandOver) -> Result<Vec<u8>, MoveError> {
        if let Some(module) = &self.module {
            return Ok(module.clone());
        }
        for end in [self.from, self.to] {
            let what = || "its module can't be read".to_owned();
            let module = end.module().map_err(|error| MoveError::Interrupted { what: what(), error })?;
            if let Some(module) = module.filter(|module| hash(module) == handover.sha256) {
                return Ok(module);
            }
        }
        let error = EndError::Failed(format!("neither host has it any more (SHA-256 {})", handover.sha256));
        Err(MoveError::Interrupted { what: "its module is missing (skysieve move --module)".to_owned(), error })
    }

    fn info(&self, end: &dyn MoveEnd, which: &str) -> Result<HostInfo, MoveError> {
        self.again(|| end.info()).map_err(|error| refused_or_interrupted(format!("{which} can't be asked"), error))
    }

    fn held(&self, end: &dyn MoveEnd, name: &str) -> Result<Held, MoveError> {
        self.again(|| end.held()).map_err(|error| refused_or_interrupted(format!("host {name} can't be asked"), error))
    }

    /// Asks again as long as the host has no time.
    fn again<T>(&self, ask: impl Fn() -> Result<T, EndError>) -> Result<T, EndError> {
        for _ in 1..TRIES {
            match ask() {
                Err(EndError::Busy(message)) => {
                    (self.waits)(&message);
                    std::thread::sleep(PAUSE);
                }
                answer => return answer,
            }
        }
        ask()
    }
}

/// What an error means before anything was changed that the other host does not know of.
fn refused_or_interrupted(what: String, error: EndError) -> MoveError {
    match error {
        EndError::Refused(message) => MoveError::Refused(format!("{what}: {message}")),
        error => MoveError::Interrupted { what, error },
    }
}
