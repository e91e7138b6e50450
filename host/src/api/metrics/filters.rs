//! Metrics of each filter.

use std::fmt;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::{Snapshot, Writer, count, escape, gauge_of};
use crate::filters::{Lane, State as Activity};

/// How many hexadecimal digits of a module's hash are told.
const MODULE: usize = 12;

impl Snapshot {
    pub(super) fn verdicts(&self, out: &mut Writer) -> fmt::Result {
        let seen = self.filters.iter().map(|(name, status)| ([("filter", name)], count(status.counts.seen)));
        out.family("filter_seen_alerts", "Alerts that a filter was shown.", None, seen)?;
        let verdicts = self.filters.iter().flat_map(|(name, status)| {
            let counts = &status.counts;
            let verdict = |verdict, n| ([("filter", name.as_str()), ("verdict", verdict)], count(n));
            [
                verdict("accepted", counts.accepted),
                verdict("rejected", counts.rejected),
                verdict("over_quota", counts.over_quota),
                verdict("faulted", counts.faulted),
                verdict("too_large", counts.too_large),
            ]
        });
        out.family("filter_alerts", "Outcomes of the alerts that a filter was shown.", None, verdicts)?;
        let faults = self.filters.iter().flat_map(|(name, status)| {
            status.fault_counts.iter().map(move |(kind, n)| ([("filter", name.as_str()), ("kind", kind)], count(*n)))
        });
        out.family("filter_faults", "Alerts on which a filter failed, by the kind of fault.", None, faults)
    }

    pub(super) fn states(&self, out: &mut Writer) -> fmt::Result {
        let versions = self.filters.iter().map(|(name, status)| {
            let registered = status.registered.as_ref();
            let number = registered.and_then(|registered| registered.version).map(|number| number.to_string());
            let owner = registered.map(|registered| escape(&registered.owner)).unwrap_or_default();
            let labels = [
                ("filter", name.clone()),
                ("version", number.unwrap_or_default()),
                ("module", status.sha256.chars().take(MODULE).collect()),
                ("owner", owner),
            ];
            (labels, ConstGauge::new(1i64))
        });
        out.family("filter_info", "A filter's version, module and owner, as labels.", None, versions)?;
        let states = self.filters.iter().flat_map(|(name, status)| {
            let known = Activity::NAMES.into_iter().filter(|state| *state != "elsewhere");
            known.map(move |state| {
                let is_so = i64::from(status.state.name() == state);
                ([("filter", name.as_str()), ("state", state)], ConstGauge::new(is_so))
            })
        });
        out.family("filter_state", "1 for the state that a filter is in, 0 for the others.", None, states)
    }

    pub(super) fn costs(&self, out: &mut Writer) -> fmt::Result {
        let fuel = self.filters.iter().map(|(name, status)| ([("filter", name)], count(status.fuel)));
        out.family("filter_fuel", "Fuel spent in a filter.", None, fuel)?;
        let time = self.filters.iter().map(|(name, status)| ([("filter", name)], ConstCounter::new(status.seconds)));
        out.family("filter_time", "Wall-clock time spent in a filter.", Some(&Unit::Seconds), time)?;
        let memory = self
            .filters
            .iter()
            .map(|(name, status)| ([("filter", name)], ConstGauge::new(gauge_of(status.memory_peak as u64))));
        out.family("filter_memory_peak", "Largest linear memory of a filter so far.", Some(&Unit::Bytes), memory)?;
        let live = self
            .filters
            .iter()
            .map(|(name, status)| ([("filter", name)], ConstGauge::new(i64::from(status.lane == Lane::Live))));
        out.family("filter_live", "Whether a filter is judged in the live lane: 1, or 0 in the slow one.", None, live)?;
        let behind =
            self.filters.iter().map(|(name, status)| ([("filter", name)], ConstGauge::new(gauge_of(status.behind))));
        out.family("filter_behind", "Alerts that a filter is behind the live lane.", None, behind)?;
        let shares = [
            ("filter_cpu_share", "Share of a processor that a filter may use in the slow lane."),
            ("filter_cpu_used", "Share of a processor that a filter has used there in the last ten seconds."),
        ];
        for (at, (metric, help)) in shares.into_iter().enumerate() {
            let values = self
                .filters
                .iter()
                .map(|(name, status)| ([("filter", name)], ConstGauge::new([status.cpu_share, status.cpu_used][at])));
            out.family(metric, help, None, values)?;
        }
        let active = self
            .filters
            .iter()
            .map(|(name, status)| ([("filter", name)], ConstGauge::new(i64::from(status.state == Activity::Active))));
        out.family("filter_active", "Whether a filter is shown alerts: 1, or 0 when it is suspended.", None, active)
    }
}
