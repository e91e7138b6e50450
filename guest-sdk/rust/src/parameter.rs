//! Parameters: what can be set in a filter's config, described for people and forms.

use std::marker::PhantomData;

/// What can be set in a config. Implemented by `#[derive(Parameters)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe its parameters",
    label = "derive `Parameters` for it, as for the config"
)]
pub trait Parameters {
    /// The parameters, in the order of the struct's fields.
    fn parameters() -> Vec<Parameter>;
}

/// One parameter; see `parameter` in `wit/filter.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The key in the config.
    pub name: String,
    /// The kind of its values.
    pub kind: ParameterKind,
    /// The value that it has if it is left out, written as in TOML. An empty text says that it has none then; without a
    /// default, it must be given.
    pub default: Option<String>,
    /// What it is for, in one line.
    pub description: &'static str,
}

/// The kind of a parameter's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// `true` or `false`.
    Boolean,
    /// An integer of up to 64 bits.
    Integer,
    /// A floating-point number.
    Number,
    /// Text.
    Text,
}

/// The type of a parameter. It is implemented for `bool`, integers of up to 64 bits, `f32`, `f64`, `String`, `char` and
/// `Option` of these, and can be implemented for a type of one's own, such as an enum that is read from a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a parameter",
    label = "leave it out of the description with `#[parameter(skip)]`, or implement `ParameterType` for it",
    note = "there are bool, integers of up to 64 bits, f32, f64, String, char, and Option of these"
)]
pub trait ParameterType {
    /// The kind of its values.
    const KIND: ParameterKind;

    /// The value, written as in TOML; an empty text if it has none. [`toml_text`] quotes a text.
    fn to_toml(&self) -> String;

    /// What stands for the default if serde knows none.
    fn absent() -> Option<String> {
        None
    }
}

macro_rules! parameter_types {
    ($($kind:ident: $($type:ty),+ => $write:expr;)+) => {
        $($(impl ParameterType for $type {
            const KIND: ParameterKind = ParameterKind::$kind;

            fn to_toml(&self) -> String {
                let write: fn(&$type) -> String = $write;
                write(self)
            }
        })+)+
    };
}

parameter_types! {
    Boolean: bool => ToString::to_string;
    Integer: i8, i16, i32, i64, isize, u8, u16, u32, u64, usize => ToString::to_string;
    // A number that Rust calls NaN is nan in TOML; all others are written alike.
    Number: f32, f64 => |value| format!("{value:?}").to_lowercase();
    Text: String => |value| toml_text(value);
    Text: char => |value| toml_text(&value.to_string());
}

impl<T: ParameterType> ParameterType for Option<T> {
    const KIND: ParameterKind = T::KIND;

    fn to_toml(&self) -> String {
        self.as_ref().map(T::to_toml).unwrap_or_default()
    }

    fn absent() -> Option<String> {
        Some(String::new())
    }
}

/// A text in quotes, as in TOML.
pub fn toml_text(text: &str) -> String {
    // Quoted texts of JSON are texts of TOML, but for one character, which JSON may leave as it is.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// The type of a filter's config, which may describe its parameters.
///
/// A type that does not is no error: it has none to show then. [`NoParameters`] stands for these types.
pub struct ConfigOf<C>(pub PhantomData<C>);

impl<C: Parameters> ConfigOf<C> {
    /// The parameters of such a config.
    pub fn parameters(&self) -> Vec<Parameter> {
        C::parameters()
    }
}

/// What generated code falls back to if a config's type does not describe its [`Parameters`].
pub trait NoParameters {
    /// No parameters.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
}

impl<C> NoParameters for ConfigOf<C> {}

/// Describes a parameter whose type is `T`. Called by generated code.
pub fn parameter<T: ParameterType>(name: &str, default: Option<T>, description: &'static str) -> Parameter {
    let default = default.map(|value| value.to_toml()).or_else(T::absent);
    Parameter { name: name.to_owned(), kind: T::KIND, default, description }
}
