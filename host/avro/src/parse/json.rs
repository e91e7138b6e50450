//! A schema's JSON in the form that its writers' own parsers accept: Java's allows comments, and Java's and Python's
//! write defaults that JSON can't express. Defaults play no part in reading, so these become nulls.

use std::borrow::Cow;

use serde_json::Value;

/// Reads JSON with comments (`//`, `/* */`), a byte order mark, and numbers that JSON does not have (`NaN`, `-Infinity`,
/// `1e999`).
pub(super) fn read(text: &str) -> serde_json::Result<Value> {
    let text = text.trim_start_matches('\u{feff}');
    // Nearly all schemas are plain JSON; only the others are read twice.
    serde_json::from_str(text).or_else(|error| match rewritten(text, true) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(plain) => serde_json::from_str(&plain),
    })
}

/// Returns the same schema without comments, because readers of containers don't accept them.
pub(crate) fn without_comments(text: &str) -> Cow<'_, str> {
    let text = text.trim_start_matches('\u{feff}');
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Cow::Borrowed(text);
    }
    rewritten(text, false)
}

/// Returns the text without comments and, if `numbers`, with nulls for numbers that JSON does not have. Quoted text
/// stays as it is.
fn rewritten(text: &str, numbers: bool) -> Cow<'_, str> {
    let (mut out, mut changed) = (String::with_capacity(text.len()), false);
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let (taken, put) = match first {
            b'"' => plain(quoted(rest)),
            b'/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), Some(" ")),
            b'/' if rest.starts_with("/*") => (rest[2..].find("*/").map_or(rest.len(), |end| end + 4), Some(" ")),
            byte if is_word(byte) => {
                let word = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
                let is_none = numbers && rest[..word].parse::<f64>().is_ok_and(|number| !number.is_finite());
                (word, is_none.then_some("null"))
            }
            _ => plain(
                rest.find(|letter| letter == '"' || letter == '/' || is_word(letter)).unwrap_or(rest.len()).max(1),
            ),
        };
        out.push_str(put.unwrap_or(&rest[..taken]));
        changed |= put.is_some();
        rest = &rest[taken..];
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

fn plain(length: usize) -> (usize, Option<&'static str>) {
    (length, None)
}

/// The length in bytes of the quoted text that `rest` begins with.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.bytes().skip(1).position(|byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    });
    end.map_or(rest.len(), |end| end + 2)
}

/// Whether the character belongs to a number or a bare word.
fn is_word(letter: impl Into<char>) -> bool {
    let letter = letter.into();
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.' | '_')
}
