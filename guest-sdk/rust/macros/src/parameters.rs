//! `#[derive(Parameters)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Expr, ExprLit, Field, Fields, Lit, Meta, Result};

use crate::serde_attributes::{Container, Default, Key, Rename};

/// Returns the implementation.
///
/// # Errors
/// Returns an error if it is not a struct with named fields, or if an attribute can't be understood.
pub fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let ident = &input.ident;
    let (generics, arguments, conditions) = input.generics.split_for_impl();
    let container = Container::read(&input.attrs)?;
    let body = match &container.from {
        // serde reads another type in its place.
        Some(other) => quote!(<#other as ::skysieve_sdk::Parameters>::parameters()),
        None => of_fields(input, &container)?,
    };
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::skysieve_sdk::Parameters for #ident #arguments #conditions {
            fn parameters() -> ::std::vec::Vec<::skysieve_sdk::Parameter> {
                #body
            }
        }
    })
}

fn of_fields(input: &DeriveInput, container: &Container) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "only a struct has parameters"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(
            input.ident.span(),
            "a struct's parameters need names: write `struct Config { name: f64 }`",
        ));
    };
    let defaults = match &container.default {
        Some(Default::Trait) => quote!(let defaults: Self = ::std::default::Default::default();),
        Some(Default::Function(function)) => quote!(let defaults: Self = #function();),
        None => quote!(),
    };
    let described = fields.named.iter().map(|field| described(field, container)).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        #defaults
        let mut parameters = ::std::vec::Vec::new();
        #(#described)*
        parameters
    })
}

/// The code that adds the description of one field.
fn described(field: &Field, container: &Container) -> Result<TokenStream> {
    let key = Key::read(&field.attrs)?;
    let (Some(ident), kind) = (&field.ident, &field.ty) else { return Ok(quote!()) };
    if key.skip || is_skipped(&field.attrs)? {
        // The others are read all the same, which keeps the compiler from calling it unused.
        return Ok(quote!());
    }
    if key.flatten {
        return Ok(quote_spanned!(kind.span()=>
            parameters.extend(<#kind as ::skysieve_sdk::Parameters>::parameters());));
    }
    let rename = |rename: Rename| rename.apply(&ident.to_string());
    let plain = ident.to_string().trim_start_matches("r#").to_owned();
    let name = key.name.unwrap_or_else(|| container.rename.map_or(plain, rename));
    let default = match (&key.default, &container.default) {
        (Some(Default::Trait), _) => quote!(::std::option::Option::Some(::std::default::Default::default())),
        (Some(Default::Function(function)), _) => quote!(::std::option::Option::Some(#function())),
        (None, Some(_)) => quote!(::std::option::Option::Some(defaults.#ident)),
        (None, None) => quote!(::std::option::Option::None),
    };
    let description = description(&field.attrs);
    Ok(quote_spanned!(kind.span()=>
        parameters.push(::skysieve_sdk::__private::parameter::<#kind>(#name, #default, #description));))
}

/// Whether the field has `#[parameter(skip)]`.
fn is_skipped(attributes: &[Attribute]) -> Result<bool> {
    let mut skipped = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("parameter")) {
        attribute.parse_nested_meta(|meta| match meta.path.is_ident("skip") {
            true => {
                skipped = true;
                Ok(())
            }
            false => Err(meta.error("there is `#[parameter(skip)]`, which leaves the field out of the description")),
        })?;
    }
    Ok(skipped)
}

/// The first paragraph of the doc comment, in one line.
fn description(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let text: Vec<String> = attributes.iter().filter_map(line).collect();
    let text = text.join("\n");
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}
