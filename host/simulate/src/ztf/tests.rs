//! Alerts as a reader gets them, decoded by apache-avro.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::LazyLock;

use apache_avro::types::Value;
use apache_avro::{Reader, Schema, from_avro_datum};
use flate2::read::GzDecoder;

use super::super::decoded::{at, double, is_null, list, long, text};
use super::super::object::Population;
use super::super::{Config, Framing, SimulatedAlert, Simulator, Survey};
use super::SCHEMA;
use skysieve_survey::Visit;

static PARSED: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(SCHEMA).unwrap());

fn ztf(config: Config) -> Simulator {
    Simulator::new(Survey::Ztf, config)
}

/// A survey that begins with the given visit, without cutouts.
fn survey(skip: u32) -> Simulator {
    ztf(Config { seed: 7, skip, stamps: false, ..Config::default() })
}

/// Decodes an alert. It must decode to its last byte.
fn decode(alert: &SimulatedAlert) -> Value {
    let mut datum = alert.datum();
    let value = from_avro_datum(&PARSED, &mut datum, None).unwrap();
    assert!(datum.is_empty(), "{} bytes are left", datum.len());
    value
}

#[test]
fn a_visit_has_every_population_and_no_id_twice() {
    let mut ztf = survey(0);
    let (mut ids, mut populations, mut visits) = (HashSet::new(), HashMap::new(), HashSet::new());
    for _ in 0..2 {
        for alert in ztf.visit(1000) {
            let value = decode(&alert);
            assert_eq!((long(&value, "candid"), long(&value, "candidate.candid")), (alert.id, alert.id));
            assert_eq!(alert.visit, Visit::Time(double(&value, "candidate.jd").to_bits()));
            assert!(ids.insert(alert.id), "{} comes twice", alert.id);
            visits.insert(alert.visit);
            *populations.entry(alert.population).or_insert(0) += 1;
        }
    }
    assert_eq!((populations.len(), visits.len()), (5, 2));
    assert!(populations.values().all(|&count| count > 60), "{populations:?}");
}

#[test]
fn the_same_seed_makes_the_same_alerts_in_any_order() {
    let visit = |seed| ztf(Config { seed, ..Config::default() }).visit(20);
    let alerts: Vec<SimulatedAlert> = visit(1).collect();
    let shared = visit(1);
    for (index, alert) in alerts.iter().enumerate().rev() {
        assert_eq!(&shared.alert(index), alert);
    }
    assert!(visit(2).zip(&alerts).all(|(other, alert)| other.bytes != alert.bytes));
}

#[test]
fn packets_are_containers_unless_asked_otherwise() {
    let first = |framing| ztf(Config { framing, ..Config::default() }).visit(1).alert(0);
    let [container, confluent, bare] = [None, Some(Framing::Confluent), Some(Framing::Bare)].map(first);
    let mut reader = Reader::new(&container.bytes[..]).unwrap();
    assert_eq!(reader.writer_schema(), &*PARSED);
    assert_eq!(reader.next().unwrap().unwrap(), decode(&container));
    assert!(reader.next().is_none());
    assert_eq!(bare.bytes, container.datum());
    assert_eq!(confluent.bytes, [&[0, 0, 0, 1, 146], container.datum()].concat());
    assert!((50_000..90_000).contains(&container.bytes.len()), "{}", container.bytes.len());
}

#[test]
fn a_history_is_a_month_of_detections_and_limits() {
    let (mut detections, mut limits) = (0, 0);
    for alert in survey(5).visit(300) {
        let value = decode(&alert);
        let now = double(&value, "candidate.jd");
        let (previous, forced) = (list(&value, "prv_candidates"), list(&value, "fp_hists"));
        let times = |history: &[Value]| history.iter().map(|then| double(then, "jd")).collect::<Vec<f64>>();
        let (times, mut newest_first) = (times(previous), times(forced));
        newest_first.reverse();
        assert_eq!(times, newest_first);
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]) && times.last().is_none_or(|last| *last < now));
        assert!((15..=22).contains(&times.len()) && times[0] > now - 30.0, "{times:?}");
        for (then, forced) in previous.iter().zip(forced.iter().rev()) {
            assert_eq!((long(then, "pid"), long(then, "fid")), (long(forced, "pid"), long(forced, "fid")));
            let snr = double(forced, "forcediffimflux") / double(forced, "forcediffimfluxunc");
            if is_null(then, "candid") {
                assert!(is_null(then, "magpsf") && is_null(then, "isdiffpos") && snr.abs() < 5.001);
                assert!((19.0..21.5).contains(&double(then, "diffmaglim")));
                limits += 1;
            } else {
                let flux = 10f64.powf(0.4 * (double(then, "magzpsci") - double(then, "magpsf")));
                let sign = if text(then, "isdiffpos") == "t" { 1.0 } else { -1.0 };
                assert!((double(forced, "forcediffimflux") / (sign * flux) - 1.0).abs() < 1e-4);
                assert_eq!(long(then, "candid") / 1_000_000, long(then, "pid"));
                detections += 1;
            }
        }
        let found = previous.iter().filter(|then| !is_null(then, "candid")).count() as i64;
        assert!(long(&value, "candidate.ndethist") > found);
        if matches!(alert.population, Population::Asteroid | Population::Artefact) {
            assert_eq!((found, long(&value, "candidate.ndethist")), (0, 1));
        }
    }
    assert!(detections > 500 && limits > 500, "{detections} {limits}");
}

#[test]
fn a_later_visit_remembers_an_earlier_one() {
    let earlier: HashMap<i64, (String, f64)> = survey(0)
        .visit(300)
        .map(|alert| decode(&alert))
        .map(|value| {
            (long(&value, "candid"), (text(&value, "objectId").to_owned(), double(&value, "candidate.magpsf")))
        })
        .collect();
    let mut again = 0;
    for value in survey(18).visit(300).map(|alert| decode(&alert)) {
        let Some(last) = list(&value, "prv_candidates").last().filter(|last| !is_null(last, "candid")) else {
            continue;
        };
        if let Some((name, magnitude)) = earlier.get(&long(last, "candid")) {
            assert_eq!((text(&value, "objectId"), double(last, "magpsf")), (name.as_str(), *magnitude));
            again += 1;
        }
    }
    assert!(again > 50, "only {again} objects come again");
}

#[test]
fn what_is_near_tells_what_it_is() {
    for alert in survey(5).visit(500) {
        let value = decode(&alert);
        let candidate = at(&value, "candidate");
        let (distance, star) = (double(candidate, "distpsnr1"), double(candidate, "sgscore1"));
        match alert.population {
            Population::VariableStar => assert!(distance < 1.0 && star > 0.8),
            Population::ActiveGalaxy | Population::Supernova => assert!(distance < 3.0 && star < 0.7),
            Population::Asteroid => {
                assert!(double(candidate, "ssdistnr") < 5.0 && text(candidate, "ssnamenr") != "null")
            }
            Population::Artefact => assert!(double(candidate, "rb") < 0.5),
        }
        if alert.population != Population::Asteroid {
            assert_eq!((text(candidate, "ssnamenr"), double(candidate, "ssdistnr")), ("null", -999.0));
        }
        assert!(double(candidate, "distpsnr2") >= distance && double(candidate, "scorr") > 4.99);
        assert!((0.0..3080.0).contains(&double(candidate, "xpos")) && (0..64).contains(&long(candidate, "rcid")));
    }
}

/// The pixels of a gzipped image.
fn pixels(value: &Value, cutout: &str) -> Vec<f64> {
    let Value::Bytes(file) = at(value, &format!("{cutout}.stampData")) else { panic!("no {cutout}") };
    let mut plain = Vec::new();
    GzDecoder::new(&file[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(plain.len(), 7 * 2880);
    assert!(plain.starts_with(b"SIMPLE  =                    T"));
    let number = |bytes: &[u8]| f32::from_be_bytes(bytes.try_into().unwrap()).into();
    plain[2880..].chunks(4).take(63 * 63).map(number).collect()
}

#[test]
fn cutouts_show_the_source() {
    for alert in ztf(Config::default()).visit(60) {
        let value = decode(&alert);
        let [science, template, difference] =
            ["cutoutScience", "cutoutTemplate", "cutoutDifference"].map(|name| pixels(&value, name));
        let sky = science[0] - template[0] - difference[0];
        for pixel in 0..63 * 63 {
            let expected = science[pixel] - template[pixel] - sky;
            assert!((difference[pixel] - expected).abs() < 1e-4 * science[pixel].abs().max(100.0));
        }
        if alert.population == Population::Artefact || double(&value, "candidate.scorr") < 15.0 {
            continue;
        }
        let brightest = (0..63 * 63).max_by(|&a, &b| difference[a].abs().total_cmp(&difference[b].abs())).unwrap();
        assert!((30..=32).contains(&(brightest / 63)) && (30..=32).contains(&(brightest % 63)), "{alert:?}");
        let middle = |at: usize| (26..=36).contains(&(at / 63)) && (26..=36).contains(&(at % 63));
        let flux: f64 = (0..63 * 63).filter(|&at| middle(at)).map(|at| difference[at]).sum();
        let expected = 10f64.powf(0.4 * (double(&value, "candidate.magzpsci") - double(&value, "candidate.magpsf")));
        let error = 6.0 * 4.0 * expected / double(&value, "candidate.scorr");
        assert!((flux.abs() - expected).abs() < error, "{flux} {expected} {error}");
        assert_eq!(flux > 0.0, text(&value, "candidate.isdiffpos") == "t");
    }
}

#[test]
fn what_is_not_asked_for_is_null() {
    let value = decode(&ztf(Config { history: false, stamps: false, ..Config::default() }).visit(1).alert(0));
    for path in ["prv_candidates", "fp_hists", "cutoutDifference", "cutoutScience", "cutoutTemplate"] {
        assert!(is_null(&value, path), "{path} is there");
    }
}
