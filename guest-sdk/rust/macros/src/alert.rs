//! `#[derive(Alert)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Ident, Index, Lifetime, LitStr, Result, Token, Type};

use crate::kinds::{is_column, is_value, wrong_column, wrong_value};
use crate::path;

/// One field of the struct.
struct Field<'i> {
    name: &'i Ident,
    kind: &'i Type,
    paths: Vec<LitStr>,
    /// Whether the compiler will refuse the type without our help: it is a column of something that can't be a value.
    is_refused: bool,
}

/// Returns the implementation or, in case of errors, the errors with a placeholder implementation. The placeholder
/// keeps the compiler from complaining wherever the struct is used that it has no implementation.
pub fn derive(input: &DeriveInput) -> TokenStream {
    match parts(input) {
        Ok((lifetime, fields)) => match fields.iter().find(|field| field.is_refused) {
            None => implementation(&input.ident, lifetime, &fields),
            // The compiler reports this error itself.
            Some(refused) => placeholder(input, refused.kind.span()),
        },
        Err(error) => {
            let (placeholder, error) = (placeholder(input, error.span()), error.into_compile_error());
            quote!(#error #placeholder)
        }
    }
}

fn parts(input: &DeriveInput) -> Result<(Option<&Lifetime>, Vec<Field<'_>>)> {
    let fields = fields(input)?;
    Ok((lifetime(input)?, fields))
}

fn implementation(ident: &Ident, lifetime: Option<&Lifetime>, fields: &[Field<'_>]) -> TokenStream {
    // In the generated code, the struct's own lifetime is that of the batch, so that the fields' types can be used as
    // written.
    let (batch, of_any, of_batch) = match lifetime {
        Some(lifetime) => (lifetime.clone(), quote!(<'_>), quote!(<#lifetime>)),
        None => (Lifetime::new("'a", Span::call_site()), quote!(), quote!()),
    };
    let count = fields.len();
    // Errors about a field's type are shown at that type, because all code generated for the field has its span.
    let mut columns = Vec::new();
    let (mut declared, mut opened, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for (at, Field { name, kind, paths, .. }) in fields.iter().enumerate() {
        let (at, text, span) = (Index::from(at), name.to_string(), kind.span());
        let field = quote_spanned!(span=> <#kind as ::skysieve_sdk::FieldType<#batch>>);
        columns.push(quote_spanned!(span=> #field::Reader));
        declared.push(quote_spanned!(span=> ::skysieve_sdk::Field {
            name: #text,
            paths: &[#(#paths),*],
            kind: #field::KIND,
            optional: #field::OPTIONAL,
            list: #field::LIST,
        }));
        opened.push(quote_spanned!(span=> ::skysieve_sdk::__private::Opener::next::<#kind>(&mut opener, #text)?));
        read.push(quote_spanned!(span=> #name: #field::read(&columns.#at, row)));
    }
    quote! {
        #[automatically_derived]
        impl ::skysieve_sdk::Alert for #ident #of_any {
            type Row<#batch> = #ident #of_batch;
            type Columns<#batch> = (#(#columns,)*);

            fn fields<#batch>() -> ::std::vec::Vec<::skysieve_sdk::Field> {
                ::std::vec![#(#declared),*]
            }

            fn open<#batch>(
                columns: &[::skysieve_sdk::__private::RawColumn<#batch>],
                rows: usize,
            ) -> ::std::result::Result<Self::Columns<#batch>, ::std::string::String> {
                let mut opener = ::skysieve_sdk::__private::Opener::new(columns, rows, #count)?;
                ::std::result::Result::Ok((#(#opened,)*))
            }

            #[inline(always)]
            fn row<#batch>(columns: &Self::Columns<#batch>, row: usize) -> Self::Row<#batch> {
                #ident { #(#read),* }
            }
        }
    }
}

/// A dummy implementation for any struct or enum. It is never called, because it always comes with an error at `span`.
fn placeholder(input: &DeriveInput, span: Span) -> TokenStream {
    let ident = &input.ident;
    let batch = Lifetime::new("'batch", Span::call_site().located_at(span));
    let (parameters, _, condition) = input.generics.split_for_impl();
    let own: Vec<TokenStream> = input.generics.params.iter().map(|parameter| argument(parameter, None)).collect();
    let of_batch: Vec<TokenStream> =
        input.generics.params.iter().map(|parameter| argument(parameter, Some(&batch))).collect();
    let mut named = ident.clone();
    named.set_span(ident.span().located_at(span));
    let row = quote_spanned!(span=> #named<#(#of_batch),*>);
    quote! {
        #[automatically_derived]
        impl #parameters ::skysieve_sdk::Alert for #ident<#(#own),*> #condition {
            type Row<#batch> = #row;
            type Columns<#batch> = ();

            fn fields() -> ::std::vec::Vec<::skysieve_sdk::Field> {
                ::std::unreachable!()
            }

            fn open<#batch>(
                _: &[::skysieve_sdk::__private::RawColumn<#batch>],
                _: usize,
            ) -> ::std::result::Result<(), ::std::string::String> {
                ::std::unreachable!()
            }

            fn row<#batch>(_: &(), _: usize) -> Self::Row<#batch> {
                ::std::unreachable!()
            }
        }
    }
}

/// A generic parameter as an argument, as it appears where the type is used.
fn argument(parameter: &GenericParam, lifetime: Option<&Lifetime>) -> TokenStream {
    match parameter {
        GenericParam::Lifetime(own) => lifetime.unwrap_or(&own.lifetime).to_token_stream(),
        GenericParam::Type(own) => own.ident.to_token_stream(),
        GenericParam::Const(own) => own.ident.to_token_stream(),
    }
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
    if let Some(instead) = wrong_value(&field.ty) {
        return Err(Error::new(field.ty.span(), instead));
    }
    if list != 0 && is_value(&field.ty) {
        let message = "a path through an array has any number of values: write Column<'a, T>";
        return Err(Error::new(field.ty.span(), message));
    }
    if list == 0 && column {
        let message = "a Column takes a path through an array: write [] behind the array's name, such as \
                       \"prv_candidates[].magpsf\"";
        return Err(Error::new(attribute.span(), message));
    }
    let is_refused = wrong_column(&field.ty);
    Ok(Field { name, kind: &field.ty, paths: paths.into_iter().collect(), is_refused })
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
