//! Sends files through the decoder and the filter, on several threads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::anyhow;
use indicatif::ProgressBar;

use super::findings::{AcceptedFound, AlertNamed, FaultFound, Findings, UndecodableFound};
use super::input::Packet;
use crate::commands::common::progress;
use crate::filters::CostSample;
use crate::pipeline::{BatchLimits, CostMeter, HostSlots, Identities, Judge, Verdicts, host_projection};
use skysieve_avro::{AvroError, Decoded, Decoder, Framed, Group, SchemaId, Schemas, check_field};
use skysieve_sandbox::{Annotation, Fault, FaultKind, Filter, Refusal, spawn};
use skysieve_survey::Surveys;

/// How many packets a thread takes at a time.
const PACKETS: usize = 64;

/// Starts an instance of the filter.
pub type Start = dyn Fn() -> Result<Filter, Refusal> + Send + Sync;

/// Judges every alert in the packets.
///
/// # Errors
/// Returns an error if the filter can't be started.
pub fn all(
    packets: Vec<Packet>,
    schemas: &Arc<Schemas>,
    surveys: &Surveys,
    start: &Arc<Start>,
    jobs: usize,
) -> anyhow::Result<Findings> {
    let bar = progress(packets.len() as u64, "checking");
    let blocks = packets.len().div_ceil(PACKETS);
    let work = Arc::new(Work { packets, next: AtomicUsize::new(0), bar });
    let thread = |index: usize| {
        let (work, schemas, start) = (work.clone(), schemas.clone(), start.clone());
        let surveys = surveys.clone();
        spawn(&format!("check-{index}"), move || {
            let mut examiner = Examiner::new(schemas, &surveys, &*start)?;
            anyhow::Ok((work.run(&mut examiner), examiner.meter))
        })
    };
    let threads = (0..jobs.min(blocks)).map(thread).collect::<Result<Vec<_>, _>>()?;
    let (mut found, mut cost, mut memory_peak) = (BTreeMap::new(), CostSample::default(), 0);
    for thread in threads {
        let lost = |_| anyhow!("a thread ended unexpectedly; please report this");
        let (findings, meter) = thread.join().map_err(lost)??;
        found.extend(findings);
        memory_peak = meter.memory_peak().max(memory_peak);
        cost.merge(meter.sample().clone());
    }
    work.bar.finish_and_clear();
    let mut total = Findings { cost, memory_peak, ..Findings::default() };
    found.into_values().for_each(|findings| total.merge(findings));
    Ok(total)
}

/// What the threads share. Each of them takes the next block of packets until there are no more.
struct Work {
    packets: Vec<Packet>,
    next: AtomicUsize,
    bar: ProgressBar,
}

impl Work {
    /// Returns the findings of one thread, by block.
    fn run(&self, examiner: &mut Examiner) -> BTreeMap<usize, Findings> {
        let mut found = BTreeMap::new();
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(block) = self.packets.chunks(PACKETS).nth(at) else { return found };
            found.insert(at, examiner.examine(block, &self.bar));
        }
    }
}

/// The decoder and the instances of one thread.
struct Examiner {
    schemas: Arc<Schemas>,
    decoder: Decoder,
    slots: HostSlots,
    in_batches: Judge,
    alone: Judge,
    meter: CostMeter,
    limits: BatchLimits,
    /// The reasons that the filter can't judge alerts of a schema.
    lacks: HashMap<SchemaId, Option<String>>,
}

/// Alerts that are waiting to be judged, and the file of each row.
#[derive(Default)]
struct Open<'a> {
    paths: Vec<&'a Path>,
    bytes: usize,
}

impl Examiner {
    fn new(schemas: Arc<Schemas>, surveys: &Surveys, start: &Start) -> anyhow::Result<Examiner> {
        let (mut projection, slots) = host_projection(surveys);
        let in_batches = Judge::new(start()?, &mut projection)?;
        let alone = Judge::new(start()?, &mut projection)?;
        let meter = CostMeter::new(start()?, &schemas)?;
        let decoder = Decoder::new(schemas.clone(), projection);
        Ok(Examiner {
            schemas,
            decoder,
            slots,
            in_batches,
            alone,
            meter,
            limits: BatchLimits::default(),
            lacks: HashMap::new(),
        })
    }

    fn examine(&mut self, packets: &[Packet], bar: &ProgressBar) -> Findings {
        let mut findings = Findings::default();
        let mut open = Open::default();
        for packet in packets {
            let path = packet.path();
            let undecodable = |alert, why: &str| UndecodableFound::new(path, alert, why);
            match packet.read() {
                Err(error) => findings.undecodable.push(undecodable(None, &error.to_string())),
                Ok(bytes) => {
                    let mut alerts = self.schemas.alerts(&bytes);
                    while let Some(alert) = alerts.next() {
                        if let Err(error) = alert.and_then(|alert| self.push(path, &alert, &mut open, &mut findings)) {
                            findings.undecodable.push(undecodable(alerts.place(&error), &error.to_string()));
                        }
                    }
                }
            }
            bar.inc(1);
        }
        self.close(open, &mut findings);
        findings
    }

    fn push<'a>(
        &mut self,
        path: &'a Path,
        alert: &Framed<'_>,
        open: &mut Open<'a>,
        findings: &mut Findings,
    ) -> Result<(), AvroError> {
        // A host stops reading behind the last field that a filter needs, but an archive's packets are checked to their
        // end.
        self.schemas.validate(alert)?;
        let started = Instant::now();
        let mut pushed = self.decoder.push(open.paths.len() as u32, alert);
        if matches!(pushed, Err(AvroError::BatchFull { .. })) {
            self.close(std::mem::take(open), findings);
            pushed = self.decoder.push(0, alert);
        }
        pushed?;
        findings.decode_time += started.elapsed();
        self.meter.measure(alert);
        findings.add_schema(alert.schema);
        open.paths.push(path);
        open.bytes += alert.datum.len();
        if open.paths.len() >= self.limits.count || open.bytes >= self.limits.bytes {
            self.close(std::mem::take(open), findings);
        }
        Ok(())
    }

    /// Judges the waiting alerts.
    fn close(&mut self, open: Open<'_>, findings: &mut Findings) {
        let decoded = self.decoder.finish();
        let alerts = Identities::of(&decoded, open.paths.len(), self.slots);
        let started = Instant::now();
        let verdicts = self.in_batches.judge(&decoded);
        findings.judge_time += started.elapsed();
        let alone = self.alone.judge_by(&reversed(&decoded), 1);
        let path = |row: u32| open.paths[row as usize].display().to_string();
        let named = |row| AlertNamed { id: alerts.id_text(row), path: path(row) };
        findings.inconsistent.extend(differing(&verdicts, &alone).into_iter().map(named));
        let memory = [&self.in_batches, &self.alone].map(|judge| judge.filter().memory_peak());
        findings.memory_peak = findings.memory_peak.max(memory[0]).max(memory[1]);
        for fault in &verdicts.faults {
            let message = match fault.kind {
                FaultKind::Field => self.explain(&decoded, fault),
                _ => fault.message.clone(),
            };
            let (path, id) = (path(fault.row), alerts.id_text(fault.row));
            findings.faults.push(FaultFound { path, id, kind: fault.kind, message });
        }
        self.decoder.recycle(decoded);

        findings.alerts += verdicts.seen;
        findings.rejected += verdicts.seen - (verdicts.accepted.len() + verdicts.faults.len()) as u64;
        for share in alerts.visits() {
            findings.visits.entry(share.visit).or_default().seen += share.alerts;
        }
        for accepted in verdicts.accepted {
            let visit = alerts.visits()[alerts.visit_of(accepted.row)].visit;
            findings.visits.entry(visit).or_default().accepted += 1;
            let (id, path) = (alerts.id(accepted.row).cloned(), path(accepted.row));
            findings.accepted.push(AcceptedFound { id, visit, path, annotations: accepted.annotations });
        }
        findings.add_logs(verdicts.logs);
    }

    /// Says which field the alert's schema lacks, and which similar ones it has. This is looked up once for each
    /// schema.
    fn explain(&mut self, decoded: &Decoded, fault: &Fault) -> String {
        let schema = decoded.groups.iter().find_map(|group| {
            let at = group.rows.binary_search(&fault.row).ok()?;
            Some(group.schemas[at])
        });
        let Some(schema) = schema else { return fault.message.clone() };
        let lacks = || {
            let mut required = self.alone.filter().manifest().fields.iter().filter(|field| !field.optional);
            required.find_map(|field| check_field(&self.schemas, schema, field).err()).map(|error| error.to_string())
        };
        self.lacks.entry(schema).or_insert_with(lacks).clone().unwrap_or_else(|| fault.message.clone())
    }
}

/// The same alerts in reverse order.
fn reversed(decoded: &Decoded) -> Decoded {
    Decoded { groups: decoded.groups.iter().map(Group::reversed).collect() }
}

/// The rows on which two passes over the same alerts disagree.
fn differing(one: &Verdicts, other: &Verdicts) -> BTreeSet<u32> {
    fn all(verdicts: &Verdicts) -> BTreeMap<u32, (Option<FaultKind>, &[Annotation])> {
        let accepted = verdicts.accepted.iter().map(|alert| (alert.row, (None, &alert.annotations[..])));
        accepted.chain(verdicts.faults.iter().map(|fault| (fault.row, (Some(fault.kind), &[][..])))).collect()
    }
    let (one, other) = (all(one), all(other));
    one.keys().chain(other.keys()).filter(|row| one.get(row) != other.get(row)).copied().collect()
}
