//! Checks that `docs/limits.md` says what the code does: each limit is one constant, and the tables there have no other
//! numbers.

use std::collections::BTreeSet;

use crate::access::{MOST_DAYS, MOST_TOKENS, UserLimits, WRONG_TOKENS};
use crate::api::ApiConfig;
use crate::catalog::CATALOG_MODULES;
use crate::commands::host::{MAX_FILTERS, REPLAYS, SHARE};
use crate::filters::{
    CONFIG_BYTES, CPU_SHARE, Ceilings, FAULTS, JOURNAL_BYTES, LOGS, NAME_LETTERS, NOTE_BYTES, RECENT, RECENT_VISITS,
    SAMPLED, SHADOW_IDS, STREAM_SCHEMAS,
};
use crate::jobs::{IDS_KEPT, JOBS_KEPT, LAST, PACKET_BYTES, PACKETS};
use crate::kafka::RECORDS_KEPT;
use crate::pipeline::{
    ALERTS_OWED_BY_SHADOWS, BATCHES_OWED, BYTES_OWED, BatchLimits, CHEAP_ALERT, DEADLINE_STRIKES, DEFAULT_PASS_RATE,
    DEFAULT_QUOTA, FAILING_ALERTS, FaultLimits, LOG_BURST, LOGS_A_SECOND, MAX_LAG, RECENT_ALERTS, SHADOWS, SLICE,
    STRIKE_TIME, TOPIC_LETTERS,
};
use crate::registry::{CHANGE_TIME, RECORD_BYTES, VERSIONS};
use skysieve_sandbox::Limits;
use skysieve_sandbox::limits::*;

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/limits.md"));

/// Formats a number with commas.
fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// Formats a number of bytes in the largest unit that divides it.
fn bytes(number: usize) -> String {
    match number {
        _ if number.is_multiple_of(1 << 20) => format!("{} MiB", number >> 20),
        _ if number.is_multiple_of(1 << 10) => format!("{} KiB", number >> 10),
        _ => format!("{number} bytes"),
    }
}

/// The limits and values that the tables should have.
fn limits() -> Vec<(&'static str, String)> {
    let (sandbox, faults) = (Limits::default(), FaultLimits::default());
    let (ceilings, users) = (Ceilings::over(&sandbox), UserLimits::default());
    vec![
        ("fuel for an alert", count(sandbox.fuel)),
        ("memory", bytes(sandbox.memory)),
        ("fuel that an upload may ask for", count(ceilings.fuel)),
        ("memory that an upload may ask for", bytes(ceilings.memory)),
        ("deadline that an upload may ask for", format!("{} ms", ceilings.deadline.as_millis())),
        ("memory that any filter may have", bytes(MOST_MEMORY)),
        ("deadline of a call", format!("{} ms", sandbox.deadline.as_millis())),
        ("missed deadlines in a batch", count(OVERRUNS)),
        ("stack", bytes(STACK_BYTES)),
        ("fuel to start", count(sandbox.start_fuel)),
        ("time to start", format!("{} s", sandbox.start_deadline.as_secs())),
        ("alerts in a batch", count(BatchLimits::default().count)),
        ("alerts in a call", count(CALL_ALERTS)),
        ("values of an alert, over all fields", count(ALERT_VALUES)),
        ("bytes of an alert's values, over all fields", bytes(ALERT_BYTES)),
        ("fields of a batch, over all filters", bytes(BatchLimits::default().columns)),
        ("accepted alerts published per visit", count(DEFAULT_QUOTA)),
        ("annotations of an accepted alert", count(sandbox.annotations)),
        ("annotations of an accepted alert, names and values together", bytes(sandbox.annotation_bytes)),
        ("log messages at once", count(LOG_BURST)),
        ("log messages a second, in the long run", count(LOGS_A_SECOND)),
        ("fuel for a log message", count(LOG_FUEL)),
        ("log messages of a batch", count(sandbox.logs)),
        ("a log message, or the text of an error", bytes(sandbox.log_bytes)),
        ("text of a fault", bytes(MESSAGE_BYTES)),
        ("frames of a backtrace", count(FRAMES)),
        ("a backtrace", bytes(BACKTRACE_BYTES)),
        ("faults and log messages kept in a filter's status", count(RECENT)),
        ("visits kept in a filter's status and statistics", count(RECENT_VISITS)),
        ("faults kept of a filter", count(FAULTS)),
        ("log messages kept of a filter", count(LOGS)),
        ("bytes of a filter's faults, and of its log messages", bytes(JOURNAL_BYTES)),
        ("CPU time for a batch in the live lane", format!("{} ms", SLICE.as_millis())),
        ("CPU time for an alert above which filters share a slice", format!("{} µs", CHEAP_ALERT.as_micros())),
        ("batches that a filter may judge later in the live lane", count(BATCHES_OWED)),
        ("bytes of the batches that filters of a lane owe", bytes(BYTES_OWED)),
        ("share of a processor there", CPU_SHARE.to_string()),
        ("processors of all filters there", "half of them".to_owned()),
        ("time that a filter may fall behind there", format!("{} s", count(MAX_LAG.as_secs()))),
        (
            "time for which the records of positions and moves are kept while a host is not started",
            format!("{} days", RECORDS_KEPT.as_secs() / 86_400),
        ),
        ("replays and dry runs at a time", count(REPLAYS)),
        ("jobs that are remembered", count(JOBS_KEPT)),
        ("ids of accepted alerts kept for a job", count(IDS_KEPT)),
        ("name of the topic for accepted alerts", format!("{TOPIC_LETTERS} characters")),
        ("alerts of a request that are judged", count(PACKETS)),
        ("packets of a request", bytes(PACKET_BYTES)),
        ("the last alerts that a dry run may ask for", count(LAST.0)),
        ("alerts that are measured", count(SAMPLED)),
        ("alerts on which an upload is tried", count(RECENT_ALERTS)),
        ("share of them that an upload may accept", DEFAULT_PASS_RATE.to_string()),
        ("dead letters of faults per filter and visit", count(faults.dead_letters_per_visit)),
        ("faults per visit", count(faults.strikes_per_visit)),
        ("faults that a missed deadline counts as", count(DEADLINE_STRIKES)),
        (
            "CPU time that counts as a fault, if it is lost in search of the alerts to blame",
            format!("{} ms", STRIKE_TIME.as_millis()),
        ),
        ("alerts of which nine tenths are faults", count(FAILING_ALERTS)),
        ("fields", count(FIELDS)),
        ("alternative paths of a field", count(PATHS)),
        ("a path", bytes(PATH_BYTES)),
        ("description", bytes(DESCRIPTION_BYTES)),
        ("parameters", count(PARAMETERS)),
        ("a parameter's name", format!("{PARAMETER_NAME_BYTES} letters")),
        ("a parameter's description, or its default", bytes(PARAMETER_TEXT_BYTES)),
        ("config", bytes(CONFIG_BYTES)),
        ("name", format!("{NAME_LETTERS} letters")),
        ("versions that are kept of a filter", count(VERSIONS)),
        ("a filter's record in the registry", format!("{} bytes", count(RECORD_BYTES))),
        ("note on a version", format!("{} bytes", count(NOTE_BYTES))),
        ("time for a change of the registry", format!("{} s", CHANGE_TIME.as_secs())),
        ("predefined filters that are listed", count(CATALOG_MODULES)),
        ("a module", bytes(MODULE_BYTES)),
        ("functions", count(FUNCTIONS)),
        ("a function", bytes(FUNCTION_BYTES)),
        ("locals of a function", count(LOCALS)),
        ("blocks and branches of a function", count(BRANCHES)),
        ("targets of a function's branches", count(BRANCH_TARGETS)),
        ("loops of a function", count(LOOPS)),
        ("loops nested in loops", count(LOOP_NESTING)),
        ("blocks nested in blocks", count(NESTED_BLOCKS)),
        ("values carried by a function's blocks, branches and calls", count(CARRIED_VALUES)),
        ("a function's locals multiplied by its blocks and branches", count(LOCALS_BY_BRANCHES)),
        ("a function's name", bytes(FUNCTION_NAME_BYTES)),
        ("components nested in components", count(NESTING)),
        ("instances that a component comes to", count(INSTANCES)),
        ("core instances of a component", count(CORE_INSTANCES)),
        ("types", count(TYPES)),
        ("globals", count(GLOBALS)),
        ("segments of data and elements", count(SEGMENTS)),
        ("imports, exports and aliases", count(ENTRIES)),
        ("memories of a component", count(MEMORIES)),
        ("tables of a component", count(TABLES)),
        ("table elements", count(TABLE_ELEMENTS)),
        ("memory to compile a module", format!("{} MiB", count(COMPILE_MEMORY >> 20))),
        ("time to compile a module, and CPU time of each thread", format!("{} s", COMPILE_TIME.as_secs())),
        ("time until it is a module's turn", format!("{} s", (COMPILE_TIME * COMPILE_WAITS).as_secs())),
        ("machine code of a module", format!("{} MiB", COMPILED_BYTES >> 20)),
        ("shadows at a time", count(SHADOWS)),
        ("shadows of a user at a time", count(users.shadows)),
        ("alerts that a shadow may owe", count(ALERTS_OWED_BY_SHADOWS)),
        ("ids of each kind kept of a shadow", count(SHADOW_IDS)),
        ("filters of a user in the registry", count(users.filters)),
        ("modules and configs of a user in the registry, each once", format!("{} MiB", users.bytes >> 20)),
        ("uploads of a user within an hour, at each host", count(users.uploads)),
        ("tokens in the registry", count(MOST_TOKENS)),
        ("days for which a token is valid that expires", count(MOST_DAYS)),
        ("guesses at the first operator's token within a minute from one address", count(WRONG_TOKENS)),
        ("filters", count(MAX_FILTERS)),
        ("filters that are tried out beside those", count(SPARE_FILTERS)),
        ("share of the machine's memory, or its control group's, that filters have together", format!("1/{SHARE}")),
        ("uploads at the same time", count(ApiConfig::default().uploads)),
        ("streams of events at the same time", count(ApiConfig::default().streams)),
        ("streams of events of a user at the same time", count(ApiConfig::default().streams_each)),
        ("compiled filters kept in `--cache`", format!("{} MiB", CACHE_BYTES >> 20)),
        ("schemas of the stream that fields are checked against", count(STREAM_SCHEMAS)),
    ]
}

/// The first two cells of every row of the document's tables.
fn documented() -> BTreeSet<(String, String)> {
    let cells = |line: &'static str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(|cell| cell.trim().to_owned());
        Some((cells.next()?, cells.next()?))
    };
    let rows = DOCUMENT.lines().filter_map(cells);
    rows.filter(|(limit, _)| limit != "limit" && !limit.starts_with("---")).collect()
}

#[test]
fn the_document_has_the_codes_limits_and_no_others() {
    let expected: BTreeSet<_> = limits().into_iter().map(|(limit, value)| (limit.to_owned(), value)).collect();
    assert_eq!(documented(), expected);
}
