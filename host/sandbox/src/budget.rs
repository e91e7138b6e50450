//! The memory that all filters together may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::resource::{UsageWho, getrusage};

/// The memory that all filters of a host may take together. Clones share it. A filter that would break it is not
/// admitted; one that runs already is never denied memory because of others, as this would change its verdicts.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    used: AtomicU64,
    holders: AtomicU64,
}

impl Default for Budget {
    /// A budget without limit.
    fn default() -> Budget {
        Budget::of(u64::MAX)
    }
}

impl Budget {
    /// A budget of so many bytes.
    pub fn of(limit: u64) -> Budget {
        Budget(Arc::new(Shared { limit, used: AtomicU64::new(0), holders: AtomicU64::new(0) }))
    }

    /// How many bytes it has.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// How many bytes filters take.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Whether filters take more than there is, and one that takes so many bytes takes more than an equal share.
    pub fn is_broken_by(&self, bytes: u64) -> bool {
        let holders = self.0.holders.load(Ordering::Relaxed).max(1);
        self.used() > self.limit() && bytes > self.limit() / holders
    }
}

/// What one instance takes of a budget. It is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: u64,
}

impl Share {
    /// A share of nothing yet.
    pub fn new(budget: &Budget) -> Share {
        budget.0.holders.fetch_add(1, Ordering::Relaxed);
        Share { budget: budget.clone(), bytes: 0 }
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes more, even if that breaks the budget.
    pub fn take(&mut self, more: u64) {
        self.budget.0.used.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
    }

    /// Takes more, unless that breaks the budget. Returns whether it did not.
    #[must_use]
    pub fn try_take(&mut self, more: u64) -> bool {
        let fits = |used: u64| used.checked_add(more).filter(|wanted| *wanted <= self.budget.limit());
        let taken = self.budget.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.bytes += if taken { more } else { 0 };
        taken
    }

    /// Corrects it to so many bytes.
    pub fn set(&mut self, bytes: u64) {
        let used = &self.budget.0.used;
        match bytes.checked_sub(self.bytes) {
            Some(more) => used.fetch_add(more, Ordering::Relaxed),
            None => used.fetch_sub(self.bytes - bytes, Ordering::Relaxed),
        };
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
        self.budget.0.holders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many bytes of memory this thread has touched for the first time so far: the system gives a page at a time, when it
/// is touched. Pages that are only read are counted, too. It is 0 where the system can't tell.
pub fn touched() -> u64 {
    const PAGE: u64 = 4096;
    let faults = getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.minor_page_faults());
    u64::try_from(faults).unwrap_or(0) * PAGE
}

/// Whether touching a page may give more than that page, so that [`touched`] says nothing.
pub fn has_huge_pages() -> bool {
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    setting.is_ok_and(|text| text.contains("[always]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_given_back_when_it_goes() {
        let budget = Budget::of(100);
        let (mut first, mut second) = (Share::new(&budget), Share::new(&budget));
        assert!(first.try_take(60) && !second.try_take(41) && second.try_take(40));
        assert_eq!((budget.used(), second.bytes()), (100, 40));
        second.take(1);
        assert!(budget.is_broken_by(51) && !budget.is_broken_by(50));
        second.set(10);
        assert_eq!(budget.used(), 70);
        drop(first);
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
