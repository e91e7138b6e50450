//! `/metrics` for Prometheus: the counts of the filters at this moment. Nothing is stored here.

mod filters;
mod host;

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
use crate::filters::Status;
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
    let live_hosts = api.config.hosts.as_ref().map_or(1, |hosts| hosts.directory().count_live());
    let body =
        api.ask(caller, move |control| encode(Snapshot::new(control.health(), control.list(), audit, live_hosts)));
    let body = body.await?;
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
    live_hosts: u64,
    filters: Vec<(String, Status)>,
}

impl Snapshot {
    fn new(health: Health, filters: Vec<Status>, audit: AuditCounts, live_hosts: u64) -> Snapshot {
        let filters = filters.into_iter().map(|status| (escape(&status.name), status)).collect();
        Snapshot { health, audit, live_hosts, filters }
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
        self.states(&mut out)?;
        self.costs(&mut out)
    }
}

/// A number as gauges have it.
fn gauge_of(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
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
