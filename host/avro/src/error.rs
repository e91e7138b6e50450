//! What can be wrong with messages, schemas and fields.

use std::fmt;

use crate::alert::Kind;

/// A message that is not an alert, or not a whole and sound one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroError {
    /// It has no byte.
    #[error("the message is empty")]
    Empty,
    /// It begins like neither of the framings.
    #[error(
        "neither Confluent's wire format (a byte 0 and a schema id) nor an Avro container (\"Obj\" and a byte 1): \
         it begins with \"{}\"", begins.escape_ascii()
    )]
    Unframed {
        /// Its first bytes.
        begins: Vec<u8>,
    },
    /// It ends before its schema's id does.
    #[error("the message has {bytes} bytes; a byte 0 and a schema id alone have 5")]
    Cut {
        /// Its bytes.
        bytes: usize,
    },
    /// No schema is known for its id, and there is no registry to ask.
    #[error("schema id {id}{} is not known; add its folder with --schemas, or a registry with --schema-registry", lsst_version(*id))]
    UnknownSchema {
        /// The id.
        id: u32,
    },
    /// No schema is known for its id, nor does the registry have it.
    #[error("schema id {id}{} is not known, nor does the schema registry have it", lsst_version(*id))]
    AbsentSchema {
        /// The id.
        id: u32,
    },
    /// Neither is a schema known for its id, nor can it be looked up now.
    #[error("schema id {id}{} is not known and can't be looked up: {why}", lsst_version(*id))]
    SchemaUnavailable {
        /// The id.
        id: u32,
        /// What keeps it from being looked up.
        why: String,
    },
    /// The schema that was looked up for its id cannot be used.
    #[error("schema id {id}{}, as it was looked up, can't be used: {why}", lsst_version(*id))]
    UnusableSchema {
        /// The id.
        id: u32,
        /// What is wrong with it.
        why: String,
    },
    /// Since the alert was taken out of its message, so many new schemas were met that its own was forgotten.
    #[error("the alert's schema was forgotten before the alert was read: too many schemas at once")]
    ForgottenSchema,
    /// The container is not what it claims to be.
    #[error("container, byte {offset}: {why}")]
    Container {
        /// Where in the message.
        offset: usize,
        /// What is wrong there.
        why: String,
    },
    /// The container's schema cannot be used.
    #[error("container: {0}")]
    Schema(#[from] SchemaError),
    /// The alert is not what its schema says.
    #[error("{schema}, byte {offset} of the alert: {}{why}", shown(field))]
    Datum {
        /// The schema's name.
        schema: String,
        /// The field, possibly with positions in arrays; empty for the alert as a whole.
        field: String,
        /// Where, counted from the alert's first byte behind its framing.
        offset: usize,
        /// What is wrong there.
        why: String,
    },
    /// The batch has no room for this alert's values.
    #[error("the batch holds {bytes} bytes of columns already; the alert's values would take it beyond 4 GiB")]
    BatchFull {
        /// Bytes of columns without this alert.
        bytes: usize,
    },
}

impl AvroError {
    /// Whether nobody can say now what the message's schema is: nothing is wrong with the message, and it can be read once
    /// the registry answers.
    pub fn may_pass(&self) -> bool {
        matches!(self, AvroError::SchemaUnavailable { .. })
    }
}

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A file or folder cannot be read, or is no schema.
    #[error("{path}: {why}")]
    File {
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A folder holds no schema.
    #[error("{path}: no lsst.vM_m.alert.avsc in it or in a folder within")]
    NoneFound {
        /// The folder.
        path: String,
    },
    /// It is too long.
    #[error("the schema has {bytes} bytes, at most {most} are read")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// It is no JSON.
    #[error("the schema is no JSON: {why}")]
    Json {
        /// What the parser says.
        why: String,
    },
    /// It is JSON but not a schema.
    #[error("{at}: {why}")]
    Invalid {
        /// The record's field.
        at: String,
        /// What is wrong there.
        why: String,
    },
    /// Reading fields by it would take too large a plan.
    #[error("{schema} is too large to be read: the records on the way to the fields have more than {most} fields")]
    TooLarge {
        /// The schema's name.
        schema: String,
        /// The bound.
        most: usize,
    },
}

/// A field that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// It has no path, or some of its paths go through an array and some don't.
    #[error("a field {0}")]
    Paths(&'static str),
    /// A path is malformed.
    #[error("path {path:?} {why}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing is known of the schema any more.
    #[error("the schema of the alert was forgotten: too many schemas at once")]
    Forgotten,
    /// The schema has none of the paths.
    #[error("{schema} has no {paths}{}", hints(nearest))]
    Absent {
        /// The schema's name.
        schema: String,
        /// The paths.
        paths: String,
        /// The paths of the schema that are most like it, best first.
        nearest: Vec<String>,
    },
    /// It is there, in kinds that do not promote to the one wanted.
    #[error("{path} of {schema} is {has}, which does not promote to {wanted}")]
    Kind {
        /// The schema's name.
        schema: String,
        /// The path.
        path: String,
        /// Its kinds there.
        has: String,
        /// The kind wanted.
        wanted: Kind,
    },
    /// What is there can't be read.
    #[error("{path} cannot be read from {schema}: {part} is {why}")]
    Unreadable {
        /// The schema's name.
        schema: String,
        /// The path.
        path: String,
        /// So much of it.
        part: String,
        /// What that is.
        why: &'static str,
    },
}

/// LSST numbers its schemas by version.
fn lsst_version(id: u32) -> impl fmt::Display {
    fmt::from_fn(move |f| match id {
        100..100_000 => write!(f, " (LSST v{}.{})", id / 100, id % 100),
        _ => Ok(()),
    })
}

fn shown(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}: ") }
}

fn hints(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; the nearest it has: {}", nearest.join(", ")) }
}
