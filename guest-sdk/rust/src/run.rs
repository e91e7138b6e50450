//! A filter as the host sees it: described once, then called with batches.

use std::marker::PhantomData;

use crate::alert::{Alert, Field, RawColumn};
use crate::parameter::Parameter;
use crate::verdict::{Annotation, Verdict};

/// What `#[filter]` makes from a function.
pub trait Filter {
    /// The author's config.
    type Config: 'static;

    /// Parses and checks the config.
    fn configure(text: &str) -> Result<Self::Config, String>;

    /// Describes the filter.
    fn manifest() -> Result<Manifest, String>;

    /// Judges `rows` alerts, and passes those that it accepts to `accept`, with their annotations.
    fn evaluate(
        config: &Self::Config,
        rows: u32,
        columns: &[RawColumn<'_>],
        accept: impl FnMut(u32, Vec<Annotation>),
    ) -> Result<(), String>;
}

/// What a filter says about itself; see `manifest` in `wit/filter.wit`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// A description in one line, for people.
    pub description: &'static str,
    /// The fields that it reads.
    pub fields: Vec<Field>,
    /// What can be set in its config.
    pub parameters: Vec<Parameter>,
}

/// The type of a filter's alerts.
///
/// A type that is not an [`Alert`] is one error, where alerts are read. [`Undescribed`] keeps the compiler from reporting it
/// once more where they are described.
pub struct Described<A>(pub PhantomData<A>);

impl<A: Alert> Described<A> {
    /// The manifest of a filter that reads such alerts, and has these parameters.
    pub fn manifest(&self, description: &'static str, parameters: Vec<Parameter>) -> Result<Manifest, String> {
        let fields = A::fields();
        // The macro recognises `Column` only by its name; here the field's type is known for certain.
        for Field { name, paths, list, .. } in &fields {
            match (list, paths.iter().find(|path| path.contains("[]") != *list)) {
                (_, None) => {}
                (true, Some(path)) => return Err(format!("{name} is a Column, but {path:?} goes through no array")),
                (false, Some(path)) => {
                    return Err(format!("{name} is not a Column, but {path:?} goes through an array"));
                }
            }
        }
        Ok(Manifest { description, fields, parameters })
    }
}

/// What generated code falls back to if a filter's type is not an [`Alert`].
pub trait Undescribed {
    /// Stands for the manifest.
    fn manifest(&self, _: &'static str, _: Vec<Parameter>) -> Result<Manifest, String> {
        unreachable!()
    }
}

impl<A> Undescribed for Described<A> {}

/// Reads the alerts of a batch one by one, and passes on those that `judge` accepts.
#[inline]
pub fn judge_all<A: Alert>(
    rows: u32,
    columns: &[RawColumn<'_>],
    judge: impl for<'a> Fn(&A::Row<'a>) -> Result<Verdict, String>,
    mut accept: impl FnMut(u32, Vec<Annotation>),
) -> Result<(), String> {
    A::each(columns, rows, |row, alert| {
        match judge(alert)? {
            Verdict::Reject => {}
            Verdict::Accept => accept(row, Vec::new()),
            Verdict::Annotated(annotations) => accept(row, annotations),
        }
        Ok(())
    })
}

/// Exports a filter from the author's crate, where the functions of a component have to be. In native builds it does
/// nothing.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($filter:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::__private::{Filter, bindings};

            static STATE: ::std::sync::OnceLock<<$filter as Filter>::Config> = ::std::sync::OnceLock::new();

            struct Component;

            impl bindings::Guest for Component {
                fn describe(
                    config: ::std::string::String,
                ) -> ::std::result::Result<bindings::Manifest, ::std::string::String> {
                    $crate::__private::describe::<$filter>(&STATE, &config)
                }

                fn evaluate(
                    rows: u32,
                    columns: ::std::vec::Vec<bindings::Column>,
                ) -> ::std::result::Result<::std::vec::Vec<bindings::Accepted>, ::std::string::String> {
                    $crate::__private::evaluate::<$filter>(&STATE, rows, &columns)
                }
            }

    bindings::export!(Component with_types_in bindings);
        };
    };
}
