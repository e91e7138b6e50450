//! The known surveys, and the fields that the host itself reads from every alert.

use std::sync::Arc;

use skysieve_avro::alert::Kind;
use skysieve_avro::{Locator, Outline, Projection};

use super::decam::DECAM;
use super::layout::{Layout, has};
use super::locate::locate;
use super::lsst::LSST;
use super::named::NamedFields;
use super::survey::Survey;
use super::winter::WINTER;
use super::wise::WISE;
use super::ztf::ZTF;

/// The known surveys. If the fields of one are a special case of another's, the special one comes first.
static KNOWN: [Survey; 5] = [LSST, WISE, WINTER, ZTF, DECAM];

/// The known surveys, and the fields that the user named instead of theirs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Surveys {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    surveys: Vec<&'static Survey>,
    named: NamedFields,
}

impl Default for Surveys {
    fn default() -> Surveys {
        Surveys::new(NamedFields::default())
    }
}

impl Surveys {
    /// Returns the surveys that Skysieve knows. The `named` fields take precedence over theirs.
    pub fn new(named: NamedFields) -> Surveys {
        Surveys { shared: Arc::new(Shared { surveys: KNOWN.iter().collect(), named }) }
    }

    /// Adds a survey, which comes before the others.
    pub fn with(&self, survey: &'static Survey) -> Surveys {
        let surveys = std::iter::once(survey).chain(self.shared.surveys.iter().copied()).collect();
        Surveys { shared: Arc::new(Shared { surveys, named: self.shared.named.clone() }) }
    }

    /// The fields that the user named.
    pub fn named(&self) -> &NamedFields {
        &self.shared.named
    }

    /// Where alerts of a schema have the fields that Skysieve itself needs.
    pub fn layout(&self, outline: &Outline) -> Layout {
        locate(outline, self.recognise(outline), &self.shared.named)
    }

    fn recognise(&self, outline: &Outline) -> Option<&'static Survey> {
        let surveys = &self.shared.surveys;
        let by_name = |survey: &&&Survey| survey.recognition.names.iter().any(|begin| outline.name.starts_with(begin));
        let all = |fields: &&[&str]| fields.iter().all(|field| has(outline, field));
        let by_fields = |survey: &&&Survey| survey.recognition.fields.iter().any(all);
        surveys.iter().find(by_name).or_else(|| surveys.iter().find(by_fields)).copied()
    }

    /// Adds a field to a projection, and returns its slot.
    pub fn add(&self, field: HostField, projection: &mut Projection) -> usize {
        let absent = if field == HostField::Id || field == HostField::Visit { Kind::Long } else { Kind::Double };
        projection.add_located(Arc::new(Located { surveys: self.clone(), field }), absent)
    }
}

/// The fields that the host itself reads from alerts, whatever the filters ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostField {
    /// The alert's id.
    Id,
    /// The exposure's number or name.
    Visit,
    /// The exposure's time, for alerts that may lack its number or name.
    VisitTime,
    /// The time at which the source was seen.
    Time,
}

#[derive(Debug)]
struct Located {
    surveys: Surveys,
    field: HostField,
}

impl Locator for Located {
    fn locate(&self, outline: &Outline) -> Option<(String, Kind)> {
        let layout = self.surveys.layout(outline);
        let place = match self.field {
            HostField::Id => layout.id,
            HostField::Visit => layout.visit,
            HostField::VisitTime if layout.visit.is_some_and(|visit| !visit.nullable) => None,
            HostField::VisitTime | HostField::Time => layout.time,
        }?;
        Some((place.path, read_as(place.kind, self.field)))
    }
}

/// The kind in which a field is read. Text is read as bytes, because text that is not UTF-8 must not make the alert
/// undecodable. Numbers are read in the kind that most surveys use, so that alerts of several surveys share a batch.
fn read_as(kind: Kind, field: HostField) -> Kind {
    match kind {
        Kind::Text => Kind::Bytes,
        Kind::Int | Kind::Long if matches!(field, HostField::Id | HostField::Visit) => Kind::Long,
        Kind::Int | Kind::Long | Kind::Float => Kind::Double,
        kind => kind,
    }
}
