//! The errors of messages, schemas and fields.

use std::fmt;

use crate::alert::Kind;

/// A message that is not an alert, or is a damaged or incomplete one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroError {
    /// It is empty.
    #[error("the message is empty")]
    Empty,
    /// It begins like neither of the two framings.
    #[error(
        "neither Confluent's wire format (a byte 0 and a schema id) nor an Avro container (\"Obj\" and a byte 1): \
         it begins with \"{}\"", begins.escape_ascii()
    )]
    Unframed {
        /// Its first bytes.
        begins: Vec<u8>,
    },
    /// It ends before its schema id does.
    #[error("the message has {bytes} bytes; a byte 0 and a schema id alone have 5")]
    Cut {
        /// Its length.
        bytes: usize,
    },
    /// The schema of its id is not known, and there is no registry to ask.
    #[error("schema id {id}{} is not known; add its folder with --schemas, or a registry with --schema-registry", lsst_version(*id))]
    UnknownSchema {
        /// The id.
        id: u32,
    },
    /// The schema of its id is not known, and the registry does not have it either.
    #[error("schema id {id}{} is not known, nor does the schema registry have it", lsst_version(*id))]
    AbsentSchema {
        /// The id.
        id: u32,
    },
    /// The schema of its id is not known, and can't be looked up at the moment.
    #[error("schema id {id}{} is not known and can't be looked up: {why}", lsst_version(*id))]
    SchemaUnavailable {
        /// The id.
        id: u32,
        /// Why it can't be looked up.
        why: String,
    },
    /// The schema that was looked up for its id can't be used.
    #[error("schema id {id}{}, as it was looked up, can't be used: {why}", lsst_version(*id))]
    UnusableSchema {
        /// The id.
        id: u32,
        /// What is wrong with it.
        why: String,
    },
    /// Its schema was forgotten before it was read, because too many new schemas were met in the meantime.
    #[error("the alert's schema was forgotten before the alert was read: too many schemas at once")]
    ForgottenSchema,
    /// The container is malformed.
    #[error("container, byte {offset}: {why}")]
    Container {
        /// The offset of the fault in the message.
        offset: usize,
        /// What is wrong there.
        why: String,
    },
    /// The container's schema can't be used.
    #[error("container: {0}")]
    Schema(#[from] SchemaError),
    /// The alert does not match its schema.
    #[error("{schema}, byte {offset} of the alert: {}{why}", shown(field))]
    Datum {
        /// The schema's name.
        schema: String,
        /// The field, possibly with positions in arrays; empty if the alert as a whole is at fault.
        field: String,
        /// The offset of the fault, counted from the alert's first byte behind its framing.
        offset: usize,
        /// What is wrong there.
        why: String,
    },
    /// The batch has no room for this alert's values. The alert is to be decoded in the next one.
    #[error("the batch has {bytes} bytes of columns; the alert's values would take it beyond {most}")]
    BatchFull {
        /// The number of bytes in the columns without this alert.
        bytes: usize,
        /// How many there may be.
        most: usize,
    },
}

impl AvroError {
    /// Whether the message may be sound, but its schema can't be determined at the moment. It can be read once the
    /// registry answers.
    pub fn may_pass(&self) -> bool {
        matches!(self, AvroError::SchemaUnavailable { .. })
    }
}

/// A schema that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A file or folder can't be read, or is not a schema.
    #[error("{path}: {why}")]
    File {
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A folder has no schemas.
    #[error("{path}: no lsst.vM_m.alert.avsc in it or in a folder within")]
    NoneFound {
        /// The folder.
        path: String,
    },
    /// It is too long.
    #[error("the schema has {bytes} bytes, at most {most} are read")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The largest length that is read, in bytes.
        most: usize,
    },
    /// It is not JSON.
    #[error("the schema is not JSON: {why}")]
    Json {
        /// The parser's message.
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
    /// Reading fields with it would take too large a plan.
    #[error("{schema} is too large to be read: the records on the way to the fields have more than {most} fields")]
    TooLarge {
        /// The schema's name.
        schema: String,
        /// The bound.
        most: usize,
    },
}

/// A field that can't be read.
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
    /// The schema has been forgotten.
    #[error("the schema of the alert was forgotten: too many schemas at once")]
    Forgotten,
    /// The schema has none of the paths.
    #[error("{schema} has no {paths}{}", hints(nearest))]
    Absent {
        /// The schema's name.
        schema: String,
        /// The paths.
        paths: String,
        /// The schema's paths that are most similar, best first.
        nearest: Vec<String>,
    },
    /// The schema has the field, but in kinds that do not promote to the kind wanted.
    #[error("{path} of {schema} is {has}, which does not promote to {wanted}")]
    Kind {
        /// The schema's name.
        schema: String,
        /// The path.
        path: String,
        /// Its kinds in the schema.
        has: String,
        /// The kind wanted.
        wanted: Kind,
    },
    /// The schema has something at the path that can't be read.
    #[error("{path} cannot be read from {schema}: {part} is {why}")]
    Unreadable {
        /// The schema's name.
        schema: String,
        /// The path.
        path: String,
        /// The part of the path that leads to it.
        part: String,
        /// What is found there.
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
