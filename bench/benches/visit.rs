//! The most important figures: a visit of real alerts through a hundred filters, and the time from an upload to its
//! first verdict.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use skysieve::commands::demo::modules;
use skysieve::filters::{Ceilings, Control};
use skysieve::pipeline::{
    BatchLimits, Config, FaultLimits, Identities, Judge, MemorySink, MemorySource, Pipeline, Topics, host_projection,
};
use skysieve_avro::{Decoder, Schemas};
use skysieve_bench::{Goal, Row, record, root, thread_cpu, ztf_packets};
use skysieve_sandbox::{Budget, Engine, Filter, Limits, PoolConfig, spawn};
use skysieve_simulate::{self, Simulator, Survey};
use skysieve_survey::Surveys;

const ALERTS: usize = 10_000;
const FILTERS: usize = 100;
const RUNS: usize = 5;

fn main() -> anyhow::Result<()> {
    // This thread has enough room for filters' stacks.
    spawn("bench", run)?.join().expect("the benchmark ends")
}

fn run() -> anyhow::Result<()> {
    let mut rows = Vec::new();
    if let Some(packets) = ztf_packets()? {
        let what = format!("{ALERTS} real ZTF packets × {FILTERS} filters, bytes to verdicts, CPU");
        rows.push(Row::new(what, visit(&packets, true)?, "s").goal(Goal::AtMost(0.5)));
    }
    let mut lsst = Simulator::new(Survey::Lsst, skysieve_simulate::Config::default());
    let packets: Vec<Vec<u8>> = lsst.visit(538).map(|alert| alert.bytes).collect();
    let what = format!("{ALERTS} simulated LSST packets × {FILTERS} filters, bytes to verdicts, CPU");
    rows.push(Row::new(what, visit(&packets, false)?, "s"));
    rows.push(Row::new("PUT of an example to its first verdict", upload(&packets)?, "s").goal(Goal::AtMost(2.0)));
    record("4-visit", &rows)
}

/// Seconds of CPU for a visit, as the median of some runs.
fn visit(packets: &[Vec<u8>], ztf: bool) -> anyhow::Result<f64> {
    let engine = Engine::new(&PoolConfig { filters: FILTERS as u32 + 8, ..PoolConfig::default() })?;
    let schemas = Arc::new(Schemas::builtin());
    let (mut projection, slots) = host_projection(&Surveys::default());
    let limits = Limits::default();
    let mut judges = Vec::new();
    for (_, upload) in modules::choose(&root().join("target/filters"), ztf, FILTERS)? {
        let module = engine.load(&upload.module, &limits)?;
        judges.push(Judge::new(Filter::start(&module, &upload.settings.config, &limits)?, &mut projection)?);
    }
    let mut decoder = Decoder::new(schemas.clone(), projection);
    let mut seconds = Vec::new();
    for _ in 0..=RUNS {
        let before = thread_cpu()?;
        let mut seen = 0;
        for first in (0..ALERTS).step_by(256) {
            let rows = 256.min(ALERTS - first);
            for row in 0..rows {
                let alert = schemas.frame(&packets[(first + row) % packets.len()])?;
                decoder.push(row as u32, &alert)?;
            }
            let decoded = decoder.finish();
            std::hint::black_box(Identities::of(&decoded, rows, slots));
            seen += judges.iter_mut().map(|judge| judge.judge(&decoded).seen).sum::<u64>();
            decoder.recycle(decoded);
        }
        anyhow::ensure!(seen == (ALERTS * FILTERS) as u64, "{seen} verdicts");
        seconds.push((thread_cpu()? - before) as f64 * 1e-9);
    }
    // The first run warms up.
    let mut counted = seconds.split_off(1);
    counted.sort_by(f64::total_cmp);
    Ok(counted[RUNS / 2])
}

/// Seconds from an upload to its first verdict, including compilation, while alerts flow.
fn upload(packets: &[Vec<u8>]) -> anyhow::Result<f64> {
    let config = Config {
        shards: 1,
        batch: BatchLimits::default(),
        quota: 20,
        limits: Limits::default(),
        ceilings: Ceilings::over(&Limits::default()),
        memory: Budget::default(),
        max_filters: 8,
        faults: FaultLimits::default(),
        wait_for_schemas: false,
        surveys: Surveys::default(),
        topics: Topics { inputs: vec![], output_prefix: String::new(), dead_letters: "dead".into(), quotas: None },
        open_topic: None,
        alert_topics: None,
        trial_pass_rate: 0.2,
        max_shadows: 0,
        dry_run: false,
    };
    let engine = Engine::new(&PoolConfig { filters: 8, ..PoolConfig::default() })?;
    let (pipeline, handle) = Pipeline::new(config, engine, Arc::new(Schemas::builtin()))?;
    let (source, sender) = MemorySource::new("alerts");
    let (_, upload) = modules::choose(&root().join("target/filters"), false, 1)?.remove(0);
    std::thread::scope(|scope| {
        let host = scope.spawn(move || pipeline.run(source, [MemorySink::default()], &AtomicBool::new(false)));
        let started = Instant::now();
        handle.put("uploaded", upload)?;
        for packet in packets.iter().cycle() {
            if handle.get("uploaded")?.counts.seen > 0 {
                break;
            }
            sender.send(packet.clone().into())?;
            std::thread::yield_now();
        }
        let seconds = started.elapsed().as_secs_f64();
        drop(sender);
        host.join().expect("the host ends")?;
        Ok(seconds)
    })
}
