//! How much a user has in the registry, and whether there may be more.

use std::collections::BTreeSet;

use super::kind::Record;
use super::record::{Blob, FilterRecord};
use super::records::Records;
use super::writer::{Decision, Registry};
use crate::filters::{Allowance, FilterError};

impl Registry {
    /// Refuses a change that gives the filter's owner more than they may have. What makes nothing more is never refused.
    ///
    /// # Errors
    /// Returns [`FilterError::OverLimit`], which says what to do.
    pub fn check_allowance(
        &self,
        allowance: Option<Allowance>,
        before: Option<&FilterRecord>,
        decision: Decision,
    ) -> Result<Decision, FilterError> {
        if let (Some(allowance), Decision::Write(record, _)) = (allowance, &decision) {
            check(&self.records(), allowance, before, record)?;
        }
        Ok(decision)
    }
}

impl Registry {
    /// Refuses one more shadow of the filter's owner, who may have so many.
    ///
    /// # Errors
    /// Returns [`FilterError::OverLimit`], which says what to do.
    pub fn check_shadows(&self, record: &FilterRecord, most: Option<usize>) -> Result<(), FilterError> {
        let records = self.records();
        let others = records
            .iter()
            .filter(|other| other.owner == record.owner && other.name != record.name && other.shadow.is_some());
        match most.filter(|most| others.count() >= *most) {
            None => Ok(()),
            Some(most) => Err(FilterError::OverLimit(format!(
                "{} has {most} shadows, as many as a user of this host may have (--shadows-per-user): end one first, or ask \
                 an operator",
                record.owner
            ))),
        }
    }
}

fn check(
    records: &Records,
    allowance: Allowance,
    before: Option<&FilterRecord>,
    now: &FilterRecord,
) -> Result<(), FilterError> {
    let others = || records.iter().filter(|record| record.owner == now.owner && record.name != now.name);
    let most = allowance.filters;
    if before.is_none() && others().count() >= most {
        return Err(FilterError::OverLimit(format!(
            "{} has {most} filters, as many as a user of this host may have (--filters-per-user): delete one first, or ask \
             an operator",
            now.owner
        )));
    }
    let stored = |one: Option<&FilterRecord>| {
        let all = others().flat_map(|record| record.blobs()).chain(one.into_iter().flat_map(Record::blobs));
        all.collect::<BTreeSet<&Blob>>().iter().map(|blob| blob.bytes).sum::<u64>()
    };
    let (bytes, most) = (stored(Some(now)), allowance.bytes);
    if bytes > most && bytes > stored(before) {
        return Err(FilterError::OverLimit(format!(
            "{} would have {bytes} bytes of modules and configs with this, and a user of this host may have {most} \
             (--bytes-per-user): delete filters that are not needed, or ask an operator",
            now.owner
        )));
    }
    Ok(())
}
