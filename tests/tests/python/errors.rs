//! What authors are told.

use skysieve_tests::runners;

use super::{faults, on_ztf, refusal};

#[test]
fn errors_have_the_authors_file_line_and_text() {
    let Some(runners) = runners() else { return };
    let program = "def filter(alert):\n    return ratio(alert['candidate'])\n\n\
                   def ratio(now):\n    return now['magpsf'] / 0 > 1\n";
    let report = on_ztf(&runners, program, &[]);
    let reasons = faults(&report);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].starts_with("mine.py, line 5: ZeroDivisionError"), "{}", reasons[0]);
    assert!(reasons[0].contains("return now['magpsf'] / 0 > 1"), "{}", reasons[0]);
    assert!(reasons[0].contains("line 2, in filter"), "{}", reasons[0]);
    assert!(!reasons[0].contains("skysieve_runner"), "{}", reasons[0]);
}

#[test]
fn programs_that_are_no_filters_are_refused_with_a_remedy() {
    let Some(runners) = runners() else { return };
    let cases = [
        ("def filter(alert):\n    return alert[\n", "mine.py, line 2: SyntaxError"),
        ("x = 1\n", "def filter(alert):"),
        ("1 / 0\n", "mine.py, line 1: ZeroDivisionError"),
        ("import numpy as np\n", "use the built-in functions, math and statistics"),
        ("import pandas\n", "a history is a list of records"),
        ("from astropy.time import Time\n", "Julian dates"),
        ("import requests\n", "no network"),
        ("def filter():\n    return True\n", "takes no alert"),
        (
            "from skysieve import filter\n@filter(mag='candidate.magpsf')\ndef f(m):\n    return True\n",
            "no parameter mag",
        ),
        ("from skysieve import filter\n@filter(m='candidate..magpsf')\ndef f(m):\n    return True\n", "is not a path"),
    ];
    for (program, wanted) in cases {
        let said = refusal(&runners, program, &[]);
        assert!(said.contains(wanted), "{program}: {said}");
    }
    let said = refusal(&runners, "def filter(alert):\n    return alert['candidate']['magpfs'] < 17\n", &["--strict"]);
    assert!(said.contains("--strict"), "{said}");
}

#[test]
fn parameters_are_checked() {
    let Some(runners) = runners() else { return };
    let program = "def filter(alert, rise: float = 0.3, band: str = 'r', ids: list = [], n: int = 1):\n    \
                   print(rise, band, ids, n)\n    return False\n";
    let set = ["--set", "rise=2", "--set", "band=g", "--set", "ids=[1, 2]"];
    let report = on_ztf(&runners, program, &set);
    assert_eq!(report["logs"][0]["message"], "2.0 g [1, 2] 1");
    for (set, wanted) in [
        ("ries=1", "there is no parameter ries; did you mean rise?"),
        ("rise=bright", "parameter rise: \"bright\" is not a number"),
        ("n=1.5", "parameter n: \"1.5\" is not an integer"),
    ] {
        let said = refusal(&runners, program, &["--set", set]);
        assert!(said.contains(wanted), "{said}");
    }
    let said = refusal(&runners, "def filter(alert, rise):\n    return False\n", &[]);
    assert!(said.contains("rise has no default"), "{said}");
}

#[test]
fn a_field_that_cannot_be_seen_is_told_with_its_remedy() {
    let Some(runners) = runners() else { return };
    let program = "def filter(alert):\n    key = 'mag' + 'psf'\n    return alert['candidate'][key] < 30\n";
    let report = on_ztf(&runners, program, &[]);
    let reasons = faults(&report);
    assert!(reasons[0].contains("line 3") && reasons[0].contains("FIELDS = [\"candidate.magpsf\"]"), "{reasons:?}");
    let report = on_ztf(&runners, &format!("FIELDS = ['candidate.magpsf']\n{program}"), &[]);
    assert_eq!(report["accepted"].as_array().unwrap().len(), 40);
}

#[test]
fn verdicts_and_annotations_are_as_documented() {
    let Some(runners) = runners() else { return };
    for (verdict, accepted) in [("None", 0), ("False", 0), ("True", 40), ("alert", 40), ("{}", 40)] {
        let report = on_ztf(&runners, &format!("def filter(alert):\n    return {verdict}\n"), &[]);
        assert_eq!(report["accepted"].as_array().unwrap().len(), accepted, "{verdict}");
    }
    let report = on_ztf(&runners, "def filter(alert):\n    return {'a': 1.5, 'b': 'x', 'c': True}\n", &[]);
    let annotations = report["accepted_alerts"][0]["annotations"].to_string();
    assert_eq!(annotations, r#"[{"name":"a","value":"1.5"},{"name":"b","value":"x"},{"name":"c","value":"True"}]"#);
    for wrong in ["1", "'yes'", "[]", "{1: 2}", "alert['candidate']"] {
        let program = format!("def filter(alert):\n    alert['candidate']['magpsf']\n    return {wrong}\n");
        let report = on_ztf(&runners, &program, &[]);
        assert!(faults(&report)[0].contains("filter returned"), "{wrong}");
    }
}
