//! How fast the alerts of a visit are simulated: on one core, with packets of about 80 KB (LSST) and 65 KB (ZTF).

use criterion::{Criterion, Throughput};
use skysieve_simulate::{Config, Simulator, Survey};

const ALERTS: usize = 1000;

fn surveys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(20).throughput(Throughput::Elements(ALERTS as u64));
    for (name, survey) in [("lsst", Survey::Lsst), ("ztf", Survey::Ztf)] {
        for (with, stamps) in [("", true), (" without stamps", false)] {
            let visit = Simulator::new(survey, Config { stamps, ..Config::default() }).visit(ALERTS);
            group.bench_function(format!("{name}{with}"), |bencher| {
                bencher.iter(|| visit.clone().map(|alert| alert.bytes.len()).sum::<usize>())
            });
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    surveys(&mut criterion);
    criterion.final_summary();
}
