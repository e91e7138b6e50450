//! Keeps the compiled dependencies of filters for the next project.
//!
//! Each project is compiled in a folder of its own: cargo names a filter's module after the project alone, so that in a
//! shared folder two projects of the same name would get each other's modules. A project's first build begins with a
//! copy of the dependencies that an earlier project of this user has compiled; cargo decides by its own fingerprints
//! which of them it can use.

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::cargo::{Compiled, PROFILE};
use super::toolchain::Toolchain;
use crate::commands::common::user_cache;

/// The number of toolchains whose artifacts are kept.
const TOOLCHAINS: usize = 3;
/// The size of the largest folder that is kept, in bytes. A filter's dependencies have some 200 MB.
const LARGEST: u64 = 1 << 30;

/// The artifacts of one toolchain.
#[derive(Debug)]
pub struct Cache {
    /// The folder that contains a folder for each toolchain.
    all: PathBuf,
    /// The folder of this toolchain.
    folder: PathBuf,
}

impl Cache {
    /// Finds the cache in the user's folder for caches; `None` if there is no such folder.
    pub fn of(toolchain: &Toolchain) -> Option<Cache> {
        let base = user_cache()?;
        let key = Sha256::digest(format!("{}\n{PROFILE:?}", toolchain.identity()));
        Some(Cache::new(base.join("build"), &format!("{key:x}")[..16]))
    }

    fn new(all: PathBuf, key: &str) -> Cache {
        let folder = all.join(key);
        Cache { all, folder }
    }

    /// Fills the folder in which cargo is about to compile, if it does not exist yet.
    pub fn seed(&self, target: &Path) {
        if target.exists() || !self.folder.is_dir() {
            return;
        }
        // Without the copy everything is compiled anew, so a failure is no reason to stop.
        if let Err(error) = self.try_seed(target) {
            tracing::debug!(%error, cache = %self.folder.display(), "the cache is not used");
        }
    }

    fn try_seed(&self, target: &Path) -> io::Result<()> {
        let parent = target.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::create_dir_all(parent)?;
        let beside = tempfile::Builder::new().prefix(".skysieve-build-").tempdir_in(parent)?;
        let mut room = u64::MAX;
        copy(&self.folder, &beside.path().join("guest"), &|_| true, &mut room)?;
        // Another build of the project may have been faster. Then this fails, and the other build's folder stays.
        fs::rename(beside.path().join("guest"), target)
    }

    /// Keeps what was compiled for a project, except the project's own artifacts.
    pub fn keep(&self, target: &Path, compiled: &Compiled) {
        if let Err(error) = self.try_keep(target, &compiled.own) {
            tracing::debug!(%error, cache = %self.folder.display(), "the cache is not written");
        }
    }

    fn try_keep(&self, target: &Path, own: &[String]) -> io::Result<()> {
        fs::create_dir_all(&self.all)?;
        let beside = tempfile::Builder::new().prefix("new-").tempdir_in(&self.all)?;
        let (new, old) = (beside.path().join("new"), beside.path().join("old"));
        let mut room = LARGEST;
        copy(target, &new, &|name| !own.iter().any(|own| belongs(name, own)), &mut room)?;
        // A build that is reading the old folder at this moment continues without a cache.
        if self.folder.exists() {
            fs::rename(&self.folder, old)?;
        }
        fs::rename(new, &self.folder)?;
        self.forget()
    }

    /// Removes all folders but the newest.
    fn forget(&self) -> io::Result<()> {
        let entries = fs::read_dir(&self.all)?.collect::<io::Result<Vec<_>>>()?;
        let mut found: Vec<(SystemTime, PathBuf)> =
            entries.iter().filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
        found.sort();
        found.reverse();
        found.iter().filter(|(_, path)| *path != self.folder).skip(TOOLCHAINS).try_for_each(|(_, path)| {
            // Another process may remove it at the same time.
            fs::remove_dir_all(path).or_else(|error| if path.exists() { Err(error) } else { Ok(()) })
        })
    }
}

/// Whether a file or folder of cargo's belongs to the package or crate `own`: `libown-HASH.rlib`, `own.wasm`,
/// `own-HASH`.
fn belongs(name: &str, own: &str) -> bool {
    [name, name.strip_prefix("lib").unwrap_or(name)]
        .iter()
        .filter_map(|name| name.strip_prefix(own))
        .any(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

/// Copies a folder. The files keep their times, by which cargo knows what is older than what.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool, room: &mut u64) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (meta, to) = (entry.metadata()?, to.join(entry.file_name()));
        if !wanted(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if meta.is_dir() {
            copy(&entry.path(), &to, wanted, room)?;
        } else if meta.is_file() {
            *room = room.checked_sub(meta.len()).ok_or_else(|| io::Error::other("there is too much to keep"))?;
            fs::copy(entry.path(), &to)?;
            File::options().append(true).open(&to)?.set_times(FileTimes::new().set_modified(meta.modified()?))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn compiled(own: &[&str]) -> Compiled {
        Compiled { own: own.iter().map(|name| (*name).to_owned()).collect(), ..Compiled::default() }
    }

    #[test]
    fn a_second_project_gets_the_dependencies_but_not_the_first_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), "key");
        let (first, second) = (folder.path().join("a/target/guest"), folder.path().join("b/target/guest"));
        for name in
            ["deps/libserde-1f.rlib", "deps/mine.wasm", "deps/libmine_sdk-2e.rlib", ".fingerprint/mine-3d/lib-mine"]
        {
            write(&first.join(name), name);
        }
        write(&first.join("deps/libminer-4c.rlib"), "a crate whose name begins as the project's");
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::options().append(true).open(first.join("deps/libserde-1f.rlib")).unwrap().set_modified(time).unwrap();
        cache.keep(&first, &compiled(&["mine", "mine_sdk"]));
        cache.seed(&second);
        let mut found: Vec<_> =
            fs::read_dir(second.join("deps")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        found.sort();
        assert_eq!(found, ["libminer-4c.rlib", "libserde-1f.rlib"]);
        assert_eq!(fs::read_dir(second.join(".fingerprint")).unwrap().count(), 0);
        assert_eq!(fs::metadata(second.join("deps/libserde-1f.rlib")).unwrap().modified().unwrap(), time);
        assert_eq!(fs::read_dir(folder.path().join("b/target")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_project_that_was_built_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), "key");
        let target = folder.path().join("guest");
        write(&target.join("deps/libserde-1f.rlib"), "old");
        cache.keep(&target, &compiled(&[]));
        write(&target.join("deps/libserde-1f.rlib"), "new");
        cache.seed(&target);
        assert_eq!(fs::read_to_string(target.join("deps/libserde-1f.rlib")).unwrap(), "new");
    }

    #[test]
    fn few_toolchains_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("guest");
        write(&target.join("deps/libserde-1f.rlib"), "serde");
        for key in ["a", "b", "c", "d", "e", "e"] {
            Cache::new(folder.path().join("cache"), key).keep(&target, &compiled(&[]));
        }
        let left = fs::read_dir(folder.path().join("cache")).unwrap().count();
        assert!((1..=TOOLCHAINS + 1).contains(&left), "{left}");
        assert!(folder.path().join("cache/e").is_dir());
    }
}
