//! The modules' bytes, which are kept so that a filter can be handed to another host.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use skysieve_sandbox::{Budget, Refusal, Share};

/// Where a filter's module can be read again.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// In memory, because it was uploaded.
    Memory(Arc<KeptModule>),
    /// In the folder of filters that the host was started with.
    File(PathBuf),
}

/// A module in memory, and what it takes of the budget of filters.
#[derive(Debug)]
pub struct KeptModule {
    bytes: Arc<Vec<u8>>,
    _share: Share,
}

impl ModuleSource {
    /// Reads the module. `None` if it is not the one with that hash any more.
    pub fn read(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
        match self {
            ModuleSource::Memory(module) => Some(module.bytes.clone()),
            ModuleSource::File(path) => {
                let bytes = std::fs::read(path).ok()?;
                (hash(&bytes) == sha256).then(|| Arc::new(bytes))
            }
        }
    }
}

/// The SHA-256 hash of a module, in hexadecimal.
pub fn hash(module: &[u8]) -> String {
    Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The modules of all filters, by their hashes. Uploaded ones are kept once, however many filters they serve.
#[derive(Debug, Default)]
pub struct Modules {
    kept: Mutex<HashMap<String, Weak<KeptModule>>>,
    /// The files in the folder of filters that the host was started with.
    files: Mutex<HashMap<String, PathBuf>>,
}

impl Modules {
    /// Keeps a module until nobody has its source any more. It takes its size of the budget.
    ///
    /// # Errors
    /// Returns [`Refusal::Budget`] if there is not so much left.
    pub fn keep(&self, sha256: &str, module: Vec<u8>, budget: &Budget) -> Result<ModuleSource, Refusal> {
        let mut kept = self.kept.lock();
        if let Some(known) = kept.get(sha256).and_then(Weak::upgrade) {
            return Ok(ModuleSource::Memory(known));
        }
        kept.retain(|_, module| module.strong_count() > 0);
        let mut share = Share::new(budget);
        if !share.try_take(module.len() as u64) {
            return Err(Refusal::Budget { used: budget.used(), limit: budget.limit() });
        }
        let module = Arc::new(KeptModule { bytes: Arc::new(module), _share: share });
        kept.insert(sha256.to_owned(), Arc::downgrade(&module));
        Ok(ModuleSource::Memory(module))
    }

    /// Takes note that a file has a module.
    pub fn note(&self, sha256: &str, file: PathBuf) -> ModuleSource {
        self.files.lock().insert(sha256.to_owned(), file.clone());
        ModuleSource::File(file)
    }

    /// The file that had a module when the host was started.
    pub fn file(&self, sha256: &str) -> Option<ModuleSource> {
        self.files.lock().get(sha256).cloned().map(ModuleSource::File)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_kept_once_and_as_long_as_it_is_used() {
        let (modules, budget) = (Modules::default(), Budget::of(10));
        let keep = |hash, module: &[u8]| modules.keep(hash, module.to_vec(), &budget);
        let [one, other] = [0, 1].map(|_| keep("abc", b"module").unwrap());
        assert!(Arc::ptr_eq(&one.read("abc").unwrap(), &other.read("abc").unwrap()));
        assert_eq!(budget.used(), 6);
        // There is no room for both.
        assert!(matches!(keep("def", b"another"), Err(Refusal::Budget { used: 6, limit: 10 })));
        drop((one, other));
        keep("def", b"another").unwrap();
        assert_eq!((modules.kept.lock().len(), budget.used()), (1, 0));
        modules.note("abc", "a.wasm".into());
        assert!(modules.file("abc").is_some() && modules.file("def").is_none());
    }

    #[test]
    fn a_file_that_was_replaced_is_another_module() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bright.wasm");
        std::fs::write(&path, "module").unwrap();
        let source = ModuleSource::File(path.clone());
        assert_eq!(**source.read(&hash(b"module")).unwrap(), *b"module");
        std::fs::write(&path, "another").unwrap();
        assert!(source.read(&hash(b"module")).is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(source.read(&hash(b"module")).is_none());
    }
}
