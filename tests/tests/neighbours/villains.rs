//! Filters that take or break what they can, and what becomes of them.

use serde_json::Value;
use skysieve_tests::bombs;
use skysieve_tests::guest::{GuestField, reading, reading_with};
use skysieve_tests::host::Host;
use skysieve_tests::villain::{VILLAINS, villain};
use skysieve_tests::{module, root};

/// The only field that most villains read.
const ID: GuestField<'static> = ("diaSource.diaSourceId", "long", false);

/// Rounds of a loop that takes six or seven units of fuel for each.
const COUNT_DOWN: &str = "(loop $l (global.set $n (i32.sub (global.get $n) (i32.const 1))) (br_if $l (global.get $n)))";
const COUNTER: &str = "(global $n (mut i32) (i32.const 0))";
const FILL: &str = "(drop (memory.grow (i32.const 400)))
    (memory.fill (i32.const 65536) (i32.const 1) (i32.const 26214400))";

/// One filter, or several that come together.
pub struct Villain {
    pub name: &'static str,
    pub filters: Vec<Upload>,
    pub end: End,
}

/// A filter to upload.
#[derive(Clone)]
pub struct Upload {
    pub name: String,
    module: Vec<u8>,
    query: Vec<(&'static str, String)>,
}

/// What becomes of a villain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is not accepted, for a reason that contains this.
    Refused(&'static str),
    /// It is suspended.
    Suspended,
    /// It goes to the slow lane, and may be suspended there.
    Slow,
    /// It goes to the slow lane, and fails on nothing.
    SlowAndSound,
    /// It judges all alerts without a fault.
    Sound,
    /// It goes on, although it fails on some alerts.
    FailsAtTimes,
    /// It goes on.
    Active,
}

impl End {
    /// Whether a filter with this status has come to its end.
    pub fn is_reached(self, status: &Value) -> bool {
        let is_suspended = status["state"] == "suspended";
        let (seen, faulted) = (&status["counts"]["seen"], &status["counts"]["faulted"]);
        let is_sound = !is_suspended && *faulted == 0;
        match self {
            End::Refused(_) => unreachable!("it has no status"),
            End::Suspended => is_suspended,
            End::Slow => is_suspended || status["lane"] == "slow",
            End::SlowAndSound => is_sound && status["lane"] == "slow",
            End::Sound => is_sound && *seen != 0,
            End::FailsAtTimes => !is_suspended && *faulted != 0,
            End::Active => !is_suspended && *seen != 0,
        }
    }
}

impl Upload {
    fn new(name: impl Into<String>, module: Vec<u8>) -> Upload {
        Upload { name: name.into(), module, query: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: impl ToString) -> Upload {
        self.query.push((key, value.to_string()));
        self
    }

    /// Uploads it, once it is its turn. Returns the status and the body of the answer.
    pub fn send(&self, host: &Host) -> (u16, String) {
        loop {
            let request = ureq::put(format!("{}/api/v1/filters/{}", host.url(), self.name));
            let request = request.config().http_status_as_error(false).build();
            // It would be refused at once that some fail on all alerts.
            let request = request
                .query("force", "true")
                .query_pairs(self.query.iter().map(|(key, value)| (*key, value.as_str())));
            let mut reply = request.content_type("application/wasm").send(&self.module).unwrap();
            let body = reply.body_mut().read_to_string().unwrap();
            match reply.status().as_u16() {
                // The host takes a few at a time.
                429 => std::thread::sleep(std::time::Duration::from_millis(50)),
                status => return (status, body),
            }
        }
    }
}

/// The guest of `tests/guests/odd` in one of its modes.
fn odd(name: impl Into<String>, config: &str) -> Upload {
    Upload::new(name, std::fs::read(module("odd")).unwrap()).with("config", config)
}

fn wat(name: &str, items: &str, first: &str) -> Upload {
    Upload::new(name, reading_with(&[ID], items, first))
}

/// A filter of this many fields, each of which has an alternative that no alert has.
fn wide<'a>(name: String, kind: &str, paths: impl Iterator<Item = &'a str>) -> Upload {
    let paths: Vec<String> = (0..256).zip(paths).map(|(number, path)| format!("{path}{number} {path}")).collect();
    let fields: Vec<GuestField<'_>> = paths.iter().map(|paths| (paths.as_str(), kind, true)).collect();
    assert_eq!(fields.len(), 256);
    Upload::new(name, reading(&fields))
}

/// The fields of a source in an alert's history.
fn history() -> Vec<String> {
    let schema = std::fs::read_to_string(root().join("schema/lsst/lsst.v11_1.alert.avsc")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let fields = schema["fields"].as_array().unwrap();
    let source = fields.iter().find(|field| field["name"] == "diaSource").unwrap();
    let names = source["type"]["fields"].as_array().unwrap().iter();
    names.map(|field| format!("prvDiaSources[].{}", field["name"].as_str().unwrap())).collect()
}

/// Filters that are honest, but take long for each alert: about a tenth of a millisecond.
pub fn heavy(count: usize) -> Villain {
    let config = "mode = 'heavy'\nrounds = 30000";
    let heavy = |number| odd(format!("heavy-{number}"), config).with("quota", 1_000_000);
    Villain { name: "heavy", filters: (0..count).map(heavy).collect(), end: End::Sound }
}

/// Each kind of villain.
pub fn all() -> Vec<Villain> {
    let one = |name: &'static str, upload: Upload, end| Villain { name, filters: vec![upload], end };
    let mut all: Vec<Villain> = VILLAINS
        .iter()
        .map(|&(name, body)| {
            let end = if name == "traps" { End::Suspended } else { End::Slow };
            one(name, Upload::new(name, villain(body)), end)
        })
        .collect();
    let busy = format!("(global.set $n (i32.mul (local.get $rows) (i32.const 1300000))) {COUNT_DOWN}");
    let deep = "(func $deep (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))";
    let begin = |body: &str| format!("{COUNTER} (func $begin {body}) (start $begin)");
    let long_begin = begin(&format!("(global.set $n (i32.const 30000000)) {COUNT_DOWN}"));
    let fill_for_ever = format!(
        "{FILL} (loop $for-ever (memory.fill (i32.const 65536) (i32.const 1) (i32.const 26214400)) (br $for-ever))"
    );
    let history = history();
    let histories =
        (0..4).map(|number| wide(format!("history-{number}"), "any", history.iter().map(String::as_str).cycle()));
    let greedy = Upload::new("greedy", villain(VILLAINS[0].1)).with("fuel", u64::MAX).with("deadline_ms", 3_600_000);
    all.extend([
        one("just-under-its-fuel", wat("just-under-its-fuel", COUNTER, &busy), End::SlowAndSound),
        one("greedy", greedy, End::Refused("--max-fuel")),
        one("memory-bomb", wat("memory-bomb", "", &fill_for_ever), End::Slow),
        one("hoards", odd("hoards", "mode = 'hoard'"), End::Suspended),
        one("recurses", wat("recurses", deep, "(drop (call $deep (i32.const 0)))"), End::Suspended),
        one("starts-slowly", wat("starts-slowly", &long_begin, "(unreachable)"), End::Slow),
        one("starts-large", wat("starts-large", &begin(FILL), "(unreachable)"), End::Slow),
        one("traps-at-times", odd("traps-at-times", "mode = 'panic'\nevery = 100"), End::FailsAtTimes),
        one("chatters", odd("chatters", "mode = 'chatter'"), End::Sound),
        one("complains", odd("complains", "mode = 'complain'"), End::Suspended),
        one("embellishes", odd("embellishes", "mode = 'embellish'").with("quota", 1_000_000), End::Sound),
        one("remembers", odd("remembers", "mode = 'remember'"), End::Sound),
        one("leaks", odd("leaks", "mode = 'leak'"), End::Active),
        one(
            "cutout-as-text",
            Upload::new("cutout-as-text", reading(&[("cutoutDifference", "text", true)])),
            End::FailsAtTimes,
        ),
        one("cutouts", wide("cutouts".into(), "bytes", std::iter::repeat("cutoutDifference")), End::Sound),
        Villain { name: "histories", filters: histories.collect(), end: End::Sound },
    ]);
    all.extend(
        bombs::bombs()
            .into_iter()
            .filter(|(name, ..)| REFUSED.contains(name))
            .map(|(name, module, reason)| one(name, Upload::new(name, module), End::Refused(reason))),
    );
    all
}

/// Modules that are never run.
const REFUSED: [&str; 2] = ["million-functions", "branch-chain"];

/// Modules whose compilation takes more memory or time than is allowed, and others that are refused, at the same time.
pub fn uploads() -> Villain {
    let bombs = [("memory", bombs::memory_bomb()), ("time", bombs::time_bomb())];
    let others = bombs::bombs().into_iter().map(|(name, module, _)| (name, module));
    let filters = bombs.into_iter().chain(others).map(|(name, module)| Upload::new(name, module)).collect();
    Villain { name: "uploads", filters, end: End::Refused("") }
}

/// Ten that come together.
pub const TEN: [&str; 10] = [
    "spins",
    "copies-a-table",
    "grows",
    "traps",
    "just-under-its-fuel",
    "memory-bomb",
    "starts-slowly",
    "chatters",
    "leaks",
    "embellishes",
];
