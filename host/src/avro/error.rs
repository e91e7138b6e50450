//! What can be wrong with messages, schemas and fields.

use crate::alert::Kind;

/// A message that is not an alert, or not a whole and sound one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroError {
    /// It has no byte.
    #[error("the message is empty")]
    Empty,
}

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A file or folder cannot be read.
    #[error("{path}: {why}")]
    File {
        /// The file or folder.
        path: String,
        /// What the operating system says.
        why: String,
    },
}

/// A field that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The schema has none of the paths.
    #[error("{schema} has no {path}")]
    Absent {
        /// The schema's name.
        schema: String,
        /// The paths.
        path: String,
        /// The paths of the schema that are most like it, best first.
        nearest: Vec<String>,
    },
    /// It is there, in a kind that does not promote.
    #[error("{path} of {schema} is {has}, which does not promote to {wanted}")]
    Kind {
        /// The schema's name.
        schema: String,
        /// The path.
        path: String,
        /// Its kind there.
        has: String,
        /// The kind wanted.
        wanted: Kind,
    },
}
