//! The path of a field in an alert: `candidate.magpsf`, `prv_candidates[].magpsf`.

use syn::{LitStr, Result};

/// Checks a path.
pub fn check(path: &LitStr) -> Result<()> {
    let text = path.value();
    let name = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    if let Some(part) = text.split('.').find(|part| !name(part.strip_suffix("[]").unwrap_or(part))) {
        let message = format!(
            "{part:?} is not the name of a field: write names joined by dots, with [] behind an array, \
             such as \"candidate.magpsf\" or \"prv_candidates[].magpsf\""
        );
        return Err(syn::Error::new(path.span(), message));
    }
    if text.matches("[]").count() > 1 {
        return Err(syn::Error::new(path.span(), "a path goes through one array at most: write [] once"));
    }
    Ok(())
}

/// Whether the path goes through an array.
pub fn is_list(path: &LitStr) -> bool {
    path.value().contains("[]")
}
