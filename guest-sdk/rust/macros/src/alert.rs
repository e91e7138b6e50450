//! `#[derive(Alert)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Ident, Lifetime, LitStr, Result, Token, Type};

use crate::kinds::{column_of, is_column, is_value, wrong_value};
use crate::{lifetimes, path};

/// One field of the struct.
struct Field<'i> {
    name: &'i Ident,
    kind: &'i Type,
    paths: Vec<LitStr>,
}

/// Returns the implementation or, in case of errors, the errors with a placeholder implementation. The placeholder
/// keeps the compiler from complaining wherever the struct is used that it has no implementation.
pub fn derive(input: &DeriveInput) -> TokenStream {
    match parts(input) {
        Ok(Parts { lifetime, fields, is_refused: false }) => implementation(&input.ident, lifetime, &fields),
        // The compiler reports this error itself.
        Ok(Parts { is_refused: true, .. }) => placeholder(input, input.ident.span()),
        Err(error) => {
            let (placeholder, error) = (placeholder(input, error.span()), error.into_compile_error());
            quote!(#error #placeholder)
        }
    }
}

/// The struct, taken apart.
struct Parts<'i> {
    lifetime: Option<&'i Lifetime>,
    fields: Vec<Field<'i>>,
    /// Whether the compiler will refuse the struct without our help.
    is_refused: bool,
}

fn parts(input: &DeriveInput) -> Result<Parts<'_>> {
    let fields = fields(input)?;
    let lifetime = lifetime(input)?;
    let (mut is_refused, mut errors) = (false, Errors::default());
    for field in &fields {
        match lifetimes::check(field.kind, lifetime) {
            Ok(is_right) => is_refused |= !is_right,
            Err(error) => errors.add(error),
        }
    }
    errors.none_or(Parts { lifetime, fields, is_refused })
}

/// Errors of several fields.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn none_or<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

fn implementation(ident: &Ident, lifetime: Option<&Lifetime>, fields: &[Field<'_>]) -> TokenStream {
    // In the generated code, the struct's own lifetime is that of the batch, so that the fields' types can be used as
    // written.
    let (batch, of_any, of_batch) = match lifetime {
        Some(lifetime) => (lifetime.clone(), quote!(<'_>), quote!(<#lifetime>)),
        None => (Lifetime::new("'a", Span::call_site()), quote!(), quote!()),
    };
    let count = fields.len();
    // Each field's type is mentioned once, where a wrong one is one error, at that type. All other code is generic over the
    // field's number. That a history's values are of a right type is a condition of the code that reads it; see `Refused`.
    // It is written with `for<…>`, because the compiler checks any other condition that has no parameters at once.
    let (mut types, mut conditions) = (Vec::new(), Vec::new());
    let (mut declared, mut opened, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for (at, Field { name, kind, paths }) in fields.iter().enumerate() {
        let (text, span, column) = (name.to_string(), kind.span(), format_ident!("column_{at}"));
        let condition = column_of(kind).map(|value| quote!(for<#batch> #value: ::skysieve_sdk::Element<#batch>,));
        types.push(quote_spanned! {span=>
            #[automatically_derived]
            #[allow(trivial_bounds)]
            impl ::skysieve_sdk::__private::HasField<#at> for #ident #of_any where #condition {
                type Type<#batch> = #kind;
            }
        });
        conditions.extend(condition);
        declared.push(quote!(__sdk::declared::<#ident #of_any, #at>(#text, &[#(#paths),*])));
        opened.push(quote!(let #column = __sdk::Opened::<#batch, #ident #of_batch, #at>::next(&mut opener, #text)?;));
        read.push(quote!(#name: #column.read(row as usize)));
    }
    let result = quote!(::std::result::Result<(), ::std::string::String>);
    quote! {
        #(#types)*

        const _: () = {
            // The names must not hide any that the fields' types use.
            use ::skysieve_sdk::__private as __sdk;

            struct __Rows;

            impl __sdk::Refused<#ident #of_any> for __Rows {}

            #[allow(trivial_bounds)]
            impl __Rows where #(#conditions)* {
                fn fields(&self) -> ::std::vec::Vec<::skysieve_sdk::Field> {
                    ::std::vec![#(#declared),*]
                }

                #[inline]
                fn each<#batch>(
                    &self,
                    columns: &[__sdk::RawColumn<#batch>],
                    rows: u32,
                    mut judge: impl ::std::ops::FnMut(u32, &#ident #of_batch) -> #result,
                ) -> #result {
                    let mut opener = __sdk::Opener::new(columns, rows, #count)?;
                    #(#opened)*
                    for row in 0..rows {
                        judge(row, &#ident { #(#read),* })?;
                    }
                    ::std::result::Result::Ok(())
                }
            }

            #[automatically_derived]
            impl ::skysieve_sdk::Alert for #ident #of_any {
                type Row<#batch> = #ident #of_batch;

                fn fields() -> ::std::vec::Vec<::skysieve_sdk::Field> {
                    #[allow(unused_imports)]
                    use __sdk::Refused as _;
                    __Rows.fields()
                }

                #[inline]
                fn each<#batch>(
                    columns: &[__sdk::RawColumn<#batch>],
                    rows: u32,
                    judge: impl ::std::ops::FnMut(u32, &Self::Row<#batch>) -> #result,
                ) -> #result {
                    #[allow(unused_imports)]
                    use __sdk::Refused as _;
                    __Rows.each(columns, rows, judge)
                }
            }
        };
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

            fn fields() -> ::std::vec::Vec<::skysieve_sdk::Field> {
                ::std::unreachable!()
            }

            fn each<#batch>(
                _: &[::skysieve_sdk::__private::RawColumn<#batch>],
                _: u32,
                _: impl ::std::ops::FnMut(u32, &Self::Row<#batch>) -> ::std::result::Result<(), ::std::string::String>,
            ) -> ::std::result::Result<(), ::std::string::String> {
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
    let (mut fields, mut errors) = (Vec::new(), Errors::default());
    for field in &named.named {
        match self::field(field) {
            Ok(field) => fields.push(field),
            Err(error) => errors.add(error),
        }
    }
    errors.none_or(fields)
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
    Ok(Field { name, kind: &field.ty, paths: paths.into_iter().collect() })
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
