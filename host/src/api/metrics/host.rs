//! Metrics of the host itself.

use std::fmt;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::{Snapshot, Writer, count, escape, gauge_of};
use crate::health::{Health, RegistryHealth, StageSeconds};

impl Snapshot {
    pub(super) fn host(&self, out: &mut Writer) -> fmt::Result {
        let health = &self.health;
        let build = [([("version", env!("CARGO_PKG_VERSION"))], ConstGauge::new(1i64))];
        out.family("build_info", "The program's version, as a label.", None, build.into_iter())?;
        out.gauge("ready", "Whether the host reads the stream and publishes.", i64::from(health.ready))?;
        let waiting = i64::from(health.waiting_for_schema);
        out.gauge("waiting_for_schema", "Whether the stream is waiting for an unknown schema.", waiting)?;
        out.gauge("filters", "Filters on this host, active or suspended.", self.filters.len() as i64)?;
        out.counter("messages", "Messages fetched.", None, health.messages)?;
        out.counter("alerts", "Alerts decoded.", None, health.alerts)?;
        out.counter("undecodable_messages", "Messages that were not decoded.", None, health.undecodable)?;
        let help = "Alerts without a visit or time; those that arrive in the same minute count as one visit.";
        out.counter("alerts_without_visit", help, None, health.without_visit)?;
        out.counter("fetched", "Packets fetched.", Some(&Unit::Bytes), health.bytes)?;
        out.counter("batches", "Batches published.", None, health.batches)?;
        out.counter("messages_done", "Messages whose outcome is published.", None, health.done)?;
        out.counter("dead_letters", "Dead letters published.", None, health.dead_letters)?;
        out.counter("transactions", "Transactions committed.", None, health.transactions)?;
        out.counter("batch_retries", "Batches that had to be published once more.", None, health.retries)?;
        out.counter("audit_records", "Records of changes published.", None, self.audit.published)?;
        let help = "Records of changes that are in the log only, because the brokers did not take them.";
        out.counter("audit_records_lost", help, None, self.audit.lost)?;
        self.stages(out)?;
        self.machine(out)?;
        self.registry(out)?;
        let lag = health.partitions.iter().filter_map(|lag| {
            let labels = [("topic", escape(&lag.topic)), ("partition", lag.partition.to_string())];
            Some((labels, ConstGauge::new(lag.behind()?)))
        });
        let lost = health.partitions.iter().map(|lag| {
            let labels = [("topic", escape(&lag.topic)), ("partition", lag.partition.to_string())];
            (labels, count(lag.lost))
        });
        out.family("lost_messages", "Messages of the stream that were deleted before they could be read.", None, lost)?;
        out.family("partition_lag", "Messages of the stream whose outcome is not published yet.", None, lag)
    }

    fn stages(&self, out: &mut Writer) -> fmt::Result {
        let StageSeconds { decode, judge, publish } = self.health.stage_seconds;
        let stages = [("decode", decode), ("judge", judge), ("publish", publish)];
        let stages = stages.into_iter().map(|(stage, seconds)| ([("stage", stage)], ConstCounter::new(seconds)));
        out.family("stage", "Time spent in a stage, over all threads.", Some(&Unit::Seconds), stages)
    }

    fn machine(&self, out: &mut Writer) -> fmt::Result {
        let Health { memory, compiling, compile_queue, .. } = &self.health;
        if let Some(memory) = memory {
            let memory = [([("kind", "resident")], ConstGauge::new(gauge_of(*memory)))];
            out.family("memory", "Memory of the host's process.", Some(&Unit::Bytes), memory.into_iter())?;
        }
        out.gauge("compiling_modules", "Modules that are being compiled.", gauge_of(*compiling))?;
        out.gauge("waiting_modules", "Modules that wait for being compiled.", gauge_of(*compile_queue))?;
        out.gauge("live_hosts", "Hosts with the same registry that live, with this one.", gauge_of(self.live_hosts))
    }

    fn registry(&self, out: &mut Writer) -> fmt::Result {
        let Some(RegistryHealth { records, tokens, bytes, offset, last_write, unreadable, refused, trouble, .. }) =
            &self.health.registry
        else {
            return Ok(());
        };
        let records = [("filters", *records), ("tokens", *tokens)];
        let records = records.into_iter().map(|(kind, count)| ([("kind", kind)], ConstGauge::new(gauge_of(count))));
        out.family("registry_records", "Records in the registry.", None, records)?;
        let size = [([("kind", "content")], ConstGauge::new(gauge_of(*bytes)))];
        let help = "Modules and configs that records in the registry name, each once.";
        out.family("registry", help, Some(&Unit::Bytes), size.into_iter())?;
        if let Some(offset) = offset {
            out.gauge("registry_revision", "Offset of the registry's newest record.", *offset)?;
        }
        if let Some(seconds) = last_write {
            let time = [([("kind", "last_write")], ConstGauge::new(*seconds))];
            let help = "When the registry's newest record was written, in seconds since 1970.";
            out.family("registry_timestamp", help, Some(&Unit::Seconds), time.into_iter())?;
        }
        out.gauge("registry_readable", "Whether the registry can be read.", i64::from(trouble.is_none()))?;
        out.gauge("registry_unreadable_records", "Records that are not used.", gauge_of(unreadable.len() as u64))?;
        out.gauge("refused_filters", "Filters of the registry that can't run here.", gauge_of(refused.len() as u64))
    }
}
