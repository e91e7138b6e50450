//! A pipeline that judges nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::filters::{
    Checked, Control, FilterError, FilterStats, HandOver, HostInfo, Inspected, Journals, Runner, ShadowState,
    ShadowStatus, State, Status, StreamIdentity, Upload, hash,
};
use crate::health::Health;
use skysieve_sandbox::{Manifest, Parameter, ParameterKind, ParameterValue};

/// The text of a module decides what becomes of it: `refused` and `full` do not run; any other text runs.
#[derive(Default)]
pub struct Fake {
    pub running: Mutex<BTreeMap<String, Upload>>,
    /// Filters that have gone, with the host that they have gone to.
    pub moved: Mutex<BTreeMap<String, String>>,
    pub suspended: Mutex<Option<String>>,
    /// The shadows that run, with their versions and modules.
    pub shadows: Mutex<BTreeMap<String, (u32, Upload)>>,
    /// What they have told.
    pub journals: Mutex<BTreeMap<String, Journals>>,
    /// How often something was activated.
    pub activations: Mutex<usize>,
}

/// What every filter says can be set in its config.
pub fn magnitude() -> Parameter {
    Parameter {
        name: "magnitude".to_owned(),
        kind: ParameterKind::Number,
        default: Some(ParameterValue::Number(f64::INFINITY)),
        required: false,
        description: "The faintest magnitude.".to_owned(),
    }
}

impl Runner for Arc<Fake> {
    type Ready = (String, Upload);
    type ReadyShadow = (String, u32, Upload);

    fn check(&self, name: &str, upload: Upload) -> Result<(String, Upload), FilterError> {
        match &upload.module[..] {
            b"refused" => Err(FilterError::Refused("it imports wasi:clocks/wall-clock".to_owned())),
            _ => Ok((name.to_owned(), upload)),
        }
    }

    fn describe(&self, (_, upload): &(String, Upload)) -> Checked {
        Checked {
            sha256: hash(&upload.module),
            module: Some(Arc::new(upload.module.clone())),
            description: String::from_utf8_lossy(&upload.module).chars().take(40).collect(),
            fields: vec!["a.b".to_owned(), "c".to_owned()],
            parameters: vec![magnitude()],
            cost: None,
        }
    }

    fn adopt(&self, (name, _): &(String, Upload), journals: Journals) {
        self.journals.lock().insert(name.clone(), journals);
    }

    fn run(&self, (name, upload): (String, Upload)) -> Result<Status, FilterError> {
        if upload.module == b"full" {
            return Err(FilterError::Full(3));
        }
        self.moved.lock().remove(&name);
        self.running.lock().insert(name.clone(), upload);
        // A shadow ends with what it was compared with.
        self.shadows.lock().remove(&name);
        *self.suspended.lock() = None;
        *self.activations.lock() += 1;
        self.get(&name)
    }

    fn check_shadow(&self, name: &str, version: u32, upload: Upload) -> Result<Self::ReadyShadow, FilterError> {
        self.get(name)?;
        let (name, upload) = self.check(name, upload)?;
        Ok((name, version, upload))
    }

    fn run_shadow(&self, (name, version, upload): Self::ReadyShadow) -> Result<(), FilterError> {
        if upload.module == b"full" {
            return Err(FilterError::FullOfShadows(3));
        }
        self.shadows.lock().insert(name, (version, upload));
        Ok(())
    }

    fn end_shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        let status = self.shadow(name)?;
        self.shadows.lock().remove(name);
        Ok(status)
    }
}

impl Control for Arc<Fake> {
    fn inspect(&self, name: &str, upload: &Upload) -> Result<Inspected, FilterError> {
        let Checked { sha256, description, parameters, .. } = self.describe(&self.check(name, upload.clone())?);
        Ok(Inspected { sha256, manifest: Manifest { description, fields: Vec::new(), parameters }, module: None })
    }

    fn list(&self) -> Vec<Status> {
        let names: Vec<String> = self.running.lock().keys().cloned().collect();
        names.iter().map(|name| self.get(name).unwrap()).collect()
    }

    fn get(&self, name: &str) -> Result<Status, FilterError> {
        if let Some(to) = self.moved.lock().get(name) {
            return Ok(Status::new(name, State::Moved(to.clone())));
        }
        let running = self.running.lock();
        let upload = running.get(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        let is_suspended = self.suspended.lock().as_deref() == Some(name);
        let state = if is_suspended { State::Suspended("too many faults".to_owned()) } else { State::Active };
        let (sha256, settings) = (hash(&upload.module), upload.settings.clone());
        Ok(Status { sha256, settings, ..Status::new(name, state) })
    }

    fn stats(&self, name: &str) -> Result<FilterStats, FilterError> {
        let Status { name, sha256, .. } = self.get(name)?;
        Ok(FilterStats { name, sha256, ..FilterStats::default() })
    }

    fn journals(&self, name: &str) -> Result<Journals, FilterError> {
        self.get(name)?;
        Ok(self.journals.lock().entry(name.to_owned()).or_default().clone())
    }

    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError> {
        self.run(self.check(name, upload)?)
    }

    fn shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        let shadows = self.shadows.lock();
        let (version, _) = shadows.get(name).ok_or_else(|| FilterError::NoShadow(name.to_owned()))?;
        Ok(ShadowStatus { state: ShadowState::Running, ..ShadowStatus::waiting(name, *version, String::new()) })
    }

    fn delete(&self, name: &str) -> Result<Status, FilterError> {
        let status = self.get(name)?;
        self.shadows.lock().remove(name);
        self.running.lock().remove(name);
        self.journals.lock().remove(name);
        self.moved.lock().remove(name);
        Ok(status)
    }

    fn release(&self, name: &str, to: &str) -> Result<HandOver, FilterError> {
        let upload = self.running.lock().remove(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        self.moved.lock().insert(name.to_owned(), to.to_owned());
        Ok(handover(name, &upload, to))
    }

    fn confirm(&self, name: &str, _: &str) -> Result<Status, FilterError> {
        self.get(name)
    }

    fn module(&self, name: &str) -> Result<Arc<Vec<u8>>, FilterError> {
        let running = self.running.lock();
        let upload = running.get(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        Ok(Arc::new(upload.module.clone()))
    }

    fn host(&self) -> Result<HostInfo, FilterError> {
        Ok(HostInfo { name: "a".to_owned(), output_prefix: String::new(), stream: StreamIdentity::default() })
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

fn handover(name: &str, upload: &Upload, to: &str) -> HandOver {
    HandOver {
        name: name.to_owned(),
        id: "7".to_owned(),
        from: "a".to_owned(),
        to: to.to_owned(),
        sha256: hash(&upload.module),
        settings: upload.settings.clone(),
        lane: Default::default(),
        topic: name.to_owned(),
        stream: StreamIdentity::default(),
        positions: BTreeMap::new(),
        published: Vec::new(),
    }
}
