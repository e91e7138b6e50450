//! Shadows of filters: they begin and end between two batches, and are brought to the lane that their filters are in.

use std::sync::Arc;

use super::Live;
use crate::filters::{FilterError, ShadowStatus};
use crate::pipeline::channels::Command;
use crate::pipeline::check_upload::NewShadow;
use crate::pipeline::lane::Lane;
use crate::pipeline::running_filter::RunningShadow;

impl Live {
    /// Lets a version run as the shadow of a filter, in place of an earlier one.
    pub(super) fn begin_shadow(&mut self, lane: &mut Lane, new: NewShadow) -> Result<(), FilterError> {
        let NewShadow { of, prepared, shadow } = new;
        let is_current = lane.state.entries().get(&of.name).is_some_and(|entry| Arc::ptr_eq(entry, &of));
        lane.state.moves.lock().check(&of.name)?;
        if !is_current {
            return Err(FilterError::Busy(format!("filter {:?} was changed at this moment; try again", of.name)));
        }
        lane.state.check_shadows(&of.name)?;
        if let Some(earlier) = of.set_shadow(Some(shadow.clone())) {
            earlier.end();
        }
        tracing::info!(filter = of.name, version = shadow.version, "shadow begins");
        let config = &lane.state.config;
        let running = Box::new(RunningShadow::new(prepared.run(config), shadow, config));
        self.bring_shadow(lane, of.name.clone(), running);
        Ok(())
    }

    /// Ends the shadow of a filter. Returns its last status.
    pub(super) fn end_shadow(&mut self, lane: &mut Lane, name: &str) -> Result<ShadowStatus, FilterError> {
        let entry = lane.state.entries().get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        let shadow = entry.set_shadow(None).ok_or_else(|| FilterError::NoShadow(name.to_owned()))?;
        shadow.end();
        self.shadows.remove(name);
        if self.away.contains(name) {
            self.send(Command::Project);
        } else {
            lane.project();
        }
        tracing::info!(filter = name, version = shadow.version, "shadow ends");
        Ok(shadow.status(name))
    }

    /// Brings a shadow to its filter, unless it is over by now.
    pub(super) fn bring_shadow(&mut self, lane: &mut Lane, name: String, shadow: Box<RunningShadow>) {
        let entry = lane.state.entries().get(&name).cloned();
        let is_wanted = entry.is_some_and(|entry| entry.has_shadow(&shadow.shadow));
        if !is_wanted || shadow.shadow.is_over() || lane.state.cancel.is_cancelled() {
            return;
        }
        if self.away.contains(&name) {
            self.expected.give_up(lane, &name);
            self.send(Command::GiveShadow(name, shadow));
        } else if let Err(shadow) = lane.give_shadow(&name, shadow) {
            // It has left its shard, and comes from the publishers.
            self.shadows.insert(name, shadow);
        }
    }
}
