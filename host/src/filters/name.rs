//! The names of filters. They become topics, metric labels and parts of URLs.

use super::error::FilterError;

/// The largest number of characters in a name. Kafka allows 249 for a topic, and a prefix must fit before the name.
pub const NAME_LETTERS: usize = 100;

/// Checks whether `name` can be the name of a filter.
///
/// # Errors
/// Returns [`FilterError::Name`], whose message says which names are allowed.
pub fn check_name(name: &str) -> Result<(), FilterError> {
    let first_is_fine = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if first_is_fine && name.len() <= NAME_LETTERS && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(FilterError::Name(name.chars().take(NAME_LETTERS).collect()))
    }
}

/// Checks whether `user` can be the name of a user, who owns filters.
///
/// # Errors
/// Returns [`FilterError::Refused`], whose message says which names are allowed.
pub fn check_owner(user: &str) -> Result<(), FilterError> {
    let first_is_fine = user.starts_with(|c: char| c.is_ascii_alphanumeric());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if first_is_fine && user.len() <= NAME_LETTERS && user.chars().all(allowed) {
        return Ok(());
    }
    let shown: String = user.chars().take(NAME_LETTERS).collect();
    Err(FilterError::Refused(format!(
        "{shown:?} is not a user's name: 1 to {NAME_LETTERS} of a-z, A-Z, 0-9, '.', '_', '-', '@', '+', beginning with a letter \
         or digit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_topics_labels_and_urls() {
        for name in ["bright", "lsst-bright.2", "7", &"a".repeat(100)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "-x", "a b", "a/b", "ä", "a\0", &"a".repeat(101)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        // No filter's record has the key of a token's.
        assert!(check_name("@token/0123456789ab").is_err());
    }

    #[test]
    fn users_may_be_addresses() {
        for user in ["ada", "ada@example.org", "7", "a+b_c-d.e"] {
            assert!(check_owner(user).is_ok(), "{user}");
        }
        for user in ["", "@ada", "a b", "a\n", "\u{e4}", &"a".repeat(101)] {
            assert!(check_owner(user).is_err(), "{user:?}");
        }
    }
}
