//! How the slow lane brings filters to the live one. The live lane keeps its next batches for a filter that is quick and
//! not far behind; the slow lane judges it up to there, and passes it on once all that it said is committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::channels::Command;
use super::lane::{Lane, WAIT};
use super::positions::Positions;
use super::running_filter::RunningFilter;
use super::standings::{Standing, Standings};

/// How many alerts a filter may be behind the live lane.
const NEAR: u64 = 1024;

/// How long to wait before a filter that came too late is tried again. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The filters that are on their way to the live lane.
pub struct Meetings {
    live: Sender<Command>,
    all: HashMap<String, Meeting>,
}

struct Meeting {
    progress: Progress,
    /// How long to wait if it is too late again.
    pause: Duration,
}

enum Progress {
    /// The live lane will say where it keeps batches from.
    Asked(Receiver<Option<Arc<Positions>>>),
    /// The filter is judged here until it has come there.
    Until(Arc<Positions>),
    /// It was too late, and is tried again at this time.
    NotBefore(Instant),
}

impl Meetings {
    /// No meetings yet, with the live lane that takes these commands.
    pub fn new(live: Sender<Command>) -> Meetings {
        Meetings { live, all: HashMap::new() }
    }

    /// Ends the meeting of a filter that was replaced or removed.
    pub fn forget(&mut self, name: &str) {
        self.all.remove(name);
    }

    /// Sends a command to the live lane.
    pub fn send(&self, command: Command) {
        // Sending fails if the live lane has ended, and then this one will end, too.
        let _ = self.live.send(command);
    }

    /// Brings filters closer to the live lane. All that was read is judged or taken, and that is committed.
    pub fn go_on(&mut self, lane: &mut Lane, standings: &Standings, stop: &AtomicBool) {
        let live = lane.state.live.positions();
        for (name, standing) in standings.of(|name| lane.is_active(name)) {
            if standing.is_quick && standing.next.behind(&live) <= NEAR {
                self.bring(lane, standings, &name, &standing, stop);
            }
        }
    }

    fn bring(&mut self, lane: &mut Lane, standings: &Standings, name: &str, standing: &Standing, stop: &AtomicBool) {
        let Some(meeting) = self.all.get_mut(name) else {
            return self.ask(lane, name, standing.each, FIRST_PAUSE);
        };
        let pause = meeting.pause;
        match &meeting.progress {
            Progress::Asked(answer) => match answer.try_recv() {
                Ok(Some(from)) => {
                    meeting.progress = Progress::Until(from);
                    if !standing.next.reach(&lane.position) {
                        lane.go_to(&standing.next);
                    }
                }
                Ok(None) => meeting.put_off(),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => drop(self.all.remove(name)),
            },
            Progress::Until(from) if standing.owes || !standing.next.reach(from) => {}
            Progress::Until(_) => {
                let Some(filter) = lane.shards.withdraw(name) else { return };
                standings.remove(name);
                match self.pass_on(filter, stop) {
                    Some(filter) => {
                        meeting_of(&mut self.all, name).put_off();
                        filter.standing().into_iter().for_each(|standing| standings.set(name, standing));
                        lane.add(vec![*filter]);
                    }
                    None => {
                        self.all.remove(name);
                        lane.leave_out([name]);
                    }
                }
            }
            Progress::NotBefore(time) if *time <= Instant::now() => self.ask(lane, name, standing.each, pause),
            Progress::NotBefore(_) => {}
        }
    }

    /// Asks the live lane to keep batches for a filter.
    fn ask(&mut self, lane: &Lane, name: &str, each: Duration, pause: Duration) {
        let Some(entry) = lane.entry(name) else { return };
        let (sender, answer) = bounded(1);
        self.send(Command::Expect(entry, each, sender));
        self.all.insert(name.to_owned(), Meeting { progress: Progress::Asked(answer), pause });
    }

    /// Passes a filter to the live lane. Returns it if that has not waited for it.
    fn pass_on(&self, filter: Box<RunningFilter>, stop: &AtomicBool) -> Option<Box<RunningFilter>> {
        let (answer, answered) = bounded(1);
        self.live.send(Command::Join(filter, answer)).ok()?;
        while !stop.load(Ordering::Relaxed) {
            match answered.recv_timeout(WAIT) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

fn meeting_of<'a>(all: &'a mut HashMap<String, Meeting>, name: &str) -> &'a mut Meeting {
    let meeting = Meeting { progress: Progress::NotBefore(Instant::now()), pause: FIRST_PAUSE };
    all.entry(name.to_owned()).or_insert(meeting)
}

impl Meeting {
    fn put_off(&mut self) {
        self.progress = Progress::NotBefore(Instant::now() + self.pause);
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
    }
}
