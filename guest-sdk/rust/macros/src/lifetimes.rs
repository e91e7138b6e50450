//! Lifetimes in the types of fields. A wrong one would be reported wherever the type is used.

use syn::{Error, GenericArgument, Lifetime, PathArguments, Result, Type};

/// Checks the lifetimes of a field's type in a struct with the lifetime `batch`. Returns false if the compiler will refuse
/// the field by itself, because a lifetime is left out or not declared.
pub fn check(kind: &Type, batch: Option<&Lifetime>) -> Result<bool> {
    match kind {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) => Ok(is_declared(lifetime, batch)? && check(&reference.elem, batch)?),
            None => Ok(false),
        },
        Type::Path(path) => {
            let arguments = path.path.segments.iter().filter_map(|segment| match &segment.arguments {
                PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
                _ => None,
            });
            for argument in arguments.flatten() {
                let is_right = match argument {
                    GenericArgument::Lifetime(lifetime) => is_declared(lifetime, batch)?,
                    GenericArgument::Type(kind) => check(kind, batch)?,
                    _ => true,
                };
                if !is_right {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(true),
    }
}

fn is_declared(lifetime: &Lifetime, batch: Option<&Lifetime>) -> Result<bool> {
    if lifetime.ident == "static" {
        let batch = batch.map_or_else(|| "'a".to_owned(), ToString::to_string);
        let message = format!(
            "a field lives as long as its batch: write {batch}, the lifetime of the struct (`struct Candidate<{batch}>`)"
        );
        return Err(Error::new(lifetime.span(), message));
    }
    Ok(batch.is_some_and(|batch| batch.ident == lifetime.ident))
}
