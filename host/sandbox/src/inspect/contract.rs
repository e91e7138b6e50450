//! Checks whether imports and exports are those of the world `filter` in `wit/filter.wit`.

use wasmparser::component_types::{ComponentEntityType, ComponentInstanceTypeId};
use wasmparser::types::TypesRef;

use super::super::refusal::Refusal;
use super::super::text::cut;
use super::signature;

/// How many bytes of an import's name are shown.
const NAME: usize = 200;

const DESCRIBE: &str = "func(config: string) -> result<record { description: string, fields: list<record { paths: \
                        list<string>, kind: enum { any, boolean, int, long, float, double, text, bytes }, optional: \
                        bool }>, parameters: list<record { name: string, kind: enum { boolean, integer, number, text }, \
                        default: option<string>, description: string }> }, string>";
const EVALUATE: &str = "func(rows: u32, columns: list<record { kind: enum { any, boolean, int, long, float, double, \
                        text, bytes }, values: list<u8>, offsets: list<u8>, present: list<u8>, ends: list<u8> }>) -> \
                        result<list<record { row: u32, annotations: list<record { name: string, value: string }> }>, \
                        string>";
const LOG: &str = "func(level: enum { debug, info, warn, error }, message: string)";

/// Checks the outermost component, which has these imports.
pub fn check(types: TypesRef<'_>, imports: &[&str]) -> Result<(), Refusal> {
    check_imports(types, imports)?;
    check_export(types, "describe", DESCRIBE)?;
    check_export(types, "evaluate", EVALUATE)
}

fn check_imports(types: TypesRef<'_>, imports: &[&str]) -> Result<(), Refusal> {
    let mut foreign = Vec::new();
    for name in imports {
        match types.component_item_for_import(name).map(|item| item.ty) {
            Some(ComponentEntityType::Type { .. }) => (),
            Some(ComponentEntityType::Instance(id)) => check_interface(types, name, id, &mut foreign)?,
            _ => foreign.push(cut(name, NAME).to_owned()),
        }
    }
    if foreign.is_empty() { Ok(()) } else { Err(Refusal::Imports { names: foreign }) }
}

/// Checks an imported interface: it may have only types, or be the one for messages, in any version that this host
/// serves.
fn check_interface(
    types: TypesRef<'_>,
    name: &str,
    id: ComponentInstanceTypeId,
    foreign: &mut Vec<String>,
) -> Result<(), Refusal> {
    let logging = is_logging(name);
    for (item, export) in &types[id].exports {
        match export.ty {
            ComponentEntityType::Type { .. } => (),
            ComponentEntityType::Func(function) if logging && item == "log" => {
                let found = signature::function(types, function);
                if found != LOG {
                    return Err(Refusal::ImportType { name: format!("{name}#log"), found, wanted: LOG.to_owned() });
                }
            }
            _ => foreign.push(format!("{}#{}", cut(name, NAME), cut(item, NAME))),
        }
    }
    Ok(())
}

fn is_logging(name: &str) -> bool {
    name.strip_prefix("skysieve:filter/logging@0.1.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_export(types: TypesRef<'_>, name: &'static str, wanted: &str) -> Result<(), Refusal> {
    let found = match types.component_item_for_export(name).map(|item| item.ty) {
        None => return Err(Refusal::MissingExport { name }),
        Some(ComponentEntityType::Func(function)) => signature::function(types, function),
        Some(_) => "not a function".to_owned(),
    };
    if found == wanted { Ok(()) } else { Err(Refusal::ExportType { name, found, wanted: wanted.to_owned() }) }
}
