//! What a filter's fields take of the host's memory, and that it is given back when the filter goes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use crossbeam_channel::Sender;
use skysieve::filters::{Control, Upload};
use skysieve::heap;
use skysieve::pipeline::{Handle, MemorySink, MemorySource, Pipeline};
use skysieve_avro::Schemas;
use skysieve_sandbox::{Engine, PoolConfig};
use skysieve_simulate::{Config, Simulator, Survey};
use skysieve_tests::guest::{GuestField, reading};
use skysieve_tests::kafka::wait_for;
use skysieve_tests::pipeline::config;

const MIB: usize = 1 << 20;

/// The memory of this process that is in use, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn upload(fields: &[GuestField<'_>]) -> Upload {
    Upload { module: reading(fields), ..Upload::default() }
}

/// Sends packets, and waits until all that were sent so far have been published.
fn send(sender: &Sender<Bytes>, handle: &Handle, packets: &[Bytes]) {
    let sent = handle.health().messages + packets.len() as u64;
    packets.iter().for_each(|packet| sender.send(packet.clone()).unwrap());
    wait_for("the alerts to be published", || handle.health().done == sent);
}

#[test]
fn fields_take_memory_once_and_give_it_back() {
    heap::keep();
    let engine = Engine::new(&PoolConfig { filters: 12, ..PoolConfig::default() }).unwrap();
    let (mut pipeline, handle) = Pipeline::new(config(), engine, Arc::new(Schemas::builtin())).unwrap();
    let id = upload(&[("diaSourceId", "long", false)]);
    pipeline.add(vec![handle.prepare("id", id).unwrap()]).unwrap();
    let mut lsst = Simulator::new(Survey::Lsst, Config::default());
    let packets: Vec<Bytes> = lsst.visit(400).map(|alert| alert.bytes.into()).collect();
    let (source, sender) = MemorySource::new("alerts");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| pipeline.run(source, [MemorySink::default()], &stop).unwrap());
        send(&sender, &handle, &packets);
        let before = resident();

        // The cutout in 256 fields, each with an alternative of its own.
        let paths: Vec<String> =
            (0..256).map(|number| format!("cutoutDifference.v{number} cutoutDifference")).collect();
        let fields: Vec<GuestField<'_>> = paths.iter().map(|path| (path.as_str(), "bytes", true)).collect();
        handle.put("wide", upload(&fields)).unwrap();
        send(&sender, &handle, &packets);
        let counts = handle.get("wide").unwrap().counts;
        assert_eq!((counts.seen, counts.faulted), (400, 0));
        let during = resident().saturating_sub(before) / MIB;

        handle.delete("wide").unwrap();
        send(&sender, &handle, &packets);
        let after = resident().saturating_sub(before) / MIB;
        println!("{} MiB before, {during} MiB more with the filter, {after} MiB more without it", before / MIB);
        assert!(during < 300, "{during} MiB more with the filter");
        assert!(after < 60, "{after} MiB more without it");
        drop(sender);
    });
}
