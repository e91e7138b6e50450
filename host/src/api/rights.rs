//! What each operation of the API asks of whoever calls it: one table. An operation that is not in it is for operators.

use std::collections::HashMap;

use axum::http::Method;
use utoipa::openapi::{OpenApi, PathItem};

use crate::access::Role;

/// What an operation asks of whoever calls it. Which filters they see and change is another matter
/// ([`Permitted`](super::permitted::Permitted)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Nothing: no token is needed.
    Public,
    /// Any token.
    Token,
    /// The token of an author or operator.
    Author,
    /// The token of an operator.
    Operator,
}

impl Right {
    /// Whether users of that role may call it.
    pub(super) fn allows(self, role: Role) -> bool {
        match self {
            Right::Public | Right::Token => true,
            Right::Author => role != Role::Viewer,
            Right::Operator => role == Role::Operator,
        }
    }
}

/// The operations by their ids in the API's description.
const RIGHTS: [(&str, Right); 43] = [
    ("page", Right::Public),
    ("openapi", Right::Public),
    ("live", Right::Public),
    // Without a token, it says only whether the host is ready.
    ("ready", Right::Public),
    // Unless the host was started with `--open-metrics`.
    ("metrics", Right::Token),
    ("whoami", Right::Token),
    ("get_host", Right::Token),
    ("list_hosts", Right::Token),
    ("list_catalog", Right::Token),
    ("list_filters", Right::Token),
    ("get_filter", Right::Token),
    ("get_stats", Right::Token),
    ("list_faults", Right::Token),
    ("list_logs", Right::Token),
    ("list_versions", Right::Token),
    ("get_version", Right::Token),
    ("get_shadow", Right::Token),
    ("list_jobs", Right::Token),
    ("get_job", Right::Token),
    ("get_job_ids", Right::Token),
    ("create_filter", Right::Author),
    ("put_filter", Right::Author),
    ("post_filter", Right::Author),
    ("patch_filter", Right::Author),
    ("delete_filter", Right::Author),
    ("add_version", Right::Author),
    ("activate_version", Right::Author),
    ("begin_shadow", Right::Author),
    ("end_shadow", Right::Author),
    ("activate_shadow", Right::Author),
    ("pause_filter", Right::Author),
    ("resume_filter", Right::Author),
    ("get_module", Right::Author),
    ("get_version_module", Right::Author),
    ("replay_filter", Right::Author),
    ("check", Right::Author),
    ("check_version", Right::Author),
    ("cancel_job", Right::Author),
    ("release_filter", Right::Author),
    ("confirm_move", Right::Author),
    ("list_tokens", Right::Operator),
    ("create_token", Right::Operator),
    ("revoke_token", Right::Operator),
];

/// The rights of all operations, by their paths and methods.
pub(super) struct Rights(HashMap<(String, Method), Operation>);

/// An operation of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) right: Right,
}

impl Rights {
    /// Those of the operations in the API's description.
    pub(super) fn of(document: &OpenApi, open_metrics: bool) -> Rights {
        let operations = document.paths.paths.iter().flat_map(|(path, item)| {
            methods(item).map(move |(method, operation)| {
                let id = operation.operation_id.clone().unwrap_or_default();
                let right = if id == "metrics" && open_metrics { Right::Public } else { right_of(&id) };
                ((path.clone(), method), Operation { id, right })
            })
        });
        Rights(operations.collect())
    }

    /// The operation that a request asks for: its route, as it was declared, and its method.
    pub(super) fn find(&self, path: &str, method: &Method) -> Option<&Operation> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(path.to_owned(), method.clone()))
    }
}

/// What the operation of that id asks for.
pub(super) fn right_of(id: &str) -> Right {
    RIGHTS.iter().find(|(known, _)| *known == id).map_or(Right::Operator, |(_, right)| *right)
}

fn methods(item: &PathItem) -> impl Iterator<Item = (Method, &utoipa::openapi::path::Operation)> {
    let known = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    known.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

#[cfg(test)]
pub(super) fn known() -> impl Iterator<Item = (&'static str, Right)> {
    RIGHTS.into_iter()
}
