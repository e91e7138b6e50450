//! Looks for what Skysieve needs in a schema: by its survey's table, by usual names, and as the user says.

use skysieve_avro::Outline;

use super::guess;
use super::layout::{Layout, first, of_survey};
use super::named::NamedFields;
use super::survey::Survey;

/// The layout of a schema, which belongs to `survey` or to an unknown one.
pub(super) fn locate(outline: &Outline, survey: Option<&Survey>, named: &NamedFields) -> Layout {
    let mut layout = survey.map_or_else(Layout::default, |survey| of_survey(outline, survey));
    guess::fill(&mut layout, outline);
    for (place, all, paths) in [
        (&mut layout.id, &mut layout.ids, named.id()),
        (&mut layout.visit, &mut layout.visits, named.visit()),
        (&mut layout.time, &mut layout.times, named.time()),
    ] {
        if let Some(found) = first(outline, paths) {
            if !all.contains(&found.path) {
                all.push(found.path.clone());
            }
            *place = Some(found);
        }
    }
    // A user who names the time of alerts whose visit is only guessed means that the time identifies the exposure.
    let guessed = survey.is_none() && first(outline, named.visit()).is_none();
    if guessed && first(outline, named.time()).is_some() {
        layout.visit = None;
    }
    layout
}
