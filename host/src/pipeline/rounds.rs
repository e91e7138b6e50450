//! Which of the slow lane's filters it reads for. They are at different places in the stream, and the lane can only be at
//! one of them at a time.

use std::time::{Duration, Instant};

use super::positions::Positions;
use super::standings::Standing;

/// How long the lane stays with some filters at least while others wait elsewhere: going there costs about as much as
/// reading a thousand alerts.
const ROUND: Duration = Duration::from_millis(500);

/// A filter that is so many alerts ahead of the lane is waited for.
const NEAR: u64 = 1024;

/// What the lane does next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Reads the next batch.
    Read,
    /// Lets filters go on with the batches that they have taken.
    Work,
    /// Nothing: all filters have used their time.
    Rest,
    /// Goes to where a filter is.
    Go(Positions),
}

/// Decides what the lane does next, which is at `position`, and has come there at `since`. All that it has read is judged
/// or taken, and its filters are where `filters` says. Nothing is read for filters that have reached the `live` lane as
/// long as others are behind.
pub fn next_step(filters: &[Standing], position: &Positions, live: &Positions, since: Instant, now: Instant) -> Step {
    let is_near = |filter: &&Standing| filter.next.reach(position) && position.behind(&filter.next) <= NEAR;
    let wants = |filter: &&Standing| !filter.next.reach(live);
    let readers = || filters.iter().filter(is_near).filter(|filter| filter.has_room);
    let elsewhere =
        filters.iter().filter(|filter| !is_near(filter) && !filter.owes && filter.has_room && filter.due <= now);
    let may_leave = now.duration_since(since) >= ROUND || !readers().any(|filter| wants(&filter));
    if may_leave && let Some(next) = elsewhere.filter(wants).min_by_key(|filter| filter.served) {
        return Step::Go(next.next.clone());
    }
    let can_work = filters.iter().any(|filter| filter.owes && filter.due <= now);
    if readers().any(|filter| wants(&filter)) || readers().next().is_some() && !can_work {
        return Step::Read;
    }
    if can_work { Step::Work } else { Step::Rest }
}

#[cfg(test)]
mod tests {
    use super::super::io::Position;
    use super::*;

    fn at(offset: i64) -> Positions {
        [Position { topic: "alerts".into(), partition: 0, offset }].into_iter().collect()
    }

    fn step(filters: &[Standing], position: i64, stayed: Duration) -> Step {
        let since = Instant::now();
        next_step(filters, &at(position), &at(10_000), since, since + stayed)
    }

    const LONG: Duration = Duration::from_secs(1);

    #[test]
    fn the_lane_reads_for_those_who_are_where_it_is() {
        let filters = [Standing::at(at(100)), Standing::at(at(200))];
        assert_eq!(step(&filters, 100, LONG), Step::Read);
        assert_eq!(step(&filters[1..], 100, LONG), Step::Read);
    }

    #[test]
    fn it_goes_to_those_who_are_elsewhere_in_turn() {
        let mut filters = [Standing::at(at(0)), Standing::at(at(5000)), Standing::at(at(9000))];
        filters[2].served -= LONG;
        assert_eq!(step(&filters, 0, Duration::ZERO), Step::Read);
        assert_eq!(step(&filters, 0, LONG), Step::Go(at(9000)));
        filters[2].owes = true;
        assert_eq!(step(&filters, 0, LONG), Step::Go(at(5000)));
        filters[1].due += 10 * LONG;
        assert_eq!(step(&filters, 0, LONG), Step::Read);
    }

    #[test]
    fn it_does_not_read_what_nobody_can_take() {
        let full = Standing { owes: true, has_room: false, ..Standing::at(at(100)) };
        let spent = Standing { due: Instant::now() + 10 * LONG, ..full.clone() };
        assert_eq!(step(&[spent.clone(), full], 100, LONG), Step::Work);
        assert_eq!(step(std::slice::from_ref(&spent), 100, LONG), Step::Rest);
        // One that was left behind takes nothing here, and can't be judged yet.
        assert_eq!(
            step(&[spent, Standing { due: Instant::now() + 10 * LONG, ..Standing::at(at(0)) }], 100, LONG),
            Step::Rest
        );
    }

    #[test]
    fn those_who_have_caught_up_wait_for_messages_while_nobody_is_behind() {
        let head = Standing::at(at(10_000));
        assert_eq!(step(std::slice::from_ref(&head), 10_000, LONG), Step::Read);
        let owing = Standing { owes: true, ..Standing::at(at(10_000)) };
        assert_eq!(step(&[head.clone(), owing], 10_000, LONG), Step::Work);
        assert_eq!(step(&[head, Standing::at(at(50))], 10_000, Duration::ZERO), Step::Go(at(50)));
    }
}
