//! Programs that do what filters can't: the alert is a fault with a reason, and the others are judged.

use skysieve_tests::runners;

use super::{faults, on_ztf, refusal};

/// Does something for some of the alerts, and accepts the others.
fn sometimes(what: &str) -> String {
    format!(
        "def filter(alert):\n    if int(alert['candidate']['magpsf'] * 1000) % 16 == 0:\n        {what}\n    return True\n"
    )
}

#[test]
fn a_program_that_misbehaves_harms_nobody() {
    let Some(runners) = runners() else { return };
    let cases = [
        ("while True: pass", "fuel"),
        ("sum(range(10 ** 12))", "fuel"),
        ("bytearray(10 ** 9)", "MemoryError"),
        ("'a' * 10 ** 9", "MemoryError"),
        ("f = lambda n: f(n + 1); f(0)", "fuel"),
        ("eval('(' * 5000)", "Error"),
        ("open('/etc/passwd')", "filters have no files"),
        ("import os; os.listdir('/')", "filters have no files"),
        ("import os; os.stat('/')", "filters have no files"),
        ("import os; os._exit(3)", "a filter ends by returning its verdict"),
        ("import os; os.abort()", "a filter ends by returning its verdict"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import time; time.time()", "filters have no clock"),
        ("import time; time.sleep(1)", "filters have no clock"),
        ("import datetime; datetime.datetime.now()", "filters have no clock"),
        ("import datetime; datetime.date.today()", "filters have no clock"),
        ("import uuid; uuid.uuid4()", "randomness"),
        ("import os; os.urandom(3)", "randomness"),
        ("import socket", "filters have no network"),
        ("import threading; threading.Thread(target=print).start()", "filters have no threads"),
        ("import _thread; _thread.start_new_thread(print, ())", "thread"),
        ("input()", "nobody answers"),
        ("alert['candidate'] = 3", "can't be changed"),
        ("dict(alert)", "name each field"),
        ("raise BaseException('no')", "BaseException: no"),
        ("import sys; sys.setrecursionlimit(10 ** 6)", "fixed size"),
    ];
    for (what, wanted) in cases {
        let report = on_ztf(&runners, &sometimes(what), &[]);
        let reasons = faults(&report);
        let accepted = report["accepted"].as_array().unwrap().len();
        assert!(reasons.iter().all(|reason| reason.contains(wanted)), "{what}: {reasons:?}");
        assert!((1..=8).contains(&report["faults"].as_array().unwrap().len()), "{what}: {report}");
        assert_eq!(accepted + report["faults"].as_array().unwrap().len(), 40, "{what}");
        assert_eq!(report["consistent"], true, "{what}");
    }
}

#[test]
fn a_program_that_misbehaves_at_once_is_refused() {
    let Some(runners) = runners() else { return };
    let large = "x = [1, 2, 3]\n".repeat(70_000);
    for (program, wanted) in [
        ("while True: pass\n", "fuel"),
        ("x = []\nwhile True: x.append(bytes(100000))\n", "MemoryError"),
        ("open('/etc/passwd')\n", "filters have no files"),
        ("import os\nos._exit(0)\n", "a filter ends by returning its verdict"),
        (&*large, ""),
    ] {
        let said = refusal(&runners, program, &[]);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn randomness_is_the_same_for_everybody() {
    let Some(runners) = runners() else { return };
    let program = "import random\nx = [random.random(), random.Random().randint(0, 9), random.choice('abc')]\n\
                   def filter(alert):\n    return {'x': repr(x) + repr(hash('abc'))}\n";
    let reports = [0, 1].map(|_| on_ztf(&runners, program, &[])["accepted_alerts"].clone());
    assert_eq!(reports[0], reports[1]);
}
