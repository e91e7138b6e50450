//! Which operations are passed on to another host.

/// Operations about one filter, which the host answers that it belongs to. If that one can't be reached, the registry is
/// asked.
pub(super) const OF_FILTERS: [&str; 7] = [
    "get_filter",
    "patch_filter",
    "delete_filter",
    "activate_version",
    "activate_shadow",
    "pause_filter",
    "resume_filter",
];
/// The same, where only that host can answer.
const OF_FILTERS_ALONE: [&str; 7] =
    ["replay_filter", "begin_shadow", "get_shadow", "end_shadow", "get_stats", "list_faults", "list_logs"];
/// Operations that may be answered with a stream.
pub(super) const STREAMS: [&str; 2] = ["list_faults", "list_logs"];
/// Operations which the host answers that the query names (`host`).
pub(super) const OF_NAMED: [&str; 4] = ["list_jobs", "get_job", "get_job_ids", "cancel_job"];
/// Operations which see to it themselves.
pub(super) const UPLOADS: [&str; 4] = ["create_filter", "put_filter", "post_filter", "add_version"];

/// Whether an operation may be passed on to another host.
pub(super) fn may_be_passed_on(operation: &str) -> bool {
    [&OF_FILTERS[..], &OF_FILTERS_ALONE, &OF_NAMED, &UPLOADS].iter().any(|known| known.contains(&operation))
}
