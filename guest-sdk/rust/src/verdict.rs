//! The verdict of a filter on an alert.

use std::fmt::Display;

/// A name and a value that travel with an accepted alert as a header of its Kafka message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The header's name.
    pub name: String,
    /// The header's value.
    pub value: String,
}

/// The verdict of a filter on an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The alert is not published.
    Reject,
    /// The alert is published on the filter's topic.
    Accept,
    /// The alert is published with annotations. [`Verdict::with`] makes this variant.
    Annotated(Vec<Annotation>),
}

impl Verdict {
    /// Accepts the alert if `condition` holds, and rejects it otherwise.
    #[inline]
    pub fn accept_if(condition: bool) -> Verdict {
        if condition { Verdict::Accept } else { Verdict::Reject }
    }

    /// Adds an annotation if the alert is accepted. The value is formatted only in that case.
    #[inline]
    pub fn with(self, name: impl Into<String>, value: impl Display) -> Verdict {
        let mut annotations = match self {
            Verdict::Reject => return Verdict::Reject,
            Verdict::Accept => Vec::new(),
            Verdict::Annotated(annotations) => annotations,
        };
        annotations.push(Annotation { name: name.into(), value: value.to_string() });
        Verdict::Annotated(annotations)
    }

    /// Whether the alert is published.
    pub fn is_accepted(&self) -> bool {
        *self != Verdict::Reject
    }

    /// The value of the annotation with this name.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        match self {
            Verdict::Reject | Verdict::Accept => None,
            Verdict::Annotated(all) => all.iter().find(|one| one.name == name).map(|one| one.value.as_str()),
        }
    }
}

impl From<bool> for Verdict {
    fn from(accept: bool) -> Verdict {
        Verdict::accept_if(accept)
    }
}

/// The types that a filter function may return: a [`Verdict`], a `bool`, or a `Result` of one of these. If it returns
/// an error, the alert is a fault: it goes to the dead letters with the error's text.
#[diagnostic::on_unimplemented(
    message = "a filter cannot return `{Self}`",
    label = "return `Verdict`, `bool`, `Result<Verdict, E>` or `Result<bool, E>`, where `E` implements `Display`"
)]
pub trait IntoVerdict {
    /// The verdict, or the reason why there is none.
    ///
    /// # Errors
    /// Returns the author's own error as text.
    fn into_verdict(self) -> Result<Verdict, String>;
}

impl IntoVerdict for Verdict {
    #[inline]
    fn into_verdict(self) -> Result<Verdict, String> {
        Ok(self)
    }
}

impl IntoVerdict for bool {
    #[inline]
    fn into_verdict(self) -> Result<Verdict, String> {
        Ok(Verdict::accept_if(self))
    }
}

impl<V: IntoVerdict, E: Display> IntoVerdict for Result<V, E> {
    #[inline]
    fn into_verdict(self) -> Result<Verdict, String> {
        self.map_err(|error| error.to_string())?.into_verdict()
    }
}
