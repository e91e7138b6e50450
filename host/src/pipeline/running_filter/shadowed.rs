//! A filter that has a shadow: it passes on what it has judged. It knows nothing of what the shadow says.

use skysieve_avro::Projection;

use super::RunningFilter;
use super::shadow::{JudgedRows, RunningShadow};
use crate::pipeline::positions::Positions;
use crate::pipeline::slots::Slots;

impl RunningFilter {
    /// Binds it, and its shadow, to the projection by which batches are decoded from now on. A shadow that is over goes.
    pub fn bind(&mut self, projection: &mut Projection) {
        self.judge.bind(projection).expect("the fields were checked when it was prepared");
        self.shadow.take_if(|shadow| shadow.shadow.is_over());
        self.shadow.iter_mut().for_each(|shadow| shadow.bind(projection));
    }

    /// Gives it a shadow, which judges the batches that come now.
    pub fn set_shadow(&mut self, shadow: Box<RunningShadow>) {
        if self.entry.has_shadow(&shadow.shadow) {
            self.owed.leave_out_shadow();
            self.shadow = Some(shadow);
        }
    }

    /// Its shadow.
    pub fn shadow_mut(&mut self) -> Option<&mut RunningShadow> {
        self.shadow.as_deref_mut()
    }

    /// Its shadow.
    pub fn shadow(&self) -> Option<&RunningShadow> {
        self.shadow.as_deref()
    }

    /// The slots of the fields in the batches that come now.
    pub fn slots(&self) -> Slots {
        let shadow = self.shadow.as_ref().and_then(|shadow| shadow.slots().cloned());
        Slots { filter: self.judge.slots().to_vec(), shadow }
    }

    /// Sets the slots to those of another batch.
    pub fn set_slots(&mut self, slots: Slots) {
        self.judge.replace_slots(slots.filter);
        self.shadow.iter_mut().for_each(|shadow| shadow.set_slots(slots.shadow.clone()));
    }

    /// Lets its shadow judge what it has judged itself. `slots` are those of the shadow in that batch, and `from` is where
    /// this filter was before.
    pub(super) fn pass_on(&mut self, judged: &JudgedRows<'_>, slots: Option<Vec<usize>>, from: &Positions) {
        self.shadow.iter_mut().for_each(|shadow| shadow.take(judged, slots.clone(), from));
    }
}
