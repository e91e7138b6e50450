//! The macros of skysieve-sdk. Their documentation for authors is in that crate.

use proc_macro::TokenStream;

mod alert;
mod filter;
mod kinds;
mod lifetimes;
mod parameters;
mod path;
mod serde_attributes;

/// Derives the fields that a filter reads from an alert.
///
/// Every field needs a `#[field("where.it.is")]`, whose path consists of names joined by dots, with `[]` behind the
/// name of an array whose elements are read. Several paths are alternatives, of which the first that the alert's schema
/// has is read: `#[field("diaSource.psfFlux", "diaSource.psFlux")]`.
///
/// | type | meaning |
/// | --- | --- |
/// | `bool`, `i32`, `i64`, `f32`, `f64`, `&'a str`, `&'a [u8]` | a value; if it is null, the alert is rejected without a call |
/// | `Option` of one of these | a value that may be null or missing from the schema |
/// | `Column<'a, T>` of one of these | all values of a path that goes through an array |
/// | `Value<'a>` in place of a type | a value of the kind that the schema has |
///
/// The host promotes as Avro does: an int can be read as `i64`, `f32` or `f64`, a float as `f64`, and so on.
#[proc_macro_derive(Alert, attributes(field))]
pub fn alert(input: TokenStream) -> TokenStream {
    match syn::parse(input) {
        Ok(input) => alert::derive(&input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// Describes what can be set in a config, for people and for forms that are made of it.
///
/// ```text
/// #[derive(Deserialize, Parameters)]
/// #[serde(default, deny_unknown_fields)]
/// struct Config {
///     /// The faintest magnitude that passes.
///     magnitude: f64,
/// }
/// ```
///
/// Every field is a parameter: its name and its default are serde's, and its description is the first paragraph of its
/// doc comment. There are the types `bool`, integers of up to 64 bits, `f32`, `f64`, `String`, `char`, `Option`
/// of these, and those for which you implement `ParameterType`. `#[parameter(skip)]` leaves a field of another type out of
/// the description. A field with `#[serde(flatten)]` has the parameters of its type.
#[proc_macro_derive(Parameters, attributes(parameter))]
pub fn parameters(input: TokenStream) -> TokenStream {
    match syn::parse(input).and_then(|input| parameters::derive(&input)) {
        Ok(output) => output.into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// Makes a function of one alert into a filter. Each crate has one filter.
///
/// ```text
/// #[filter(description = "Brighter than a limit")]
/// fn bright(config: &Config, alert: &Candidate) -> Verdict { … }
/// ```
///
/// `config` may be left out. Its type can be any that serde deserialises, and should derive `Parameters`; it is read from the text given at upload,
/// which is TOML, or JSON if it begins with `{`. `check = Config::check` names a function `fn(&Config) -> Result<(),
/// E>`; if it returns an error, the config is refused.
///
/// The function returns a `Verdict`, a `bool`, or a `Result` of one of these.
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match filter::expand(arguments.into(), item.clone()) {
        Ok(output) => output.into(),
        // The function is kept, so that the compiler does not report it as missing in addition.
        Err(error) => [error.into_compile_error(), item].into_iter().collect::<proc_macro2::TokenStream>().into(),
    }
}
