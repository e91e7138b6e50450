//! Uploads that attack a host: what is no module, what takes too long to compile, and what never ends. Each of them is
//! answered with its reason, and the host goes on.
//!
//! `SKYSIEVE_TEST_MUTANTS=3000` changes good modules in as many ways (30 otherwise).

#[path = "hostile/client.rs"]
mod client;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::{Reply, Target};
use skysieve_tests::kafka::wait_for;
use skysieve_tests::{bombs, module};

/// The time for an answer. A module has 30 s to be compiled; the rest is for a machine that does other things as well.
const ANSWERED: Duration = Duration::from_secs(50);

/// Uploads a module, which must be answered in time, and which must not stop the host.
#[track_caller]
fn put(target: &Target, name: &str, module: &[u8]) -> Reply {
    let begun = Instant::now();
    let reply = target.put(name, module);
    let took = begun.elapsed();
    eprintln!("{name}: {} bytes, {took:.1?}, {} {}", module.len(), reply.status, reply.message());
    assert!(took < ANSWERED, "{name}: {took:?}");
    reply
}

#[test]
fn bombs_are_refused_with_their_reasons() {
    let target = Target::start(&["good", "inflated"]);
    assert_eq!(put(&target, "good", &std::fs::read(module("lsst-bright")).unwrap()).status, 201);
    let before = target.memory();
    for (name, module, reason) in bombs::bombs() {
        let reply = put(&target, name, &module);
        assert_eq!(reply.status, 422, "{name}: {reply:?}");
        assert!(reply.message().contains(reason), "{name}: {}", reply.message());
        assert!(target.is_alive(), "{name}");
    }
    // A custom section is nothing that is compiled.
    let inflated = put(&target, "inflated", &bombs::inflated());
    assert_eq!(inflated.status, 201, "{inflated:?}");
    // What is left is what the allocator keeps: as much as the largest upload, which is refused or compiled elsewhere.
    let after = target.memory();
    assert!(after < before + (200 << 20), "memory went from {before} to {after} bytes");
    // The next one has its turn.
    let good = bombs::with_custom_section(&std::fs::read(module("lsst-bright")).unwrap(), 100);
    assert!(put(&target, "good", &good).status < 300);
}

#[test]
fn what_a_child_process_may_use_is_limited() {
    // On a busy machine, the bomb would not have all of its memory after the 30 s that are usual.
    let patient = Target::start_with(&["memory"], &["--compile-time", "600"]);
    let memory = patient.put("memory", &bombs::memory_bomb());
    assert_eq!(memory.status, 422);
    assert!(memory.message().contains("takes more than 1024 MiB of memory"), "{}", memory.message());
    assert!(patient.is_alive());
    drop(patient);
    let target = Target::start_with(&["good"], &["--compile-time", "30"]);
    let before = target.memory();
    let time = put(&target, "time", &bombs::time_bomb());
    assert_eq!(time.status, 422);
    // By the clock, or CPU time of all threads.
    let said = time.message();
    assert!(said.contains("takes more than 30 s") || said.contains(" s of CPU time, the most"), "{said}");
    let after = target.memory();
    assert!(after < before + (200 << 20), "memory went from {before} to {after} bytes");
    assert!(put(&target, "good", &std::fs::read(module("lsst-bright")).unwrap()).status < 300);
}

#[test]
fn mutants_are_refused_or_run() {
    let count = std::env::var("SKYSIEVE_TEST_MUTANTS").map_or(30, |count| count.parse().unwrap());
    let target = Target::start(&["mutant"]);
    let good = std::fs::read(module("lsst-bright")).unwrap();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for (number, mutant) in bombs::mutants(&good, count).enumerate() {
        let begun = Instant::now();
        let reply = target.put("mutant", &mutant);
        assert!(matches!(reply.status, 200 | 201 | 422), "mutant {number}: {reply:?}");
        assert!(begun.elapsed() < ANSWERED, "mutant {number}: {:?}", begun.elapsed());
        *statuses.entry(reply.status).or_default() += 1;
    }
    eprintln!("mutants by status: {statuses:?}");
    assert!(target.is_alive());
    assert!(target.put("mutant", &good).status < 300);
}

#[test]
fn a_hundred_uploads_at_once() {
    let names: Vec<String> = (0..100).map(|number| format!("at-once-{number}")).collect();
    let target = Target::start(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let good = std::fs::read(module("lsst-bright")).unwrap();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let upload = |(number, name): (usize, &String)| {
            let module = bombs::with_custom_section(&good, number);
            let (target, name) = (&target, name.clone());
            scope.spawn(move || put(target, &name, &module).status)
        };
        let threads: Vec<_> = names.iter().enumerate().map(upload).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Some are told to come again, the others run.
    assert!(statuses.iter().all(|status| matches!(status, 201 | 429)), "{statuses:?}");
    assert!(statuses.contains(&201), "{statuses:?}");
    assert!(target.is_alive());
}

#[test]
fn bodies_that_do_not_end() {
    let target = Target::start(&["good"]);
    let begin = |length: u64| {
        let mut stream = TcpStream::connect(target.address()).unwrap();
        let head = format!("PUT /api/v1/filters/slow HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n\0asm");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let mut silent = begin(1000);
    // Whoever only begins does not keep others from uploading.
    assert_eq!(put(&target, "good", &std::fs::read(module("lsst-bright")).unwrap()).status, 201);
    let begun = Instant::now();
    let mut answer = String::new();
    silent.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("no data arrived for 30 s"), "{answer}");
    assert!(begun.elapsed() < ANSWERED);
    // More than any module has is refused before it is sent.
    let mut endless = begin(1 << 40);
    let mut first = [0; 12];
    endless.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    assert!(target.is_alive());
}

#[test]
fn a_body_without_a_length_ends_at_the_limit() {
    let target = Target::start(&["good"]);
    let mut stream = TcpStream::connect(target.address()).unwrap();
    let head = "PUT /api/v1/filters/endless HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n\0asm\x0d\0\x01\0\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    std::thread::scope(|scope| {
        let mut sender = stream.try_clone().unwrap();
        scope.spawn(move || {
            let chunk = [&b"10000\r\n"[..], &[0; 1 << 16], b"\r\n"].concat();
            // Sending fails when the host has closed the connection.
            while sender.write_all(&chunk).is_ok() {}
        });
        stream.read_exact(&mut answer).unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert!(target.is_alive());
}

/// Sixty filters, each of which asks for 64 MiB and fills them before it is called.
#[test]
fn memory_has_a_budget() {
    let names: Vec<String> = (0..60).map(|number| format!("hoard-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let target = Target::start_with(&names, &["--memory-budget", "512"]);
    let before = target.memory();
    let hoarder = bombs::hoarder();
    let mut accepted = Vec::new();
    for name in names {
        let reply = target.put(&format!("{name}?memory={}", 64 << 20), &hoarder);
        match reply.status {
            201 => accepted.push(name),
            _ => assert!(reply.status == 507 && reply.message().contains("--memory-budget"), "{name}: {reply:?}"),
        }
    }
    let during = target.memory();
    accepted.iter().for_each(|name| target.delete(name));
    let after = target.memory();
    let [before, during, after] = [before, during, after].map(|bytes| bytes >> 20);
    eprintln!("{} filters; {before} MiB before, {during} MiB with them, {after} MiB without them", accepted.len());
    assert!((4..=8).contains(&accepted.len()), "{accepted:?} have 512 MiB");
    assert!(during < before + 512 + 200 && after < before + 200, "{before}, {during}, {after} MiB");
    assert!(put(&target, "hoard-0", &std::fs::read(module("lsst-bright")).unwrap()).status < 300);
}

/// The host keeps them, so that they can be moved to another one.
#[test]
fn uploaded_modules_count_towards_the_budget() {
    let names = ["one", "two", "three", "four"];
    let target = Target::start_with(&names, &["--memory-budget", "64"]);
    let good = std::fs::read(module("lsst-bright")).unwrap();
    let put = |name: &str, value| target.put(name, &bombs::with_large_section(&good, value, 20 << 20));
    for (name, value) in names[..3].iter().zip(1..) {
        assert_eq!(put(name, value).status, 201, "{name}");
    }
    let reply = put("four", 4);
    assert!(reply.status == 507 && reply.message().contains("--memory-budget"), "{reply:?}");
    // A module that is kept already takes nothing more.
    assert_eq!(put("four", 3).status, 201);
    target.delete("one");
    wait_for("room for another", || put("one", 5).status == 201);
}

#[test]
fn compiled_filters_are_kept_where_nobody_else_can_write() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().to_str().unwrap();
    let good = std::fs::read(module("lsst-bright")).unwrap();
    let kept = || {
        let files = folder.path().join("compiled").read_dir().unwrap();
        files.map(|file| file.unwrap().path()).collect::<Vec<_>>()
    };
    let first = Target::start_with(&["good"], &["--cache", cache]);
    assert_eq!(first.put("good", &good).status, 201);
    drop(first);
    let [file] = &kept()[..] else { panic!("{:?}", kept()) };
    let inode = |path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let written = inode(file);
    let second = Target::start_with(&["good"], &["--cache", cache]);
    assert_eq!(second.put("good", &good).status, 201);
    drop(second);
    // It was found: otherwise another file would have taken its place.
    assert_eq!((kept().len(), inode(file)), (1, written));
    let mut damaged = std::fs::read(file).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(file, damaged).unwrap();
    let third = Target::start_with(&["good"], &["--cache", cache]);
    assert_eq!(third.put("good", &good).status, 201);
    drop(third);
    assert_ne!(inode(file), written);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path().join("compiled"), mode).unwrap();
    let arguments = ["host", "--brokers", "127.0.0.1:1", "--topic", "alerts", "--cache", cache];
    let output = skysieve_tests::skysieve(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("has mode 777; after chmod 700, empty it"), "{said}");
}
