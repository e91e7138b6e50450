//! How fast a visit's alerts are made: one core, packets of about 80 KB.

use criterion::{Criterion, Throughput};
use skysieve::simulate::{Config, Simulator, Survey};

const ALERTS: usize = 1000;

fn lsst(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(20).throughput(Throughput::Elements(ALERTS as u64));
    for (name, stamps) in [("lsst", true), ("lsst without stamps", false)] {
        let visit = Simulator::new(Survey::Lsst, Config { stamps, ..Config::default() }).visit(ALERTS);
        group.bench_function(name, |bencher| {
            bencher.iter(|| visit.clone().map(|alert| alert.bytes.len()).sum::<usize>())
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    lsst(&mut criterion);
    criterion.final_summary();
}
