//! Profiles: several hosts, each with a name, in a file of the user's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::common::UsageError;
use super::defaults::read;
use super::secret::warn_if_shared;
use crate::filters::nearest;

/// The variable with the file's path.
const FILE: &str = "SKYSIEVE_PROFILES";

/// The file of a user.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    /// The profile that is used if none is named.
    default: Option<String>,
    profile: BTreeMap<String, Profile>,
}

/// A host, and how it is asked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The address of its HTTP API.
    pub server: String,
    /// The file with the token.
    pub token_file: Option<PathBuf>,
    /// The file with the certificates that are trusted, if they are not those that the system trusts.
    pub ca: Option<PathBuf>,
}

/// Finds a profile: the one of this name, or else the file's default, if there is one.
///
/// # Errors
/// Returns a [`UsageError`] if the file is malformed, or if it has no profile of that name.
pub fn find(name: Option<&str>) -> Result<Option<Profile>, UsageError> {
    let Some(path) = path() else {
        return match name {
            None => Ok(None),
            Some(name) => Err(UsageError(format!("--profile {name}: there is no home directory; set {FILE}"))),
        };
    };
    find_in(&path, name)
}

fn find_in(path: &Path, name: Option<&str>) -> Result<Option<Profile>, UsageError> {
    if name.is_none() && !path.exists() {
        return Ok(None);
    }
    let wrong = |why: String| UsageError(format!("{}: {why}", path.display()));
    let file = read(path).map_err(wrong)?;
    // The error's own text would show the line, which may have a password in it.
    let File { default, mut profile } = toml::from_str(&file).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| file[..span.start].matches('\n').count() + 1);
        wrong(format!("line {line}: {}", error.message()))
    })?;
    let Some(name) = name.or(default.as_deref()) else { return Ok(None) };
    let Some(found) = profile.remove(name) else {
        let names: Vec<&str> = profile.keys().map(String::as_str).collect();
        let meant = nearest(name, &names).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(wrong(format!("there is no profile {name:?}{meant}; there are: {names}")));
    };
    if found.server.contains('@') {
        warn_if_shared(path);
    }
    let beside = |file: PathBuf| resolved(path.parent().unwrap_or(Path::new(".")), &file);
    Ok(Some(Profile { token_file: found.token_file.map(beside), ca: found.ca.map(beside), ..found }))
}

/// A path in the file: one that is not absolute begins at the file's folder, and `~/` is the user's home.
fn resolved(folder: &Path, path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    }
}

/// Where the file is.
fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(FILE).filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(std::env::home_dir().filter(|home| home.is_absolute())?.join(".config")))?;
    Some(base.join("skysieve/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
default = "summit"

[profile.summit]
server = "https://summit.example.org:8080"
token_file = "summit.token"
ca = "/etc/ca.pem"

[profile.local]
server = "http://127.0.0.1:8080"
"#;

    fn find(text: &str, name: Option<&str>) -> Result<Option<Profile>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let found = find_in(&path, name).map_err(|error| error.to_string())?;
        // The folder is another one each time.
        Ok(found.map(|profile| Profile {
            token_file: profile.token_file.map(|file| file.strip_prefix(folder.path()).unwrap().to_owned()),
            ..profile
        }))
    }

    #[test]
    fn profiles_are_found_by_name_or_by_default() {
        let summit = Profile {
            server: "https://summit.example.org:8080".to_owned(),
            token_file: Some("summit.token".into()),
            ca: Some("/etc/ca.pem".into()),
        };
        assert_eq!(find(TEXT, None).unwrap(), Some(summit.clone()));
        assert_eq!(find(TEXT, Some("summit")).unwrap(), Some(summit));
        assert_eq!(find(TEXT, Some("local")).unwrap().unwrap().server, "http://127.0.0.1:8080");
        assert_eq!(find("[profile.a]\nserver = 'x'", None).unwrap(), None);
        assert_eq!(find_in(Path::new("/no/such/file"), None).map_err(|error| error.to_string()), Ok(None));
        let home = std::env::home_dir().unwrap();
        assert_eq!(resolved(Path::new("/etc"), Path::new("~/a.token")), home.join("a.token"));
    }

    #[test]
    fn mistakes_are_told_without_passwords() {
        for (text, name, says) in [
            (TEXT, "sumit", "there is no profile \"sumit\" (did you mean summit?); there are: local, summit"),
            ("", "a", "there is no profile \"a\"; there are: none"),
            ("[profile.a]\ntoken_file = 'x'", "a", "missing field `server`"),
            ("[profile.a]\nserver = 'x'\ntokenfile = 'x'", "a", "tokenfile"),
            ("[profile.a]\nserver = http://me:hunter2@x", "a", "line 2: "),
        ] {
            let error = find(text, Some(name)).unwrap_err();
            assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
        }
        assert!(find("default = 'gone'", None).unwrap_err().contains("no profile \"gone\""));
        let missing = find_in(Path::new("/no/such/file"), Some("a")).unwrap_err().to_string();
        assert!(missing.starts_with("/no/such/file: No such file"), "{missing}");
    }
}
