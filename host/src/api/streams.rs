//! Limits the streams that are open at a time: of a host, and of each user.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::Problem;

/// The open streams.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    each: usize,
    open: Mutex<BTreeMap<String, usize>>,
}

/// An open stream, until it is dropped.
#[derive(Debug)]
pub(super) struct StreamPlace {
    streams: Arc<Streams>,
    user: String,
}

impl Streams {
    /// At most `most` streams, and `each` of one user.
    pub(super) fn new(most: usize, each: usize) -> Arc<Streams> {
        Arc::new(Streams { most, each, open: Mutex::default() })
    }

    /// Opens a stream for a user.
    pub(super) fn enter(self: &Arc<Self>, user: &str) -> Result<StreamPlace, Problem> {
        let mut open = self.open.lock();
        let of_user = open.get(user).copied().unwrap_or(0);
        if of_user >= self.each {
            return Err(Problem::Streams { most: self.each, whose: "you may have" });
        }
        if open.values().sum::<usize>() >= self.most {
            return Err(Problem::Streams { most: self.most, whose: "this host takes" });
        }
        *open.entry(user.to_owned()).or_default() += 1;
        Ok(StreamPlace { streams: self.clone(), user: user.to_owned() })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock();
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places() {
        let streams = Streams::new(3, 2);
        let enter = |user| streams.enter(user);
        let of_ada = [enter("ada").unwrap(), enter("ada").unwrap()];
        assert!(enter("ada").unwrap_err().to_string().contains("2 streams"));
        let of_bob = enter("bob").unwrap();
        assert!(enter("cyd").unwrap_err().to_string().contains("3 streams"));
        drop((of_ada, of_bob));
        assert!(streams.open.lock().is_empty() && enter("ada").is_ok());
    }
}
