//! Compares decoding packets into columns with apache-avro, serde_avro_fast and arrow-avro in the same run. Times are
//! for a batch of alerts; the table at the end has them per alert.
//!
//! The other decoders are given the alerts without the header of a container, and the parsed schema. arrow-avro is also
//! given whole containers. In either case, it is compared with our times for the same input.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apache_avro::from_avro_datum;
use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};
use criterion::{Criterion, Throughput};
use serde::Deserialize;
use serde_avro_fast::from_datum_slice;
use skysieve_avro::alert::{Field, Kind};
use skysieve_avro::{Decoder, Projection, Schemas};
use skysieve_bench::pruned::pruned;
use skysieve_bench::structs::{LsstCurrent, LsstHistory, ZtfCurrent, ZtfHistory};
use skysieve_bench::{Goal, Row, record, root, ztf_packets};
use skysieve_simulate::{self, Config, Simulator};

const BATCH: usize = 64;

/// The header of an LSST alert of version 11.1 in Confluent's wire format.
const LSST_HEADER: [u8; 5] = [0, 0, 0, 4, 77];

/// The bytes that a container begins with.
const MAGIC: &[u8] = b"Obj\x01";

/// arrow-avro, given whole containers.
const CONTAINERS: &str = "arrow-avro, containers";

/// Our decoder, given alerts without their framing.
const DATUM: &str = "skysieve, datum";
const LSST_CURRENT: [&str; 10] = [
    "diaSourceId",
    "diaSource.visit",
    "diaSource.midpointMjdTai",
    "diaSource.ra",
    "diaSource.dec",
    "diaSource.psfFlux",
    "diaSource.psfFluxErr",
    "diaSource.snr",
    "diaSource.reliability",
    "diaSource.band",
];
const LSST_HISTORY: [&str; 5] = [
    "prvDiaSources[].midpointMjdTai",
    "prvDiaSources[].psfFlux",
    "prvDiaSources[].psfFluxErr",
    "prvDiaSources[].band",
    "prvDiaForcedSources[].psfFlux",
];
const ZTF_CURRENT: [&str; 10] = [
    "candid",
    "candidate.jd",
    "candidate.fid",
    "candidate.ra",
    "candidate.dec",
    "candidate.magpsf",
    "candidate.sigmapsf",
    "candidate.rb",
    "candidate.ssnamenr",
    "candidate.isdiffpos",
];
const ZTF_HISTORY: [&str; 5] = [
    "prv_candidates[].jd",
    "prv_candidates[].fid",
    "prv_candidates[].magpsf",
    "prv_candidates[].sigmapsf",
    "prv_candidates[].isdiffpos",
];

fn main() -> anyhow::Result<()> {
    let mut bench = Bench { criterion: Criterion::default().configure_from_args(), times: BTreeMap::new() };
    let schema = std::fs::read_to_string(root().join("schema/lsst/lsst.v11_1.alert.avsc"))?;
    let packets = Simulator::new(skysieve_simulate::Survey::Lsst, Config::default())
        .visit(BATCH)
        .map(|alert| alert.bytes)
        .collect();
    let lsst = Survey::new(schema, packets)?;
    bench.compare::<LsstCurrent<'_>>("LSST current source", &lsst, &LSST_CURRENT)?;
    bench.compare::<LsstHistory<'_>>("LSST with history", &lsst, &[&LSST_CURRENT[..], &LSST_HISTORY].concat())?;
    if let Some(mut packets) = ztf_packets()? {
        // These are packets of a single schema.
        packets.truncate(BATCH);
        let schema = serde_json::to_string(apache_avro::Reader::new(&packets[0][..])?.writer_schema())?;
        let ztf = Survey::new(schema, packets)?;
        bench.compare::<ZtfCurrent<'_>>("ZTF current source", &ztf, &ZTF_CURRENT)?;
        bench.compare::<ZtfHistory<'_>>("ZTF with history", &ztf, &[&ZTF_CURRENT[..], &ZTF_HISTORY].concat())?;
    }
    bench.criterion.final_summary();
    record("1-decode", &bench.rows())
}

/// Alerts of one schema.
struct Survey {
    schema: String,
    /// The alerts as they were sent.
    messages: Vec<Vec<u8>>,
    /// In Confluent's wire format.
    framed: Vec<Vec<u8>>,
}

impl Survey {
    fn new(schema: String, messages: Vec<Vec<u8>>) -> anyhow::Result<Survey> {
        let schemas = Schemas::builtin();
        let wire = |message: &Vec<u8>| anyhow::Ok([&LSST_HEADER[..], &schemas.frame(message)?.datum[..]].concat());
        let framed = messages.iter().map(wire).collect::<anyhow::Result<_>>()?;
        Ok(Survey { schema, messages, framed })
    }

    fn data(&self) -> impl Iterator<Item = &[u8]> {
        self.framed.iter().map(|message| &message[LSST_HEADER.len()..])
    }
}

struct Bench {
    criterion: Criterion,
    /// The best time per alert, by case and decoder.
    times: BTreeMap<String, BTreeMap<&'static str, Duration>>,
}

impl Bench {
    /// Measures how each decoder reads `paths`, which are the fields of `T`.
    fn compare<'a, T: Deserialize<'a>>(
        &mut self,
        case: &str,
        survey: &'a Survey,
        paths: &[&str],
    ) -> anyhow::Result<()> {
        let schemas = Arc::new(Schemas::builtin());
        let mut projection = Projection::new();
        for path in paths {
            projection.add(&Field { paths: vec![(*path).to_owned()], kind: Kind::Any, optional: true })?;
        }
        let mut decoder = Decoder::new(Arc::clone(&schemas), projection);
        self.measure(case, "skysieve", survey, || {
            for (row, message) in survey.messages.iter().enumerate() {
                let alert = schemas.frame(message).expect("an alert");
                decoder.push(row as u32, &alert).expect("sound");
            }
            let decoded = black_box(decoder.finish());
            decoder.recycle(decoded);
        });

        // The other decoders are given only the alert without its framing; here ours is given the same.
        let alerts: Vec<_> = survey.messages.iter().map(|message| schemas.frame(message)).collect::<Result<_, _>>()?;
        self.measure(case, DATUM, survey, || {
            for (row, alert) in alerts.iter().enumerate() {
                decoder.push(row as u32, alert).expect("sound");
            }
            let decoded = black_box(decoder.finish());
            decoder.recycle(decoded);
        });

        let id = Fingerprint::Id(u32::from_be_bytes([0, 0, LSST_HEADER[3], LSST_HEADER[4]]));
        // arrow-avro does not find records again if their names have dots.
        let schema = survey.schema.replace("lsst.v11_1.", "");
        let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
        store.set(id, AvroSchema::new(schema.clone()))?;
        let mut arrow = ReaderBuilder::new()
            .with_batch_size(BATCH)
            .with_reader_schema(AvroSchema::new(pruned(&schema, paths)?))
            .with_writer_schema_store(store)
            .build_decoder()?;
        self.measure(case, "arrow-avro", survey, || {
            for message in &survey.framed {
                assert_eq!(arrow.decode(message).expect("sound"), message.len());
            }
            black_box(arrow.flush().expect("a batch"));
        });
        if survey.messages.iter().all(|message| message.starts_with(MAGIC)) {
            let reader = pruned(&schema, paths)?;
            self.measure(case, CONTAINERS, survey, || {
                for message in &survey.messages {
                    let builder = ReaderBuilder::new().with_reader_schema(AvroSchema::new(reader.clone()));
                    let mut batches = builder.build(&message[..]).expect("a container");
                    assert_eq!(batches.next().expect("a batch").expect("sound").num_rows(), 1);
                    assert!(black_box(batches.next()).is_none());
                }
            });
        }

        let schema: serde_avro_fast::Schema = survey.schema.parse()?;
        self.measure(case, "serde_avro_fast", survey, || {
            for datum in survey.data() {
                black_box(from_datum_slice::<T>(datum, &schema).expect("sound"));
            }
        });

        let schema = apache_avro::Schema::parse_str(&survey.schema)?;
        self.measure(case, "apache-avro", survey, || {
            for mut datum in survey.data() {
                black_box(from_avro_datum(&schema, &mut datum, None).expect("sound"));
            }
        });
        Ok(())
    }

    fn measure(&mut self, case: &str, decoder: &'static str, survey: &Survey, mut batch: impl FnMut()) {
        let alerts = survey.messages.len() as u32;
        let mut best = Duration::MAX;
        let mut group = self.criterion.benchmark_group(case);
        group.throughput(Throughput::Elements(u64::from(alerts)));
        group.bench_function(decoder, |bencher| {
            bencher.iter_custom(|iterations| {
                let start = Instant::now();
                (0..iterations).for_each(|_| batch());
                let time = start.elapsed();
                best = best.min(time.div_f64(iterations as f64) / alerts);
                time
            });
        });
        group.finish();
        self.times.entry(case.to_owned()).or_default().insert(decoder, best);
    }

    /// The best times per alert, and how many times as long the other decoders take.
    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (case, times) in &self.times {
            let Some(ours) = times.get("skysieve") else { continue };
            let (most, least) = goals(case);
            rows.push(Row::new(format!("{case}: an alert"), ours.as_secs_f64() * 1e6, "µs").goal(Goal::AtMost(most)));
            let peers = times.iter().filter(|(decoder, _)| !decoder.starts_with("skysieve"));
            for (peer, time) in peers {
                rows.push(Row::new(format!("{case}: {peer} takes, times as long"), ratio(time, ours), "×"));
            }
            // arrow-avro with the same input: the alerts without framing, or the containers.
            let same = [
                ("datum", times.get("arrow-avro"), times.get(DATUM)),
                ("container", times.get(CONTAINERS), Some(ours)),
            ];
            for (footing, peer, ours) in same {
                if let (Some(peer), Some(ours)) = (peer, ours) {
                    let what = format!("{case}: arrow-avro over ours, both given the {footing}");
                    rows.push(Row::new(what, ratio(peer, ours), "×").goal(Goal::AtLeast(least)));
                }
            }
        }
        rows
    }
}

fn ratio(time: &Duration, ours: &Duration) -> f64 {
    time.as_secs_f64() / ours.as_secs_f64()
}

/// The goals: how many microseconds an alert may take, and how many times as long arrow-avro must take.
fn goals(case: &str) -> (f64, f64) {
    match (case.contains("history"), case.contains("ZTF")) {
        (true, _) => (25.0, 2.0),
        (false, true) => (4.0, 20.0),
        (false, false) => (2.0, 20.0),
    }
}
