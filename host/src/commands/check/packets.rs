//! Files of packets: which there are, and what is in them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use skysieve_avro::{gunzip, is_gzip};

use crate::commands::UsageError;

/// The most that a file may hold, gunzipped. More than the largest visit on record would need.
const LARGEST: u64 = 4 << 30;

/// The files named, and those in the folders named: in a folder, every `.avro` or `.avro.gz`, at any depth. Sorted
/// within a folder.
///
/// # Errors
/// [`UsageError`] for a path that is not there or can't be read, and when there is no file at all.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, UsageError> {
    let mut files = Vec::new();
    for path in paths {
        search(path, true, &mut files)
            .map_err(|error| UsageError(format!("cannot read {}: {error}", path.display())))?;
    }
    if files.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(UsageError(format!("no packets (files named *.avro or *.avro.gz) in {}", names.join(", "))));
    }
    Ok(files)
}

fn search(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    // Links are followed when named only, so that a loop of them ends.
    let meta = if named { path.metadata()? } else { path.symlink_metadata()? };
    if meta.is_dir() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        entries.sort();
        entries.iter().try_for_each(|entry| search(entry, false, files))
    } else {
        let name = path.to_string_lossy();
        if named {
            // Whatever it is: `<(…)` of a shell is a pipe.
            files.push(path.to_owned());
        } else if name.ends_with(".avro") || name.ends_with(".avro.gz") {
            match path.metadata() {
                Ok(meta) if meta.is_file() => files.push(path.to_owned()),
                // Nobody may ever write into a pipe that is found in a folder.
                _ => tracing::warn!(path = %path.display(), "skipped: not a file"),
            }
        }
        Ok(())
    }
}

/// A file's bytes, gunzipped if they are gzip.
///
/// # Errors
/// When it can't be read, is broken gzip, or holds too much.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other(format!("more than {} GiB", LARGEST >> 30)));
    }
    if is_gzip(&bytes) {
        let most = usize::try_from(LARGEST).unwrap_or(usize::MAX - 1);
        let broken = |error| std::io::Error::other(format!("it is broken gzip ({error})"));
        bytes = gunzip(&bytes, most).map_err(broken)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_and_loops_in_a_folder_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.avro"), "").unwrap();
        std::os::unix::fs::symlink(path("a.avro"), path("b.avro")).unwrap();
        std::os::unix::fs::symlink(folder.path(), path("loop.avro")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("broken.avro")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("pipe.avro")).status().unwrap();
        assert!(made.success());
        assert_eq!(find(&[folder.path().to_owned()]).unwrap(), [path("a.avro"), path("b.avro")]);
        assert_eq!(find(&[path("pipe.avro")]).unwrap(), [path("pipe.avro")]);
    }
}
