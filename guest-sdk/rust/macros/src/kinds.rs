//! Recognises types of fields by their names, as far as that is possible. In this way a wrong type is reported once, at
//! the field, together with what to write instead. Other names may be an author's aliases of right types, so they are
//! left to the compiler.

use syn::{GenericArgument, PathArguments, PathSegment, Type};

/// The last segment of a type's path.
fn last(kind: &Type) -> Option<&PathSegment> {
    match kind {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn is_named(kind: &Type, names: &[&str]) -> bool {
    last(kind).is_some_and(|segment| names.iter().any(|name| segment.ident == name))
}

/// The type between the angle brackets, if `kind` has that name.
fn inner<'k>(kind: &'k Type, name: &str) -> Option<&'k Type> {
    let PathArguments::AngleBracketed(arguments) = &last(kind).filter(|segment| segment.ident == name)?.arguments
    else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind),
        _ => None,
    })
}

/// Whether it is a column.
pub fn is_column(kind: &Type) -> bool {
    is_named(kind, &["Column"])
}

/// The type of a column's values, if it is a column.
pub fn column_of(kind: &Type) -> Option<&Type> {
    inner(kind, "Column")
}

/// Whether it is certainly a single value.
pub fn is_value(kind: &Type) -> bool {
    matches!(kind, Type::Reference(_)) || is_named(kind, &["bool", "i32", "i64", "f32", "f64", "Option", "Value"])
}

/// What to write instead of a type that certainly can't be a field's.
pub fn wrong_value(kind: &Type) -> Option<String> {
    match inner(kind, "Option") {
        Some(inner) => {
            wrong(inner).map(|(name, instead)| message(&format!("Option<{name}>"), &format!("Option<{instead}>")))
        }
        None => wrong(kind).map(|(name, instead)| message(&name, instead)),
    }
}

fn message(name: &str, instead: &str) -> String {
    format!(
        "`{name}` is not a type of an alert's field: write {instead} (there are bool, i32, i64, f32, f64, &'a str, &'a [u8] \
         and Value<'a>, Option of these, and Column<'a, T> for a path through an array)"
    )
}

/// The name of a type that certainly can't be a value's, and what to write instead.
fn wrong(kind: &Type) -> Option<(String, &'static str)> {
    let Some(segment) = last(kind) else {
        return matches!(kind, Type::Tuple(_) | Type::Array(_) | Type::Slice(_))
            .then(|| ("this".to_owned(), "a value"));
    };
    let name = segment.ident.to_string();
    let instead = match &*name {
        "i8" | "i16" | "u8" | "u16" => "i32",
        "u32" | "u64" | "i128" | "u128" | "isize" | "usize" => "i64",
        "String" | "char" | "str" => "&'a str",
        "Vec" => "Column<'a, T> or &'a [u8]",
        _ => return None,
    };
    Some((name, instead))
}
