//! What `#[serde(…)]` says about names and defaults, as far as parameters depend on it.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, ExprPath, LitStr, Result, Token, Type};

/// Where a default comes from.
pub enum Default {
    /// `#[serde(default)]`.
    Trait,
    /// `#[serde(default = "function")]`.
    Function(ExprPath),
}

/// What a struct's attributes say.
#[derive(std::default::Default)]
pub struct Container {
    pub default: Option<Default>,
    pub rename: Option<Rename>,
    /// The type of `from` or `try_from`.
    pub from: Option<Type>,
}

/// What a field's attributes say.
#[derive(std::default::Default)]
pub struct Key {
    pub name: Option<String>,
    pub default: Option<Default>,
    pub skip: bool,
    pub flatten: bool,
}

impl Container {
    /// Reads the attributes of a struct.
    ///
    /// # Errors
    /// Returns an error for what serde would not understand, either.
    pub fn read(attributes: &[Attribute]) -> Result<Container> {
        let mut container = Container::default();
        each(attributes, |meta| {
            match &*name(meta) {
                "default" => container.default = Some(default(meta)?),
                "rename_all" => {
                    if let Some(rule) = renamed(meta)? {
                        container.rename = Some(Rename::of(&rule)?);
                    }
                }
                "from" | "try_from" => container.from = Some(meta.value()?.parse::<LitStr>()?.parse()?),
                _ => ignore(meta)?,
            }
            Ok(())
        })?;
        Ok(container)
    }
}

impl Key {
    /// Reads the attributes of a field.
    ///
    /// # Errors
    /// As [`Container::read`]'s.
    pub fn read(attributes: &[Attribute]) -> Result<Key> {
        let mut key = Key::default();
        each(attributes, |meta| {
            match &*name(meta) {
                "default" => key.default = Some(default(meta)?),
                "rename" => {
                    if let Some(name) = renamed(meta)? {
                        key.name = Some(name.value());
                    }
                }
                "skip" | "skip_deserializing" => key.skip = true,
                "flatten" => key.flatten = true,
                _ => ignore(meta)?,
            }
            Ok(())
        })?;
        Ok(key)
    }
}

fn each(attributes: &[Attribute], mut read: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.into_iter().try_for_each(|attribute| attribute.parse_nested_meta(|meta| read(&meta)))
}

fn name(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

fn default(meta: &ParseNestedMeta<'_>) -> Result<Default> {
    if meta.input.peek(Token![=]) {
        Ok(Default::Function(meta.value()?.parse::<LitStr>()?.parse()?))
    } else {
        Ok(Default::Trait)
    }
}

/// The text of `rename = "…"` or `rename(deserialize = "…")`.
fn renamed(meta: &ParseNestedMeta<'_>) -> Result<Option<LitStr>> {
    if meta.input.peek(Token![=]) {
        return meta.value()?.parse().map(Some);
    }
    let mut text = None;
    meta.parse_nested_meta(|inner| {
        let value: LitStr = inner.value()?.parse()?;
        if inner.path.is_ident("deserialize") {
            text = Some(value);
        }
        Ok(())
    })?;
    Ok(text)
}

/// Passes over an attribute that says nothing about parameters.
fn ignore(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| ignore(&inner))?;
    }
    Ok(())
}

/// A rule of `rename_all`.
#[derive(Clone, Copy)]
pub enum Rename {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Rename {
    fn of(rule: &LitStr) -> Result<Rename> {
        Ok(match &*rule.value() {
            "lowercase" => Rename::Lower,
            "UPPERCASE" => Rename::Upper,
            "PascalCase" => Rename::Pascal,
            "camelCase" => Rename::Camel,
            "snake_case" => Rename::Snake,
            "SCREAMING_SNAKE_CASE" => Rename::ScreamingSnake,
            "kebab-case" => Rename::Kebab,
            "SCREAMING-KEBAB-CASE" => Rename::ScreamingKebab,
            _ => return Err(syn::Error::new(rule.span(), "serde has no such rule")),
        })
    }

    /// A field's name by this rule, as serde has it.
    pub fn apply(self, field: &str) -> String {
        match self {
            Rename::Lower | Rename::Snake => field.to_owned(),
            Rename::Upper | Rename::ScreamingSnake => field.to_ascii_uppercase(),
            Rename::Pascal => field.split('_').map(capitalized).collect(),
            Rename::Camel => {
                let pascal = Rename::Pascal.apply(field);
                let first = pascal.chars().next().map_or(0, char::len_utf8);
                pascal[..first].to_ascii_lowercase() + &pascal[first..]
            }
            Rename::Kebab => field.replace('_', "-"),
            Rename::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn capitalized(word: &str) -> String {
    let first = word.chars().next().map_or(0, char::len_utf8);
    word[..first].to_ascii_uppercase() + &word[first..]
}
