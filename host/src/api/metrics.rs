//! `/metrics` for Prometheus: the counts of the filters at this moment. Nothing is stored here.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::caller::Caller;
use super::error::Problem;
use super::state::Api;
use crate::access::AuditCounts;
use crate::filters::{Lane, State as Activity, Status};
use crate::health::Health;

/// The [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/) format, which prometheus-client
/// writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns metrics for Prometheus: of the host, and of the filters that the caller may see.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "host",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn show(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    let audit = api.access.audit.as_ref().map(|sink| sink.counts()).unwrap_or_default();
    let body = api.ask(caller, move |control| encode(Snapshot::new(control.health(), control.list(), audit))).await?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], body).into_response())
}

fn encode(snapshot: Snapshot) -> Result<String, Problem> {
    let mut registry = Registry::with_prefix("skysieve");
    registry.register_collector(Box::new(snapshot));
    let mut body = String::new();
    text::encode(&mut body, &registry).map_err(|_| Problem::Internal)?;
    Ok(body)
}

/// The host and its filters, each with its name as the value of a label.
#[derive(Debug)]
struct Snapshot {
    health: Health,
    audit: AuditCounts,
    filters: Vec<(String, Status)>,
}

impl Snapshot {
    fn new(health: Health, filters: Vec<Status>, audit: AuditCounts) -> Snapshot {
        let filters = filters.into_iter().map(|status| (escape(&status.name), status)).collect();
        Snapshot { health, audit, filters }
    }
}

/// Escapes a label's value as the format requires. prometheus-client writes values without escaping them.
fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut out = Writer(encoder);
        self.host(&mut out)?;
        self.verdicts(&mut out)?;
        self.costs(&mut out)
    }
}

impl Snapshot {
    fn host(&self, out: &mut Writer) -> fmt::Result {
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
        out.counter("batch_retries", "Batches that had to be published once more.", None, health.retries)?;
        out.counter("audit_records", "Records of changes published.", None, self.audit.published)?;
        let help = "Records of changes that are in the log only, because the brokers did not take them.";
        out.counter("audit_records_lost", help, None, self.audit.lost)?;
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

    fn verdicts(&self, out: &mut Writer) -> fmt::Result {
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
        out.family("filter_alerts", "Outcomes of the alerts that a filter was shown.", None, verdicts)
    }

    fn costs(&self, out: &mut Writer) -> fmt::Result {
        let fuel = self.filters.iter().map(|(name, status)| ([("filter", name)], count(status.fuel)));
        out.family("filter_fuel", "Fuel spent in a filter.", None, fuel)?;
        let time = self.filters.iter().map(|(name, status)| ([("filter", name)], ConstCounter::new(status.seconds)));
        out.family("filter_time", "Wall-clock time spent in a filter.", Some(&Unit::Seconds), time)?;
        let memory = self.filters.iter().map(|(name, status)| {
            ([("filter", name)], ConstGauge::new(i64::try_from(status.memory_peak).unwrap_or(i64::MAX)))
        });
        out.family("filter_memory_peak", "Largest linear memory of a filter so far.", Some(&Unit::Bytes), memory)?;
        let live = self
            .filters
            .iter()
            .map(|(name, status)| ([("filter", name)], ConstGauge::new(i64::from(status.lane == Lane::Live))));
        out.family("filter_live", "Whether a filter is judged in the live lane: 1, or 0 in the slow one.", None, live)?;
        let behind = self.filters.iter().map(|(name, status)| {
            ([("filter", name)], ConstGauge::new(i64::try_from(status.behind).unwrap_or(i64::MAX)))
        });
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

fn count(value: u64) -> ConstCounter<u64> {
    ConstCounter::new(value)
}

struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn counter(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let metric = count(value);
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        let metric = ConstGauge::new(value);
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    /// Writes a metric with labels. Without values nothing is written, because a family without values is not valid.
    fn family<L: EncodeLabelSet, M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl Iterator<Item = (L, M)>,
    ) -> fmt::Result {
        let mut values = values.peekable();
        let Some((_, first)) = values.peek() else { return Ok(()) };
        let mut encoder = self.0.encode_descriptor(name, help, unit, first.metric_type())?;
        values.try_for_each(|(labels, metric)| metric.encode(encoder.encode_family(&labels)?))
    }
}
