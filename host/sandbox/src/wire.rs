//! The contract's types as they are passed into a filter and back. Names and order are those of `wit/filter.wit`.

use wasmtime::component::{ComponentType, Lift, Lower};

use super::parameter::ParameterKind;
use skysieve_avro::alert::{ColumnView, Field, Kind};

/// `kind`.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum WireKind {
    #[component(name = "any")]
    Any,
    #[component(name = "boolean")]
    Boolean,
    #[component(name = "int")]
    Int,
    #[component(name = "long")]
    Long,
    #[component(name = "float")]
    Float,
    #[component(name = "double")]
    Double,
    #[component(name = "text")]
    Text,
    #[component(name = "bytes")]
    Bytes,
}

impl From<Kind> for WireKind {
    fn from(kind: Kind) -> WireKind {
        match kind {
            Kind::Any => WireKind::Any,
            Kind::Boolean => WireKind::Boolean,
            Kind::Int => WireKind::Int,
            Kind::Long => WireKind::Long,
            Kind::Float => WireKind::Float,
            Kind::Double => WireKind::Double,
            Kind::Text => WireKind::Text,
            Kind::Bytes => WireKind::Bytes,
        }
    }
}

impl From<WireKind> for Kind {
    fn from(kind: WireKind) -> Kind {
        match kind {
            WireKind::Any => Kind::Any,
            WireKind::Boolean => Kind::Boolean,
            WireKind::Int => Kind::Int,
            WireKind::Long => Kind::Long,
            WireKind::Float => Kind::Float,
            WireKind::Double => Kind::Double,
            WireKind::Text => Kind::Text,
            WireKind::Bytes => Kind::Bytes,
        }
    }
}

/// `column`. It borrows its buffers, so that passing it only copies each buffer into the filter's memory.
#[derive(ComponentType, Lower)]
#[component(record)]
pub struct WireColumn<'a> {
    kind: WireKind,
    values: &'a [u8],
    offsets: &'a [u8],
    present: &'a [u8],
    ends: &'a [u8],
}

impl<'a> From<&'a ColumnView<'a>> for WireColumn<'a> {
    fn from(view: &'a ColumnView<'a>) -> WireColumn<'a> {
        WireColumn {
            kind: view.kind.into(),
            values: view.values,
            offsets: &view.offsets,
            present: view.present,
            ends: &view.ends,
        }
    }
}

/// `field`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct WireField {
    paths: Vec<String>,
    kind: WireKind,
    optional: bool,
}

impl From<WireField> for Field {
    fn from(field: WireField) -> Field {
        Field { paths: field.paths, kind: field.kind.into(), optional: field.optional }
    }
}

/// `manifest`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct WireManifest {
    pub description: String,
    pub fields: Vec<WireField>,
    pub parameters: Vec<WireParameter>,
}

/// `parameter-kind`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum WireParameterKind {
    #[component(name = "boolean")]
    Boolean,
    #[component(name = "integer")]
    Integer,
    #[component(name = "number")]
    Number,
    #[component(name = "text")]
    Text,
}

impl From<WireParameterKind> for ParameterKind {
    fn from(kind: WireParameterKind) -> ParameterKind {
        match kind {
            WireParameterKind::Boolean => ParameterKind::Boolean,
            WireParameterKind::Integer => ParameterKind::Integer,
            WireParameterKind::Number => ParameterKind::Number,
            WireParameterKind::Text => ParameterKind::Text,
        }
    }
}

/// `parameter`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct WireParameter {
    pub name: String,
    pub kind: WireParameterKind,
    pub default: Option<String>,
    pub description: String,
}
