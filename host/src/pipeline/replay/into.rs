//! The topic on which a replay publishes.

use super::TOPIC_LETTERS;
use crate::pipeline::state::PipelineState;

/// Checks whether a replay of a filter may publish on a topic: only on one whose name begins with that of the filter's own
/// topic, and that has no other use. So nobody can publish as somebody else's filter.
pub fn check_into(state: &PipelineState, name: &str, into: &str) -> Result<(), String> {
    let topics = &state.config.topics;
    let own = format!("{}{name}", topics.output_prefix);
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let behind = into.strip_prefix(&own).unwrap_or_default();
    if !behind.starts_with(['.', '-', '_']) || behind.len() < 2 || !into.chars().all(is_allowed) {
        let into: String = into.chars().take(TOPIC_LETTERS).collect();
        return Err(format!(
            "{into:?} is not a topic for a replay of {name}: that is {own} with something behind it, such as {own}.replay \
             (letters, digits, '.', '_' and '-')"
        ));
    }
    if into.len() > TOPIC_LETTERS {
        return Err(format!("the topic's name has {} characters; Kafka allows {TOPIC_LETTERS}", into.len()));
    }
    let of_host = topics.output(&into[topics.output_prefix.len()..]).is_none();
    let is_filters = state.entries().keys().any(|other| into == format!("{}{other}", topics.output_prefix));
    if of_host || is_filters {
        return Err(format!("{into} is a topic that this host uses for something else"));
    }
    Ok(())
}
