//! The registry in memory, with a pipeline that judges nothing.

mod changes;
mod fake;
mod hosts;
mod reading;
mod shadows;
mod tokens;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Keeper, MemoryStore, Registry, Shared};
use crate::filters::{Control, Expected, Settings, Status, Upload};
use fake::Fake;

/// A host that has started.
struct Host {
    keeper: Keeper<Arc<Fake>>,
    fake: Arc<Fake>,
}

impl Host {
    fn start(shared: &Arc<Shared>, name: &str) -> Host {
        Host::with_folder(shared, name, &[])
    }

    fn with_folder(shared: &Arc<Shared>, name: &str, folder: &[&str]) -> Host {
        let fake = Arc::<Fake>::default();
        let folder: BTreeSet<String> = folder.iter().map(|name| (*name).to_owned()).collect();
        for name in &folder {
            fake.put(name, upload("folder")).unwrap();
        }
        let registry = Registry::new(Box::new(MemoryStore::new(shared)));
        let keeper = Keeper::new(fake.clone(), registry, name, folder);
        for (name, upload) in keeper.read().unwrap() {
            let started = upload.and_then(|upload| fake.put(&name, upload)).map(drop);
            keeper.started(&name, &started);
        }
        keeper.open();
        Host { keeper, fake }
    }

    fn put(&self, name: &str, module: &str) -> Status {
        self.keeper.put(name, upload(module)).unwrap()
    }

    /// Lets it see what others have written.
    fn follow(&self) {
        self.keeper.registry.catch_up().unwrap();
        self.keeper.follow_changes();
    }

    fn running(&self, name: &str) -> Option<String> {
        let running = self.fake.running.lock();
        running.get(name).map(|upload| String::from_utf8(upload.module.clone()).unwrap())
    }

    fn activations(&self) -> usize {
        *self.fake.activations.lock()
    }
}

fn upload(module: &str) -> Upload {
    Upload { module: module.into(), ..Upload::default() }
}

fn with_settings(module: &str, settings: Settings) -> Upload {
    Upload { settings, ..upload(module) }
}

fn revision(status: &Status) -> (u64, Option<u32>, usize) {
    let registered = status.registered.as_ref().unwrap();
    (registered.revision, registered.version, registered.versions)
}

fn tag(status: &Status) -> Expected {
    Expected::Revision(status.registered.as_ref().unwrap().tag.clone())
}
