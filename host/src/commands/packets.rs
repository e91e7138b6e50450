//! Finds files of packets, and reads them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use skysieve_avro::{gunzip, is_gzip};

use crate::commands::common::UsageError;

/// The largest content of a file after gunzipping, in bytes. This is more than the largest visit on record would need.
const LARGEST: u64 = 4 << 30;

/// Returns the files that were named, and all `.avro` and `.avro.gz` files at any depth of the folders that were named.
/// They are sorted within each folder.
///
/// # Errors
/// Returns a [`UsageError`] if a path does not exist or can't be read, or if there are no files at all.
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
    // Only links that were named are followed, so that a loop of links ends.
    let meta = if named { path.metadata()? } else { path.symlink_metadata()? };
    if meta.is_dir() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        entries.sort();
        entries.iter().try_for_each(|entry| search(entry, false, files))
    } else {
        let name = path.to_string_lossy();
        if named {
            // A file that was named may be of any type: the shell's `<(…)` is a pipe.
            files.push(path.to_owned());
        } else if name.ends_with(".avro") || name.ends_with(".avro.gz") {
            match path.metadata() {
                Ok(meta) if meta.is_file() => files.push(path.to_owned()),
                // A pipe that is found in a folder is skipped, because nobody may ever write into it.
                _ => tracing::warn!(path = %path.display(), "skipped: not a file"),
            }
        }
        Ok(())
    }
}

/// Reads a file, and gunzips it if it is gzipped.
///
/// # Errors
/// Returns an error if it can't be read, is broken gzip, or is too large.
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
