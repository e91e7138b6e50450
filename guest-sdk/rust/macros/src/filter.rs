//! `#[filter]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprPath, FnArg, GenericArgument, Ident, ItemFn, Lifetime, Lit, LitStr, MetaNameValue};
use syn::{PathArguments, Result, ReturnType, Signature, Token, Type, punctuated::Punctuated};

/// The arguments in the parentheses of `#[filter(…)]`.
struct Arguments {
    description: LitStr,
    check: Option<ExprPath>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        let usage = "write what the filter does: `#[filter(description = \"Brighter than a limit\")]`";
        let (mut description, mut check) = (None, None);
        let span = input.span();
        for MetaNameValue { path, value, .. } in Punctuated::<MetaNameValue, Token![,]>::parse_terminated(input)
            .map_err(|error| Error::new(error.span(), usage))?
        {
            match value {
                Expr::Lit(literal) if path.is_ident("description") => match literal.lit {
                    Lit::Str(text) => description = Some(text),
                    other => return Err(Error::new(other.span(), usage)),
                },
                Expr::Path(function) if path.is_ident("check") => check = Some(function),
                other if path.is_ident("check") => {
                    let message = "write the name of a function: `check = Config::check`";
                    return Err(Error::new(other.span(), message));
                }
                _ => {
                    return Err(Error::new(path.span(), "there are `description = \"…\"` and `check = Config::check`"));
                }
            }
        }
        match description {
            Some(description) if !description.value().trim().is_empty() => Ok(Arguments { description, check }),
            Some(empty) => Err(Error::new(empty.span(), usage)),
            None => Err(Error::new(span, usage)),
        }
    }
}

pub fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn =
        syn::parse2(item).map_err(|error| Error::new(error.span(), "#[filter(…)] goes on a function"))?;
    let Arguments { description, check } = syn::parse2(arguments)?;
    let signature = &function.sig;
    let name = &signature.ident;
    let (config, alert) = parameters(signature)?;
    let (config_type, configure, call) = match config {
        Some(config) => {
            let parse = quote!(::skysieve_sdk::__private::parse::<#config>(text));
            let parse = match check {
                Some(check) => quote!(::skysieve_sdk::__private::checked(#parse?, #check)),
                None => parse,
            };
            (quote!(#config), parse, quote!(#name(config, alert)))
        }
        None if check.is_some() => {
            return Err(Error::new(check.span(), "the function takes no config that could be checked"));
        }
        None => (quote!(()), quote!(::skysieve_sdk::__private::none(text)), quote!(#name(alert))),
    };
    let judge = quote!(|alert| ::skysieve_sdk::IntoVerdict::into_verdict(#call));
    // Errors about the alert's type are shown at the parameter.
    let judge_all = quote_spanned!(alert.span()=> sdk::judge_all::<#alert>(rows, columns, #judge, accept));
    Ok(quote! {
        #function

        const _: () = {
            use ::skysieve_sdk::__private as sdk;

            struct Exported;

            impl sdk::Filter for Exported {
                type Config = #config_type;

                fn configure(text: &str) -> ::std::result::Result<Self::Config, ::std::string::String> {
                    #configure
                }

                fn manifest() -> ::std::result::Result<sdk::Manifest, ::std::string::String> {
                    #[allow(unused_imports)]
                    use sdk::{NoParameters as _, Undescribed as _};
                    let parameters = sdk::ConfigOf::<Self::Config>(::std::marker::PhantomData).parameters();
                    sdk::Described::<#alert>(::std::marker::PhantomData).manifest(#description, parameters)
                }

                #[inline]
                fn evaluate(
                    config: &Self::Config,
                    rows: u32,
                    columns: &[sdk::RawColumn<'_>],
                    accept: impl ::std::ops::FnMut(u32, ::std::vec::Vec<sdk::Annotation>),
                ) -> ::std::result::Result<(), ::std::string::String> {
                    #judge_all
                }
            }

            ::skysieve_sdk::__export!(Exported);

            // In native builds only the tests call a filter; this keeps it from looking unused.
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)]
            fn used(config: &#config_type) {
                let _ = <Exported as sdk::Filter>::configure("");
                let _ = <Exported as sdk::Filter>::manifest();
                let _ = <Exported as sdk::Filter>::evaluate(config, 0, &[], |_, _| ());
            }
        };
    })
}

/// The types of the config, if there is one, and of the alert.
fn parameters(signature: &Signature) -> Result<(Option<Type>, Type)> {
    let name = &signature.ident;
    let usage = format!("write `fn {name}(config: &Config, alert: &Candidate) -> Verdict`, with or without the config");
    let plain = signature.asyncness.is_none()
        && signature.unsafety.is_none()
        && signature.abi.is_none()
        && signature.generics.params.iter().all(|parameter| matches!(parameter, syn::GenericParam::Lifetime(_)));
    if !plain {
        return Err(Error::new(signature.span(), format!("a filter is a plain function: {usage}")));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(Error::new(signature.span(), format!("a filter returns its verdict: {usage}")));
    }
    let types = signature.inputs.iter().map(|input| referenced(input, &usage)).collect::<Result<Vec<_>>>()?;
    match <[Type; 2]>::try_from(types) {
        Ok([config, alert]) => Ok((Some(config), alert)),
        Err(mut types) => match (types.pop(), types.pop()) {
            (Some(alert), None) => Ok((None, alert)),
            _ => Err(Error::new(signature.inputs.span(), format!("a filter takes one alert: {usage}"))),
        },
    }
}

/// The type `T` of a parameter `&T`.
fn referenced(input: &FnArg, usage: &str) -> Result<Type> {
    let error = || Error::new(input.span(), format!("a filter's parameters are shared references: {usage}"));
    let FnArg::Typed(input) = input else { return Err(error()) };
    match &*input.ty {
        Type::Reference(reference) if reference.mutability.is_none() => Ok(anonymous((*reference.elem).clone())),
        _ => Err(error()),
    }
}

/// The type with anonymous lifetimes: the lifetimes that the function declares are not known outside of it.
fn anonymous(mut kind: Type) -> Type {
    if let Type::Path(path) = &mut kind {
        for segment in &mut path.path.segments {
            if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                for argument in &mut arguments.args {
                    if let GenericArgument::Lifetime(lifetime) = argument {
                        *lifetime =
                            Lifetime { apostrophe: lifetime.apostrophe, ident: Ident::new("_", lifetime.span()) };
                    }
                }
            }
        }
    }
    kind
}
