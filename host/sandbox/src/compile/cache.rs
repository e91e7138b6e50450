//! Machine code that was compiled before, in a folder of this user.
//!
//! Whoever can write machine code into a host can do whatever the host can. So the folder must belong to this user, and
//! nobody else may write into it. Each file is checked as well when it is opened, because the folders above this one
//! may belong to others, who can put another one in its place; but they can't make files that belong to this user.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::super::limits::CACHE_BYTES;
use super::confine::user;
use super::sealed::{Memory, Sealed};

/// The folder in the one that the operator names: that one may be a mount point, whose mode others decide.
const FOLDER: &str = "compiled";
/// What a file begins with. Behind it are its key, the hash of the machine code, and the machine code.
const MAGIC: &[u8; 8] = b"skysieve";
const HEADER: usize = MAGIC.len() + 32 + 32;

/// Why a cache can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder can't be made or read.
    #[error("{}: {error}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others could put code there that the host would run.
    #[error("{} {wrong}: others could have the host run their code", folder.display())]
    Unsafe {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        wrong: String,
    },
}

/// By what machine code is found: the module, the version of this program and of the engine, all settings of the
/// engine, and the processor's features.
pub struct Key([u8; 32]);

impl Key {
    pub fn new(engine: &wasmtime::Engine, module: &[u8; 32]) -> Key {
        let mut hash = ShaHasher(Sha256::new());
        hash.write(module);
        hash.write(env!("CARGO_PKG_VERSION").as_bytes());
        engine.precompile_compatibility_hash().hash(&mut hash);
        Key(hash.0.finalize().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct ShaHasher(Sha256);

impl Hasher for ShaHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// A folder of machine code.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Makes the folder if it does not exist, and checks that only this user can write into it.
    pub fn open(parent: &Path) -> Result<Cache, CacheError> {
        let folder = parent.join(FOLDER);
        let failed = |error| CacheError::Io { folder: folder.clone(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let about = fs::symlink_metadata(&folder).map_err(failed)?;
        let wrong = match (about.is_dir(), about.uid() == user(), about.mode() & 0o022) {
            (false, ..) => Some("is not a folder; name another one".to_owned()),
            (_, false, _) => Some(format!("belongs to user {}, not to user {}", about.uid(), user())),
            (.., 0) => None,
            _ => Some(format!("has mode {:o}; after chmod 700, empty it", about.mode() & 0o777)),
        };
        match wrong {
            Some(wrong) => Err(CacheError::Unsafe { folder, wrong }),
            None => Ok(Cache { folder }),
        }
    }

    /// Returns what is there for a key. A file that is damaged, or that others could have written, counts as missing.
    pub fn get(&self, key: &Key) -> Option<Sealed> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(self.path(key));
        let file = file.ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() || about.uid() != user() || about.mode() & 0o022 != 0 {
            return None;
        }
        let compiled = read(&file, key).ok()??;
        // The oldest ones are removed first.
        let _ = file.set_modified(SystemTime::now());
        Some(compiled)
    }

    /// Keeps machine code. What can't be kept is compiled again the next time.
    pub fn put(&self, key: &Key, compiled: &Sealed) {
        let new = self.folder.join(format!("{key}.{}.new", std::process::id()));
        let written = write(&new, key, compiled).and_then(|()| fs::rename(&new, self.path(key)));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        let _ = self.prune();
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(key.to_string())
    }

    /// Removes the oldest files while all of them together are too large.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            files.push((about.modified()?, about.len(), entry.path()));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= CACHE_BYTES {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

/// Reads machine code, or nothing if the file is not what it should be.
fn read(mut file: &File, key: &Key) -> io::Result<Option<Sealed>> {
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    let (magic, rest) = header.split_at(MAGIC.len());
    let (of, hash) = rest.split_at(32);
    if magic != MAGIC || of != key.0 {
        return Ok(None);
    }
    // What is hashed is the copy, which nobody else can change.
    let memory = Memory::new("skysieve-compiled")?;
    io::copy(&mut file, &mut memory.file())?;
    let compiled = memory.seal()?;
    let mut found = Sha256::new();
    compiled.copy_to(&mut found)?;
    Ok((found.finalize()[..] == *hash).then_some(compiled))
}

fn write(path: &Path, key: &Key, compiled: &Sealed) -> io::Result<()> {
    let mut hash = Sha256::new();
    compiled.copy_to(&mut hash)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(MAGIC)?;
    file.write_all(&key.0)?;
    file.write_all(&hash.finalize())?;
    file.seek(SeekFrom::Start(HEADER as u64))?;
    compiled.copy_to(&mut file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const KEY: Key = Key([7; 32]);

    fn sealed(text: &str) -> Sealed {
        let memory = Memory::new("test").unwrap();
        memory.file().write_all(text.as_bytes()).unwrap();
        memory.seal().unwrap()
    }

    /// What is kept for a key, as text.
    fn kept(cache: &Cache, key: &Key) -> Option<String> {
        let mut bytes = Vec::new();
        cache.get(key)?.copy_to(&mut bytes).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }

    fn filled() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("new")).unwrap();
        cache.put(&KEY, &sealed("machine code"));
        (folder, cache)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_kept_is_found_by_its_key_alone() {
        let (_folder, cache) = filled();
        assert_eq!(kept(&cache, &KEY).unwrap(), "machine code");
        assert!(kept(&cache, &Key([8; 32])).is_none());
        // Another module's code under this name.
        fs::copy(cache.path(&KEY), cache.path(&Key([8; 32]))).unwrap();
        assert!(kept(&cache, &Key([8; 32])).is_none());
        assert_eq!(fs::metadata(cache.path(&KEY)).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_damaged_is_not_used() {
        let (_folder, cache) = filled();
        let good = fs::read(cache.path(&KEY)).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(cache.path(&KEY), bad).unwrap();
            assert!(kept(&cache, &KEY).is_none(), "byte {at}");
            fs::write(cache.path(&KEY), &good[..at]).unwrap();
            assert!(kept(&cache, &KEY).is_none(), "{at} bytes");
        }
        cache.put(&KEY, &sealed("again"));
        assert_eq!(kept(&cache, &KEY).unwrap(), "again");
    }

    #[test]
    fn what_others_could_have_written_is_not_used() {
        let (folder, cache) = filled();
        let path = cache.path(&KEY);
        set_mode(&path, 0o622);
        assert!(kept(&cache, &KEY).is_none());
        set_mode(&path, 0o600);
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(kept(&cache, &KEY).is_none());
    }

    #[test]
    fn folders_that_others_can_write_into_are_refused() {
        let (folder, cache) = filled();
        let parent = folder.path().join("new");
        let refused = |parent: &Path| Cache::open(parent).err().unwrap().to_string();
        set_mode(&cache.folder, 0o770);
        assert!(refused(&parent).contains("has mode 770"), "{}", refused(&parent));
        set_mode(&cache.folder, 0o755);
        assert!(Cache::open(&parent).is_ok());
        let linked = folder.path().join("linked");
        fs::create_dir(&linked).unwrap();
        symlink(&cache.folder, linked.join(FOLDER)).unwrap();
        assert!(refused(&linked).contains("is not a folder"));
        assert!(matches!(Cache::open(Path::new("/dev/null/x")), Err(CacheError::Io { .. })));
    }

    #[test]
    fn the_oldest_files_go_first() {
        let (_folder, cache) = filled();
        let old = cache.folder.join("old");
        let file = File::create(&old).unwrap();
        // It takes no room on the disk.
        file.set_len(CACHE_BYTES).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        cache.put(&Key([9; 32]), &sealed("new"));
        assert!(!old.exists());
        assert!(kept(&cache, &KEY).is_some() && kept(&cache, &Key([9; 32])).is_some());
    }
}
