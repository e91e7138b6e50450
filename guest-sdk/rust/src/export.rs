//! The filter's side of the contract in WebAssembly.

use std::panic;
use std::sync::OnceLock;

use crate::alert::{Field, Kind, RawColumn};
use crate::bindings::skysieve::filter::types;
use crate::log::{Level, log};
use crate::parameter::{Parameter, ParameterKind};
use crate::run::Filter;
use crate::verdict::Annotation;

/// The contract's `describe`. Keeps the config for `evaluate`.
pub fn describe<F: Filter>(state: &OnceLock<F::Config>, config: &str) -> Result<types::Manifest, String> {
    panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
    let config = F::configure(config)?;
    let manifest = F::manifest()?;
    state.set(config).map_err(|_| "describe was called twice")?;
    let fields = manifest.fields.into_iter().map(declared).collect();
    let parameters = manifest.parameters.into_iter().map(described).collect();
    Ok(types::Manifest { description: manifest.description.to_owned(), fields, parameters })
}

/// The contract's `evaluate`.
#[inline]
pub fn evaluate<F: Filter>(
    state: &OnceLock<F::Config>,
    rows: u32,
    columns: &[types::Column],
) -> Result<Vec<types::Accepted>, String> {
    let config = state.get().ok_or("evaluate was called before describe")?;
    let columns: Vec<RawColumn<'_>> = columns.iter().map(borrowed).collect();
    let mut accepted = Vec::new();
    F::evaluate(config, rows, &columns, |row, annotations| {
        let annotations = annotations.into_iter().map(|Annotation { name, value }| types::Annotation { name, value });
        accepted.push(types::Accepted { row, annotations: annotations.collect() });
    })?;
    Ok(accepted)
}

fn borrowed(column: &types::Column) -> RawColumn<'_> {
    RawColumn {
        kind: match column.kind {
            types::Kind::Any => Kind::Any,
            types::Kind::Boolean => Kind::Boolean,
            types::Kind::Int => Kind::Int,
            types::Kind::Long => Kind::Long,
            types::Kind::Float => Kind::Float,
            types::Kind::Double => Kind::Double,
            types::Kind::Text => Kind::Text,
            types::Kind::Bytes => Kind::Bytes,
        },
        values: &column.values,
        offsets: &column.offsets,
        present: &column.present,
        ends: &column.ends,
    }
}

fn declared(field: Field) -> types::Field {
    types::Field {
        paths: field.paths.iter().map(|path| (*path).to_owned()).collect(),
        kind: match field.kind {
            Kind::Any => types::Kind::Any,
            Kind::Boolean => types::Kind::Boolean,
            Kind::Int => types::Kind::Int,
            Kind::Long => types::Kind::Long,
            Kind::Float => types::Kind::Float,
            Kind::Double => types::Kind::Double,
            Kind::Text => types::Kind::Text,
            Kind::Bytes => types::Kind::Bytes,
        },
        optional: field.optional,
    }
}

fn described(parameter: Parameter) -> types::Parameter {
    types::Parameter {
        name: parameter.name,
        kind: match parameter.kind {
            ParameterKind::Boolean => types::ParameterKind::Boolean,
            ParameterKind::Integer => types::ParameterKind::Integer,
            ParameterKind::Number => types::ParameterKind::Number,
            ParameterKind::Text => types::ParameterKind::Text,
        },
        default: parameter.default,
        description: parameter.description.to_owned(),
    }
}
