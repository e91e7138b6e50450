//! `#[derive(Alert)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Ident, Index, Lifetime, LitStr, Result, Token, Type};

use crate::path;

/// One field of the struct.
struct Field<'i> {
    name: &'i Ident,
    kind: &'i Type,
    paths: Vec<LitStr>,
}

pub fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields(input)?;
    let lifetime = lifetime(input)?;
    let ident = &input.ident;
    // The struct's own lifetime names the batch's in what follows, so the fields' types can be written as they are.
    let (batch, of_any, of_batch) = match lifetime {
        Some(lifetime) => (lifetime.clone(), quote!(<'_>), quote!(<#lifetime>)),
        None => (Lifetime::new("'a", Span::call_site()), quote!(), quote!()),
    };
    let count = fields.len();
    let index: Vec<Index> = (0..count).map(Index::from).collect();
    let name: Vec<&Ident> = fields.iter().map(|field| field.name).collect();
    let text: Vec<String> = name.iter().map(|name| name.to_string()).collect();
    let paths: Vec<&[LitStr]> = fields.iter().map(|field| &field.paths[..]).collect();
    let kind: Vec<&Type> = fields.iter().map(|field| field.kind).collect();
    let of_field: Vec<TokenStream> =
        kind.iter().map(|kind| quote_spanned!(kind.span()=> <#kind as ::skysieve_sdk::FieldType<#batch>>)).collect();
    Ok(quote! {
        #[automatically_derived]
        impl ::skysieve_sdk::Alert for #ident #of_any {
            type Row<#batch> = #ident #of_batch;
            type Columns<#batch> = (#(#of_field::Reader,)*);

            fn fields<#batch>() -> ::std::vec::Vec<::skysieve_sdk::Field> {
                ::std::vec![#(::skysieve_sdk::Field {
                    name: #text,
                    paths: &[#(#paths),*],
                    kind: #of_field::KIND,
                    optional: #of_field::OPTIONAL,
                    list: #of_field::LIST,
                }),*]
            }

            fn open<#batch>(
                columns: &[::skysieve_sdk::__private::RawColumn<#batch>],
                rows: usize,
            ) -> ::std::result::Result<Self::Columns<#batch>, ::std::string::String> {
                let mut opener = ::skysieve_sdk::__private::Opener::new(columns, rows, #count)?;
                ::std::result::Result::Ok((#(opener.next::<#kind>(#text)?,)*))
            }

            #[inline(always)]
            fn row<#batch>(columns: &Self::Columns<#batch>, row: usize) -> Self::Row<#batch> {
                #ident { #(#name: #of_field::read(&columns.#index, row)),* }
            }
        }
    })
}

fn fields(input: &DeriveInput) -> Result<Vec<Field<'_>>> {
    let usage = "an alert is a struct with named fields: \
                 `struct Candidate { #[field(\"candidate.magpsf\")] mag: f32 }`";
    let Data::Struct(data) = &input.data else { return Err(Error::new(input.ident.span(), usage)) };
    let Fields::Named(named) = &data.fields else { return Err(Error::new(input.ident.span(), usage)) };
    if named.named.is_empty() {
        return Err(Error::new(input.ident.span(), usage));
    }
    let mut errors: Option<Error> = None;
    let mut fields = Vec::new();
    for field in &named.named {
        match self::field(field) {
            Ok(field) => fields.push(field),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    errors.map_or(Ok(fields), Err)
}

fn field(field: &syn::Field) -> Result<Field<'_>> {
    let name = field.ident.as_ref().expect("the fields are named");
    let mut attributes = field.attrs.iter().filter(|attribute| attribute.path().is_ident("field"));
    let usage = format!("write where it is in an alert, such as `#[field(\"candidate.{name}\")]`");
    let Some(attribute) = attributes.next() else {
        return Err(Error::new(name.span(), format!("`{name}` has no path: {usage}")));
    };
    if let Some(second) = attributes.next() {
        let message = "a field has one #[field(…)]; alternatives go into it, separated by commas";
        return Err(Error::new(second.span(), message));
    }
    let paths = attribute
        .parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated)
        .map_err(|error| Error::new(error.span(), &usage))?;
    if paths.is_empty() {
        return Err(Error::new(attribute.span(), usage));
    }
    paths.iter().try_for_each(path::check)?;
    let list = paths.iter().filter(|path| path::is_list(path)).count();
    let column = is_column(&field.ty);
    if list != 0 && list != paths.len() {
        return Err(Error::new(attribute.span(), "either all alternatives go through an array or none"));
    }
    if list != 0 && known(&field.ty) {
        let message = "a path through an array has any number of values: write Column<'a, T>";
        return Err(Error::new(field.ty.span(), message));
    }
    if list == 0 && column {
        let message = "a Column takes a path through an array: write [] behind the array's name, such as \
                       \"prv_candidates[].magpsf\"";
        return Err(Error::new(attribute.span(), message));
    }
    Ok(Field { name, kind: &field.ty, paths: paths.into_iter().collect() })
}

/// The last name of a type's path.
fn last(kind: &Type) -> Option<String> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn is_column(kind: &Type) -> bool {
    last(kind).is_some_and(|name| name == "Column")
}

/// Whether the type is surely one of a single value. Others may be an author's own name for a column.
fn known(kind: &Type) -> bool {
    let single = ["bool", "i32", "i64", "f32", "f64", "Option", "Value"];
    matches!(kind, Type::Reference(_)) || last(kind).is_some_and(|name| single.contains(&name.as_str()))
}

/// The struct's lifetime, if it has one.
fn lifetime(input: &DeriveInput) -> Result<Option<&Lifetime>> {
    let message = "an alert has one lifetime at most, that of the batch, and no other parameters: \
                   `struct Candidate<'a>`";
    let mut parameters = input.generics.params.iter();
    match (parameters.next(), parameters.next()) {
        (None, _) => Ok(None),
        (Some(GenericParam::Lifetime(lifetime)), None) if lifetime.bounds.is_empty() => Ok(Some(&lifetime.lifetime)),
        _ => Err(Error::new(input.generics.span(), message)),
    }
}
