//! Filters that do not run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::filters::{
    AlertCosts, Control, Counts, Expected, FilterChange, FilterError, FilterStats, HandOver, HostInfo, Inspected,
    Journals, Kept, Lane, Offsets, Origin, Registered, Settings, ShadowState, ShadowStatus, State, Status,
    StreamIdentity, Upload, VersionInfo, VisitStats, VisitTally, check_name,
};
use crate::health::Health;
use crate::jobs::{
    CheckRequest, CheckedAlerts, JobControl, JobError, JobKind, JobStatus, Jobs, ReplayRequest, RunningJob,
};
use skysieve_avro::alert::{Field, Kind};
use skysieve_sandbox::{Manifest, Parameter, ParameterKind, ParameterValue};

/// The text of a module decides what happens to it: `refused`, `full`, `stopping`, `panic` or `wait`; any other text is
/// accepted. All requests about the filter named `panic` panic.
#[derive(Default)]
pub(super) struct Fake {
    pub filters: Mutex<BTreeMap<String, Status>>,
    pub uploads: Mutex<Vec<Upload>>,
    /// The changes that were asked for.
    pub changes: Mutex<Vec<(FilterChange, Expected)>>,
    pub health: Mutex<Health>,
    pub jobs: Arc<Jobs>,
    pub replays: Mutex<Vec<(String, ReplayRequest)>>,
    pub checks: Mutex<Vec<CheckRequest>>,
    /// The jobs that have begun. One that is taken out ends.
    pub running: Mutex<Vec<RunningJob>>,
    /// What filters have told.
    pub journals: Mutex<BTreeMap<String, Journals>>,
    gate: Mutex<Option<Gate>>,
}

struct Gate {
    reached: Sender<()>,
    opened: Receiver<()>,
}

/// Controls a module `wait`.
pub(super) struct Waiting {
    reached: Receiver<()>,
    open: Sender<()>,
}

impl Waiting {
    /// Returns once an upload is waiting.
    pub fn reached(&self) {
        self.reached.recv_timeout(super::PATIENCE).unwrap();
    }

    pub fn open(self) {
        self.open.send(()).unwrap();
    }
}

impl Fake {
    /// Makes the next module `wait` wait.
    pub fn gate(&self) -> Waiting {
        let ((reached, is_reached), (open, opened)) = (channel(), channel());
        *self.gate.lock() = Some(Gate { reached, opened });
        Waiting { reached: is_reached, open }
    }

    pub fn add(&self, status: Status) {
        self.filters.lock().insert(status.name.clone(), status);
    }

    pub fn last_upload(&self) -> Upload {
        self.uploads.lock().last().unwrap().clone()
    }

    fn of(&self, name: &str) -> MutexGuard<'_, BTreeMap<String, Status>> {
        assert_ne!(name, "panic", "a secret of the host");
        self.filters.lock()
    }
}

pub(super) fn status(name: &str) -> Status {
    let counts = Counts { seen: 1000, accepted: 20, rejected: 950, over_quota: 25, faulted: 5, too_large: 0 };
    Status {
        name: name.to_owned(),
        description: "Brighter than a limit".to_owned(),
        sha256: "5e884898da28047151d0e56f8dc6292773603d0d6aabbd62a11ef721d1542d8f".to_owned(),
        state: State::Active,
        lane: Lane::Live,
        behind: 0,
        cpu_share: 0.25,
        cpu_used: 0.125,
        origin: Origin::default(),
        kept: Kept::Process,
        registered: None,
        since: Offsets::new(),
        fields: vec![Field { paths: vec!["candidate.magpsf".to_owned()], kind: Kind::Float, optional: false }],
        parameters: vec![magnitude()],
        topics: vec!["ztf".to_owned()],
        settings: Default::default(),
        warnings: Vec::new(),
        counts,
        fuel: 123_456,
        seconds: 0.25,
        memory_peak: 1_114_112,
        fault_counts: BTreeMap::from([("fuel".to_owned(), 5)]),
        recent_faults: vec!["out of fuel on alert 697251921615015001".to_owned()],
        recent_logs: vec!["info: limit is 17".to_owned()],
        recent_visits: vec![VisitTally { visit: "2024111900094".to_owned(), counts }],
    }
}

/// A filter of that user.
pub(super) fn owned(name: &str, owner: &str) -> Status {
    Status { registered: Some(Registered { owner: owner.to_owned(), ..registered() }), ..status(name) }
}

fn registered() -> Registered {
    Registered {
        owner: "anyone".to_owned(),
        host: "here".to_owned(),
        live: None,
        revision: 7,
        tag: "7-18c2".to_owned(),
        version: Some(2),
        versions: 2,
        note: String::new(),
        paused: false,
        shadow: None,
    }
}

fn magnitude() -> Parameter {
    Parameter {
        name: "magnitude".to_owned(),
        kind: ParameterKind::Number,
        default: Some(ParameterValue::Number(17.0)),
        required: false,
        description: "The faintest magnitude.".to_owned(),
    }
}

fn version(number: u32) -> VersionInfo {
    VersionInfo {
        number,
        active: number == 2,
        sha256: status("it").sha256,
        bytes: 4,
        config: None,
        config_bytes: 0,
        topics: Vec::new(),
        note: "tighter".to_owned(),
        by: "anyone".to_owned(),
        at: "2026-05-09T03:00:00Z".to_owned(),
        description: String::new(),
        fields: Vec::new(),
        parameters: vec![magnitude()],
        cost: None,
    }
}

pub(super) fn handover(name: &str, to: &str) -> HandOver {
    HandOver {
        name: name.to_owned(),
        id: "7".to_owned(),
        from: "here".to_owned(),
        to: to.to_owned(),
        sha256: status(name).sha256,
        settings: Settings { quota: Some(3), ..Settings::default() },
        lane: Lane::Slow,
        topic: format!("accepted-{name}"),
        stream: StreamIdentity::default(),
        positions: BTreeMap::from([("ztf".to_owned(), BTreeMap::from([(0, 17)]))]),
        published: vec![("v5".to_owned(), 2)],
    }
}

impl Control for Fake {
    fn inspect(&self, _: &str, upload: &Upload) -> Result<Inspected, FilterError> {
        if upload.module == b"refused" || upload.settings.config.contains("magnitud ") {
            return Err(FilterError::Refused("it is refused".to_owned()));
        }
        let Status { description, sha256, fields, .. } = status("it");
        let manifest = Manifest { description, fields, parameters: vec![magnitude()] };
        Ok(Inspected { sha256, manifest, module: None })
    }

    fn list(&self) -> Vec<Status> {
        self.filters.lock().values().cloned().collect()
    }

    fn get(&self, name: &str) -> Result<Status, FilterError> {
        self.of(name).get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn stats(&self, name: &str) -> Result<FilterStats, FilterError> {
        let Status { name, sha256, counts, .. } = self.get(name)?;
        let mut costs = AlertCosts::default();
        costs.add(990, 100, Duration::from_nanos(1500));
        costs.add(10, 5000, Duration::from_micros(20));
        let (faults, visit) = (BTreeMap::from([("fuel".to_owned(), 5)]), "2024111900094".to_owned());
        let visits = vec![VisitStats { visit, alerts: costs.stats(counts) }];
        Ok(FilterStats { name, sha256, version: Some(2), total: costs.stats(counts), faults, visits })
    }

    fn journals(&self, name: &str) -> Result<Journals, FilterError> {
        self.get(name)?;
        Ok(self.journals.lock().entry(name.to_owned()).or_default().clone())
    }

    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError> {
        check_name(name)?;
        match &upload.module[..] {
            b"refused" => return Err(FilterError::Refused("it imports wasi:clocks/wall-clock".to_owned())),
            b"full" => return Err(FilterError::Full(3)),
            b"stopping" => return Err(FilterError::Stopping),
            b"panic" => panic!("a secret of the host"),
            b"wait" => {
                let gate = self.gate.lock().take().unwrap();
                gate.reached.send(()).unwrap();
                gate.opened.recv().unwrap();
            }
            _ => {}
        }
        let status = Status { settings: upload.settings.clone(), counts: Counts::default(), ..status(name) };
        self.uploads.lock().push(upload);
        self.add(status.clone());
        Ok(status)
    }

    fn change(&self, name: &str, change: FilterChange, expected: &Expected) -> Result<Status, FilterError> {
        if matches!(change, FilterChange::Delete) && *expected == Expected::Anything {
            return self.delete(name);
        }
        if *expected == Expected::Revision("1".to_owned()) {
            let (name, expected, found) = (name.to_owned(), "1".to_owned(), "7".to_owned());
            return Err(FilterError::Changed { name, expected, found });
        }
        let status = self.get(name)?;
        self.changes.lock().push((change, expected.clone()));
        Ok(Status { registered: Some(registered()), ..status })
    }

    fn versions(&self, name: &str) -> Result<Vec<VersionInfo>, FilterError> {
        self.get(name).map(|_| vec![version(1), version(2)])
    }

    fn version(&self, name: &str, number: u32) -> Result<VersionInfo, FilterError> {
        let known = self.versions(name)?.into_iter().find(|version| version.number == number);
        known.ok_or_else(|| FilterError::NoVersion(name.to_owned(), number))
    }

    fn shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        self.get(name)?;
        let shadow = ShadowStatus::waiting(name, 2, String::new());
        Ok(ShadowStatus { state: ShadowState::Running, seen: 7, ..shadow })
    }

    fn delete(&self, name: &str) -> Result<Status, FilterError> {
        self.journals.lock().remove(name);
        self.of(name).remove(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn release(&self, name: &str, to: &str) -> Result<HandOver, FilterError> {
        let status = self.get(name)?;
        if let State::Moved(there) = &status.state
            && there != to
        {
            return Err(FilterError::Conflict(format!("it was moved to host {there:?} already")));
        }
        self.add(Status { state: State::Moved(to.to_owned()), ..status });
        Ok(handover(name, to))
    }

    fn confirm(&self, name: &str, id: &str) -> Result<Status, FilterError> {
        let status = self.get(name)?;
        if id == "7" { Ok(status) } else { Err(FilterError::Conflict(format!("{id:?} is not its last move"))) }
    }

    fn module(&self, name: &str) -> Result<Arc<Vec<u8>>, FilterError> {
        match name {
            "lost" => Err(FilterError::NoModule(name.to_owned())),
            _ => self.get(name).map(|_| Arc::new(b"\0asm".to_vec())),
        }
    }

    fn host(&self) -> Result<HostInfo, FilterError> {
        let (name, output_prefix) = ("here".to_owned(), "accepted-".to_owned());
        Ok(HostInfo { name, output_prefix, stream: StreamIdentity::default() })
    }

    fn health(&self) -> Health {
        self.health.lock().clone()
    }
}

impl JobControl for Fake {
    fn replay(&self, filter: &str, request: ReplayRequest) -> Result<JobStatus, JobError> {
        drop(self.of(filter));
        self.get(filter)?;
        match request.into.as_deref() {
            Some("bad") => return Err(JobError::Into("it is not a topic for a replay".to_owned())),
            Some("none") => return Err(JobError::NoAlerts("Kafka has no messages of that time".to_owned())),
            _ => {}
        }
        let begun = JobStatus { owner: request.owner.clone(), ..job(filter) };
        let running = self.jobs.begin(Default::default(), begun, |_| Ok(()))?;
        let id = running.job().id;
        running.job().add_ids(vec!["7".to_owned(), "9".to_owned()]);
        self.replays.lock().push((filter.to_owned(), request));
        self.running.lock().push(running);
        self.jobs.get(id)
    }

    fn dry_run(&self, request: CheckRequest) -> Result<JobStatus, JobError> {
        if request.upload.module == b"refused" {
            return Err(FilterError::Refused("it imports wasi:clocks/wall-clock".to_owned()).into());
        }
        let job = JobStatus { kind: JobKind::Check, owner: request.owner.clone(), ..job(&request.name) };
        let running = self.jobs.begin(Default::default(), job, |_| Ok(()))?;
        let status = running.job().status();
        self.checks.lock().push(request);
        self.running.lock().push(running);
        Ok(status)
    }

    fn dry_run_version(&self, name: &str, number: u32, alerts: CheckedAlerts) -> Result<JobStatus, JobError> {
        self.version(name, number)?;
        let upload = Upload { module: format!("version {number}").into_bytes(), ..Upload::default() };
        self.dry_run(CheckRequest { name: name.to_owned(), upload, alerts, owner: None })
    }

    fn jobs(&self) -> &Jobs {
        &self.jobs
    }
}

fn job(filter: &str) -> JobStatus {
    JobStatus::begin(JobKind::Replay, filter, "5e88")
}
