//! How many uploads a user may make, and how many wrong tokens may come from an address. Both are counted in memory, by each
//! host.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How many wrong tokens an address may send in a minute before the first operator's token is not tried any more.
pub const WRONG_TOKENS: u32 = 20;
/// How many refusals for want of a token are recorded for each address and minute.
const RECORDED: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How many users or addresses are remembered at a time.
const REMEMBERED: usize = 10_000;

/// The uploads of each user: a bucket that is full at first, and is filled again within an hour.
pub struct UploadRates {
    per_hour: u32,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl UploadRates {
    /// Allows each user so many uploads an hour.
    pub fn new(per_hour: u32) -> UploadRates {
        UploadRates { per_hour, buckets: Mutex::default() }
    }

    /// Takes note of an upload.
    ///
    /// # Errors
    /// Returns how long to wait if there were too many.
    pub fn take(&self, user: &str) -> Result<(), Duration> {
        self.take_at(user, Instant::now())
    }

    fn take_at(&self, user: &str, now: Instant) -> Result<(), Duration> {
        let (most, each) = (f64::from(self.per_hour), HOUR.div_f64(f64::from(self.per_hour.max(1))));
        let filled = |(left, at): (f64, Instant)| (left + now.duration_since(at).div_duration_f64(each)).min(most);
        let mut buckets = self.buckets.lock();
        make_room(&mut buckets, |bucket| filled(*bucket) < most);
        let left = filled(buckets.get(user).copied().unwrap_or((most, now)));
        if left < 1.0 {
            return Err(each.mul_f64(1.0 - left));
        }
        buckets.insert(user.to_owned(), (left - 1.0, now));
        Ok(())
    }
}

/// The refusals of each address within a minute.
#[derive(Default)]
pub struct Attempts {
    of: Mutex<HashMap<IpAddr, Refusals>>,
}

#[derive(Clone, Copy)]
struct Refusals {
    since: Instant,
    wrong: u32,
    recorded: u32,
}

impl Attempts {
    /// Takes note of a wrong token.
    pub fn wrong(&self, from: IpAddr) {
        self.note(from, |refusals| refusals.wrong += 1);
    }

    /// Whether so many wrong tokens have come from this address that it should wait, and how long.
    pub fn must_wait(&self, from: IpAddr) -> Option<Duration> {
        let of = self.of.lock();
        match of.get(&network(from)) {
            Some(refusals) if refusals.wrong >= WRONG_TOKENS => MINUTE.checked_sub(refusals.since.elapsed()),
            Some(_) => None,
            // Nobody knows what has come from it.
            None => (of.len() >= REMEMBERED).then_some(MINUTE),
        }
    }

    /// Whether another refusal for want of a token is to be recorded.
    pub fn is_recorded(&self, from: IpAddr) -> bool {
        self.note(from, |refusals| refusals.recorded += 1).is_some_and(|refusals| refusals.recorded <= RECORDED)
    }

    fn note(&self, from: IpAddr, change: impl FnOnce(&mut Refusals)) -> Option<Refusals> {
        let mut of = self.of.lock();
        make_room(&mut of, |refusals| refusals.since.elapsed() < MINUTE);
        let from = network(from);
        if of.len() >= REMEMBERED && !of.contains_key(&from) {
            return None;
        }
        let fresh = Refusals { since: Instant::now(), wrong: 0, recorded: 0 };
        let refusals = of.entry(from).or_insert(fresh);
        if refusals.since.elapsed() >= MINUTE {
            *refusals = fresh;
        }
        change(refusals);
        Some(*refusals)
    }
}

/// Forgets what does not matter any more, if there is a lot.
fn make_room<K: Hash + Eq, V>(all: &mut HashMap<K, V>, matters: impl Fn(&V) -> bool) {
    if all.len() >= REMEMBERED {
        all.retain(|_, value| matters(value));
    }
}

/// The address, or the network of an IPv6 address: one client may have all addresses of a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_come_back_with_time() {
        let (rates, now) = (UploadRates::new(60), Instant::now());
        for _ in 0..60 {
            rates.take_at("ada", now).unwrap();
        }
        let wait = rates.take_at("ada", now).unwrap_err();
        assert!(wait > Duration::from_secs(59) && wait <= MINUTE, "{wait:?}");
        rates.take_at("bob", now).unwrap();
        rates.take_at("ada", now + MINUTE).unwrap();
        assert!(rates.take_at("ada", now + MINUTE).is_err());
        for _ in 0..60 {
            rates.take_at("ada", now + 3 * HOUR).unwrap();
        }
        assert!(rates.take_at("ada", now + 3 * HOUR).is_err());
    }

    #[test]
    fn wrong_tokens_are_counted_for_each_network() {
        let attempts = Attempts::default();
        let of = |address: &str| address.parse::<IpAddr>().unwrap();
        for _ in 0..WRONG_TOKENS {
            assert_eq!(attempts.must_wait(of("10.0.0.1")), None);
            attempts.wrong(of("::ffff:10.0.0.1"));
            attempts.wrong(of("2001:db8::1"));
        }
        for address in ["10.0.0.1", "2001:db8::2"] {
            assert!(attempts.must_wait(of(address)).is_some_and(|wait| wait <= MINUTE), "{address}");
        }
        for address in ["10.0.0.2", "2001:db8:0:1::1"] {
            assert_eq!(attempts.must_wait(of(address)), None, "{address}");
        }
        let recorded = (0..50).filter(|_| attempts.is_recorded(of("10.0.0.3"))).count();
        assert_eq!(recorded, RECORDED as usize);
    }
}
