//! Which part of the past is read.

use crate::jobs::{JobError, JobProgress, ReplayRequest};
use crate::kafka::client::start_at::StartAt;
use crate::pipeline::TopicPartition;

/// From where on messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// From the oldest message on.
    Oldest,
    /// From a time on, in milliseconds since 1970.
    Time(i64),
    /// So many messages of all partitions, which are the last ones of theirs.
    Last(i64),
}

/// Times between which messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// From where on.
    pub from: Begin,
    /// Messages of this time or later are not read. `None`: up to the newest message.
    pub to: Option<i64>,
}

/// The offsets of one partition that are read.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset.
    pub begin: i64,
    /// One past the last offset.
    pub end: i64,
    /// The offset of the oldest message that there is.
    pub oldest: i64,
}

impl Span {
    /// Reads the times of a request.
    pub fn parse(request: &ReplayRequest) -> Result<Span, JobError> {
        let wrong = |name, reason| JobError::Time { name, reason };
        let forms =
            "a time like 2026-05-09T03:00:00Z (UTC), a day like 2026-05-09, or seconds or milliseconds since 1970";
        let from = match request.from.parse() {
            Ok(StartAt::Time(from)) => Begin::Time(from),
            Ok(StartAt::Earliest) => Begin::Oldest,
            Ok(StartAt::Last(count)) => Begin::Last(count),
            _ => return Err(wrong("from", format!("{:?} is none of: earliest, -N, {forms}", request.from))),
        };
        let to = match request.to.as_deref().map(str::parse) {
            Some(Ok(StartAt::Time(to))) => Some(to),
            None | Some(Ok(StartAt::Latest)) => None,
            _ => {
                let to = request.to.as_deref().unwrap_or_default();
                return Err(wrong("to", format!("{to:?} is none of: latest, {forms}")));
            }
        };
        match (from, to) {
            (Begin::Time(begin), Some(end)) if begin >= end => {
                let text = |time| StartAt::Time(time).to_string();
                Err(JobError::Order { from: text(begin), to: text(end) })
            }
            _ => Ok(Span { from, to }),
        }
    }

    /// Says that there is nothing to read. `oldest` is when the oldest message came.
    pub fn nothing(&self, request: &ReplayRequest, parts: &[Part], oldest: Option<i64>) -> String {
        let topics: Vec<&str> = parts.iter().map(|part| &*part.partition.topic).collect();
        let mut topics: Vec<&str> = topics;
        topics.dedup();
        let to = request.to.as_deref().unwrap_or("latest");
        let kept = match oldest {
            Some(oldest) => format!("the oldest message there is of {}", StartAt::Time(oldest)),
            None => "there are no messages at all".to_owned(),
        };
        format!("Kafka has no messages from {} to {to} in {}: {kept}", request.from, topics.join(", "))
    }
}

impl Part {
    pub fn is_empty(&self) -> bool {
        self.begin >= self.end
    }

    /// The progress at the beginning.
    pub fn progress(&self) -> JobProgress {
        let &Part { ref partition, begin, end, .. } = self;
        JobProgress {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            begin,
            next: begin,
            end: end.max(begin),
        }
    }
}

/// Lets each partition begin later, so that `count` messages are read in all: the same number of each, as far as it has so
/// many.
pub(super) fn keep_last(parts: &mut [Part], count: i64) {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| parts[*at].end - parts[*at].begin);
    let mut rest = count;
    // Those with few messages come first, so that it is known how many are left for the others.
    for (done, at) in order.iter().enumerate() {
        let others = (parts.len() - done) as i64;
        let share = ((rest + others - 1) / others).min(parts[*at].end - parts[*at].begin).max(0);
        parts[*at].begin = parts[*at].end - share;
        rest -= share;
    }
}

/// Says where messages have been deleted that may have belonged to the span.
pub(super) fn remark(parts: &[Part]) -> Option<String> {
    let cut = parts.iter().find(|part| part.oldest > 0 && part.begin == part.oldest && !part.is_empty())?;
    Some(format!(
        "it begins with the oldest messages that Kafka still has ({}, offset {}); there may have been earlier ones of that \
         time",
        cut.partition, cut.begin
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(from: &str, to: Option<&str>) -> ReplayRequest {
        ReplayRequest { from: from.to_owned(), to: to.map(str::to_owned), ..ReplayRequest::default() }
    }

    #[test]
    fn times_are_read_as_those_of_other_commands() {
        let span = |from, to| Span::parse(&request(from, to)).unwrap();
        let time = 1_795_316_400_000;
        let whole = Span { from: Begin::Oldest, to: None };
        assert_eq!(span("earliest", None), whole);
        assert_eq!(span("earliest", Some("latest")), whole);
        assert_eq!(
            span("1795316400", Some("2026-11-22T03:00:01Z")),
            Span { from: Begin::Time(time), to: Some(time + 1000) }
        );
        assert_eq!(span("-5", None), Span { from: Begin::Last(5), to: None });
    }

    #[test]
    fn the_last_messages_are_spread_over_the_partitions() {
        let kept = |lengths: &[i64], count| {
            let part = |(partition, length): (i32, &i64)| {
                let partition = TopicPartition::new("alerts", partition);
                Part { partition, begin: 5, end: 5 + length, oldest: 5 }
            };
            let mut parts: Vec<Part> = (0..).zip(lengths).map(part).collect();
            keep_last(&mut parts, count);
            parts.iter().map(|part| part.end - part.begin).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[100], 10), [10]);
        assert_eq!(kept(&[100, 100, 100], 10), [4, 3, 3]);
        assert_eq!(kept(&[100, 2, 0], 10), [8, 2, 0]);
        assert_eq!(kept(&[3, 2], 10), [3, 2]);
        assert!(kept(&[], 10).is_empty());
    }

    #[test]
    fn other_times_are_refused_by_name() {
        let refused = |from, to| Span::parse(&request(from, to)).unwrap_err();
        for from in ["", "yesterday", "latest", "committed", "-0"] {
            assert!(matches!(refused(from, None), JobError::Time { name: "from", .. }), "{from}");
        }
        for to in ["", "now", "earliest", "-5"] {
            assert!(matches!(refused("0", Some(to)), JobError::Time { name: "to", .. }), "{to}");
        }
        let order = refused("2026-11-22", Some("1795305600")).to_string();
        assert_eq!(order, "`from` (2026-11-22T00:00:00.000Z) is not before `to` (2026-11-22T00:00:00.000Z)");
    }
}
