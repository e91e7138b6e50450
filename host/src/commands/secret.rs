//! Secrets, which come from files and from the environment: what is on a command line, everybody on the machine can read.

use std::path::Path;

use super::common::UsageError;
use super::defaults::read;
use super::output::tell;

/// The secret in a file, or else in a variable. `flag` names the file's flag; its variable is `variable` with `_FILE` behind it.
///
/// # Errors
/// Returns a [`UsageError`], which never shows the secret.
pub fn secret(flag: &str, file: Option<&Path>, variable: &str) -> Result<Option<String>, UsageError> {
    let named = format!("{variable}_FILE");
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    let Some(file) = file else {
        let text = value.map(|value| value.into_string()).transpose();
        return text.map_err(|_| UsageError(format!("{variable} is not UTF-8 text")));
    };
    if value.is_some() && std::env::var_os(&named).is_some() {
        return Err(UsageError(format!("both {variable} and {named} are set; set one of them")));
    }
    let wrong = |why: String| UsageError(format!("{flag} {}: {why}", file.display()));
    let text = read(file).map_err(wrong)?.trim().to_owned();
    if text.is_empty() { Err(wrong("it is empty".to_owned())) } else { Ok(Some(text)) }
}

/// Warns of a file with a secret that other users of this machine can read. Where secrets are mounted into a container,
/// there are no others.
pub fn warn_if_shared(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_or(0, |meta| if meta.is_file() { meta.permissions().mode() } else { 0 });
    if mode & 0o004 != 0 && !file.starts_with("/run/secrets") {
        let file = file.display();
        tell(format_args!("warning: other users can read {file}, which has a secret in it: chmod 600 {file}"));
    }
}
