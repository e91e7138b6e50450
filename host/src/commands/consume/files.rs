//! Writes files of packets and cutouts: completely or not at all, and only into their folder.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use skysieve_avro::{Framed, Schemas, Selector, gunzip, is_gzip};

/// The largest size of a cutout after gunzipping, in bytes. Real ones have some 17 KB.
const MAX_STAMP: usize = 16 << 20;
/// The beginning of a FITS file ([FITS 4.0](https://fits.gsfc.nasa.gov/fits_standard.html), 4.4.1).
const FITS: &[u8] = b"SIMPLE  =";

/// A folder for saved files.
pub struct Folder(PathBuf);

impl Folder {
    /// Opens a folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// Returns an error if it can't be created.
    pub fn open(path: &Path) -> io::Result<Folder> {
        fs::create_dir_all(path)?;
        Ok(Folder(path.to_owned()))
    }

    /// Writes a file, replacing one with the same name. A link with that name is replaced, not followed. Readers see
    /// either the complete file or none.
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".").suffix(".part").permissions(Permissions::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.0)?;
        file.write_all(content)?;
        file.persist(self.0.join(name))?;
        Ok(())
    }
}

/// Saves cutouts.
pub struct Stamps {
    folder: Folder,
    gunzip: bool,
    saved: u64,
    empty: u64,
    missing: u64,
}

impl Stamps {
    /// Saves cutouts in a folder, gunzipped or as they are in the alert.
    pub fn new(folder: Folder, gunzip: bool) -> Stamps {
        Stamps { folder, gunzip, saved: 0, empty: 0, missing: 0 }
    }

    /// Saves an alert's cutouts as `ID_science.fits` and so on. Returns what is wrong with those that are not images.
    /// Empty cutouts are only counted.
    ///
    /// # Errors
    /// Returns an error if a cutout can't be written.
    pub fn save(
        &mut self,
        schemas: &Schemas,
        alert: &Framed<'_>,
        cutouts: &[(String, Selector)],
        id: &str,
    ) -> anyhow::Result<Vec<String>> {
        let mut complaints = Vec::new();
        for (name, selector) in cutouts {
            let stamp = match selector.bytes(schemas, alert) {
                Ok(Some([])) => {
                    self.empty += 1;
                    continue;
                }
                Ok(Some(stamp)) => stamp,
                Ok(None) => {
                    self.missing += 1;
                    continue;
                }
                Err(error) => {
                    complaints.push(error.to_string());
                    continue;
                }
            };
            match self.content(stamp) {
                Ok((content, ending)) => {
                    let file = format!("{id}_{name}.{ending}");
                    let put = self.folder.put(&file, content.as_deref().unwrap_or(stamp));
                    put.map_err(|error| anyhow::anyhow!("cannot save {file}: {error}"))?;
                    self.saved += 1;
                }
                Err(why) => complaints.push(format!("cutout {name}: {why}")),
            }
        }
        Ok(complaints)
    }

    /// The bytes to write, unless they are those of the cutout itself, and the ending of the file's name.
    fn content(&self, stamp: &[u8]) -> Result<(Option<Vec<u8>>, &'static str), String> {
        let gzipped = is_gzip(stamp);
        if gzipped && !self.gunzip {
            return Ok((None, "fits.gz"));
        }
        let content = gzipped.then(|| gunzip(stamp, MAX_STAMP)).transpose();
        let content = content.map_err(|error| format!("it is broken gzip, or too large ({error})"))?;
        match content.as_deref().unwrap_or(stamp).starts_with(FITS) {
            true => Ok((content, "fits")),
            false => Err("it is neither FITS nor gzipped FITS".to_owned()),
        }
    }
}

impl fmt::Display for Stamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamps { saved, empty, missing, .. } = self;
        write!(f, "{saved} cutouts saved; {empty} are empty, {missing} are null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(folder: &Path, gunzip: bool) -> Stamps {
        Stamps::new(Folder::open(folder).unwrap(), gunzip)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_and_rubbish_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, gunzipped) = (stamps(folder.path(), false), stamps(folder.path(), true));
        let fits = b"SIMPLE  =                    T";
        assert_eq!(kept.content(&gzip(fits)), Ok((None, "fits.gz")));
        assert_eq!(gunzipped.content(&gzip(fits)), Ok((Some(fits.to_vec()), "fits")));
        assert_eq!(gunzipped.content(fits), Ok((None, "fits")));
        let bomb = gzip(&vec![0; 20 << 20]);
        assert!(gunzipped.content(&bomb).unwrap_err().contains("more than 16777216 bytes"));
        assert!(gunzipped.content(&gzip(fits)[..20]).unwrap_err().contains("broken gzip"));
        let padded = [gzip(fits), vec![0; 512]].concat();
        assert_eq!(gunzipped.content(&padded), Ok((Some(fits.to_vec()), "fits")), "what is behind it is ignored");
        assert!(kept.content(b"#!/bin/sh").unwrap_err().contains("neither FITS"));
        assert!(gunzipped.content(&gzip(b"text")).is_err() && kept.content(b"").is_err());
    }

    #[test]
    fn a_link_out_of_the_folder_is_replaced() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let link = folder.path().join("a.fits");
        std::os::unix::fs::symlink(other.path(), &link).unwrap();
        Folder::open(folder.path()).unwrap().put("a.fits", b"new").unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"new");
        assert_eq!(fs::read(other.path()).unwrap(), b"");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
