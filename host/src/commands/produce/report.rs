//! Reports what was published, for people and for scripts.

use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_millis;
use serde_json::{Value, json};

use crate::commands::output::print_line;
use crate::kafka::{Settled, Undelivered};

/// A visit that was published.
pub struct Published {
    pub visit: String,
    pub repeat: u64,
    /// The number of alerts beyond the visit's largest number.
    pub left_out: u64,
    /// The number of packets that are not alerts.
    pub unreadable: u64,
    /// When the first alert began to be read.
    pub first_read: SystemTime,
    /// The time from there until all messages were delivered or had failed.
    pub took: Duration,
    pub settled: Settled,
}

/// Reports what happens, and keeps count.
pub struct Report {
    json: bool,
    visits: u64,
    alerts: u64,
    bytes: u64,
    late: u64,
    left_out: u64,
    unreadable: u64,
    undelivered: u64,
}

impl Report {
    /// A report before anything was published. `unreadable` is the number of files without an alert.
    pub fn new(json: bool, unreadable: u64) -> Report {
        Report { json, visits: 0, alerts: 0, bytes: 0, late: 0, left_out: 0, unreadable, undelivered: 0 }
    }

    /// Reports a visit. `late` is the interval, if the visit took longer than that.
    pub fn visit(&mut self, visit: &Published, late: Option<Duration>) {
        self.visits += 1;
        self.alerts += visit.settled.delivered;
        self.bytes += visit.settled.bytes;
        self.late += u64::from(late.is_some());
        self.left_out += visit.left_out;
        self.unreadable += visit.unreadable;
        self.undelivered += visit.undelivered();
        if self.json {
            print_line(visit.json(late.is_some()));
        } else {
            print_line(visit.line());
        }
        if let Some(interval) = late {
            let (took, interval) = (visit.took.as_secs_f64(), interval.as_secs_f64());
            tracing::warn!("visit {} took {took:.2} s, longer than the interval of {interval} s", visit.visit);
        }
        for Undelivered { reason, count, first_key } in &visit.settled.undelivered {
            tracing::error!("{count} alerts were not delivered, the first with id {first_key}: {reason}");
        }
    }

    /// Reports the totals. Returns whether everything was read and delivered.
    pub fn end(&self) -> bool {
        let Report { visits, alerts, bytes, late, left_out, unreadable, undelivered, .. } = self;
        if self.json {
            let all = json!({
                "visits": visits, "delivered": alerts, "undelivered": undelivered, "unreadable": unreadable,
                "left_out": left_out, "bytes": bytes, "late": late,
            });
            print_line(json!({ "total": all }));
        } else {
            let gigabytes = *bytes as f64 / 1e9;
            print_line(format_args!(
                "{visits} visits, {alerts} alerts delivered ({gigabytes:.3} GB), {undelivered} not delivered, \
                 {unreadable} packets unreadable"
            ));
        }
        *undelivered == 0 && *unreadable == 0
    }
}

impl Published {
    /// The number of messages that were sent but not acknowledged.
    fn undelivered(&self) -> u64 {
        self.settled.submitted - self.settled.delivered
    }

    /// The seconds from the first alert read to the last one acknowledged.
    fn seconds(&self) -> f64 {
        let end = self.settled.last_acknowledged.unwrap_or(self.first_read);
        end.duration_since(self.first_read).unwrap_or_default().as_secs_f64()
    }

    /// Divides a count by these seconds.
    fn rate(&self, count: f64) -> f64 {
        count / self.seconds().max(1e-6)
    }

    fn line(&self) -> String {
        let Settled { delivered, bytes, last_submitted, last_acknowledged, .. } = &self.settled;
        let time =
            |time: &Option<SystemTime>| time.map_or("never".to_owned(), |time| format_rfc3339_millis(time).to_string());
        let repeat = if self.repeat > 0 { format!(", repeat {}", self.repeat) } else { String::new() };
        let more = |count: u64, what: &str| if count > 0 { format!(", {count} {what}") } else { String::new() };
        format!(
            "visit {}{repeat}: first read {}, last submitted {}, last acknowledged {}: \
             {delivered} alerts, {:.1} MB in {:.3} s, {:.0} alerts/s, {:.1} MB/s{}{}{}",
            self.visit,
            format_rfc3339_millis(self.first_read),
            time(last_submitted),
            time(last_acknowledged),
            *bytes as f64 / 1e6,
            self.seconds(),
            self.rate(*delivered as f64),
            self.rate(*bytes as f64 / 1e6),
            more(self.undelivered(), "not delivered"),
            more(self.left_out, "left out (--alerts-per-visit)"),
            more(self.unreadable, "unreadable"),
        )
    }

    fn json(&self, late: bool) -> Value {
        let Settled { submitted, delivered, bytes, last_submitted, last_acknowledged, .. } = &self.settled;
        json!({
            "visit": self.visit,
            "repeat": self.repeat,
            "submitted": submitted,
            "delivered": delivered,
            "undelivered": self.undelivered(),
            "left_out": self.left_out,
            "unreadable": self.unreadable,
            "bytes": bytes,
            "first_read": epoch(self.first_read),
            "last_submitted": last_submitted.map(epoch),
            "last_acknowledged": last_acknowledged.map(epoch),
            "seconds": self.seconds(),
            "alerts_per_second": self.rate(*delivered as f64),
            "megabytes_per_second": self.rate(*bytes as f64 / 1e6),
            "late": late,
        })
    }
}

/// The time as seconds since 1970.
fn epoch(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
