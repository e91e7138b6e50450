//! Which part of the past is read.

use crate::jobs::{JobError, JobProgress, ReplayRequest};
use crate::kafka::client::start_at::StartAt;
use crate::pipeline::TopicPartition;

/// Times between which messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// In milliseconds since 1970. `None`: from the oldest message on.
    pub from: Option<i64>,
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
            Ok(StartAt::Time(from)) => Some(from),
            Ok(StartAt::Earliest) => None,
            _ => return Err(wrong("from", format!("{:?} is none of: earliest, {forms}", request.from))),
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
            (Some(begin), Some(end)) if begin >= end => {
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
        let whole = Span { from: None, to: None };
        assert_eq!(span("earliest", None), whole);
        assert_eq!(span("earliest", Some("latest")), whole);
        assert_eq!(span("1795316400", Some("2026-11-22T03:00:01Z")), Span { from: Some(time), to: Some(time + 1000) });
    }

    #[test]
    fn other_times_are_refused_by_name() {
        let refused = |from, to| Span::parse(&request(from, to)).unwrap_err();
        for from in ["", "yesterday", "latest", "committed", "-5"] {
            assert!(matches!(refused(from, None), JobError::Time { name: "from", .. }), "{from}");
        }
        for to in ["", "now", "earliest", "-5"] {
            assert!(matches!(refused("0", Some(to)), JobError::Time { name: "to", .. }), "{to}");
        }
        let order = refused("2026-11-22", Some("1795305600")).to_string();
        assert_eq!(order, "`from` (2026-11-22T00:00:00.000Z) is not before `to` (2026-11-22T00:00:00.000Z)");
    }
}
