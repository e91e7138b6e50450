//! The macros of skysieve-sdk, where they are documented for authors.

use proc_macro::TokenStream;

mod alert;
mod filter;
mod kinds;
mod path;

/// Makes a struct the fields that a filter reads of an alert.
///
/// Every field has `#[field("where.it.is")]`: names joined by dots, `[]` behind an array that is gone through. Several
/// paths are alternatives, of which the first that the alert's schema has is read:
/// `#[field("diaSource.psfFlux", "diaSource.psFlux")]`.
///
/// | type | of the alert |
/// | --- | --- |
/// | `bool`, `i32`, `i64`, `f32`, `f64`, `&'a str`, `&'a [u8]` | a value; an alert in which it is null is rejected without a call |
/// | `Option` of one of these | a value that may be null or missing from the schema |
/// | `Column<'a, T>` of one of these | all values of a path through an array |
/// | `Value<'a>` in place of a type | a value of whichever kind the schema has |
///
/// The host promotes as Avro does: an int can be read as `i64`, `f32` or `f64`, a float as `f64`, and so on.
#[proc_macro_derive(Alert, attributes(field))]
pub fn alert(input: TokenStream) -> TokenStream {
    match syn::parse(input) {
        Ok(input) => alert::derive(&input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// Makes a function of one alert a filter: one a crate.
///
/// ```text
/// #[filter(description = "Brighter than a limit")]
/// fn bright(config: &Config, alert: &Candidate) -> Verdict { … }
/// ```
///
/// `config` may be left out. Its type is anything that serde deserialises, from the TOML or JSON (beginning with `{`)
/// that was given at upload. `check = Config::check` names a function `fn(&Config) -> Result<(), E>`, whose error
/// refuses the config.
///
/// The function returns a `Verdict`, a `bool`, or a `Result` of one of these.
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match filter::expand(arguments.into(), item.clone()) {
        Ok(output) => output.into(),
        // The function stays, so that it is not reported missing as well.
        Err(error) => [error.into_compile_error(), item].into_iter().collect::<proc_macro2::TokenStream>().into(),
    }
}
