//! Alerts as a reader gets them, decoded by apache-avro.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use apache_avro::types::Value;
use apache_avro::{Schema, from_avro_datum};

use super::super::decoded::{at, double, flag, is_null, list, long, text};
use super::super::object::{Object, Population};
use super::super::sky::{dot, unit};
use super::super::{Config, Framing, SimulatedAlert, Simulator, Survey};
use skysieve_survey::Visit;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let avsc = include_str!("../../../../schema/lsst/lsst.v11_1.alert.avsc");
    Schema::parse_str(avsc).unwrap()
});

/// Decodes a packet. It must be framed, and decode to its last byte.
fn decode(alert: &SimulatedAlert) -> Value {
    let (head, mut datum) = alert.bytes.split_at(5);
    assert_eq!(head, [0, 0, 0, 0x04, 0x4d]);
    let value = from_avro_datum(&SCHEMA, &mut datum, None).unwrap();
    assert!(datum.is_empty(), "{} bytes are left", datum.len());
    value
}

fn lsst(config: Config) -> Simulator {
    Simulator::new(Survey::Lsst, config)
}

/// A survey that begins with the given visit, without cutouts.
fn survey(skip: u32) -> Simulator {
    lsst(Config { seed: 7, skip, stamps: false, ..Config::default() })
}

/// The decoded alerts of one population in a visit.
fn visit_of(population: Population) -> Vec<Value> {
    survey(5).visit(500).filter(|alert| alert.population == population).map(|alert| decode(&alert)).collect()
}

#[test]
fn a_visit_has_every_population_and_no_id_twice() {
    let mut lsst = survey(0);
    let (mut ids, mut populations) = (HashSet::new(), HashMap::new());
    for number in [2026050900001, 2026050900002] {
        for alert in lsst.visit(1000) {
            let value = decode(&alert);
            assert_eq!((alert.visit, long(&value, "diaSource.visit")), (Visit::Number(number), number));
            assert_eq!((long(&value, "diaSourceId"), long(&value, "diaSource.diaSourceId")), (alert.id, alert.id));
            assert!(ids.insert(alert.id), "{} comes twice", alert.id);
            *populations.entry(alert.population).or_insert(0) += 1;
        }
    }
    assert_eq!(populations.len(), 5);
    assert!(populations.values().all(|&count| count > 60), "{populations:?}");
}

#[test]
fn the_same_seed_makes_the_same_alerts_in_any_order() {
    let visit = |seed| lsst(Config { seed, ..Config::default() }).visit(20);
    let alerts: Vec<SimulatedAlert> = visit(1).collect();
    assert_eq!(alerts.len(), 20);
    let shared = visit(1);
    std::thread::scope(|scope| {
        for (index, alert) in alerts.iter().enumerate().rev() {
            let shared = &shared;
            scope.spawn(move || assert_eq!(&shared.alert(index), alert));
        }
    });
    assert!(visit(2).zip(&alerts).all(|(other, alert)| other.bytes != alert.bytes));
}

#[test]
fn packets_can_be_containers() {
    let first = |framing| lsst(Config { framing, ..Config::default() }).visit(1).alert(0);
    let (container, wire) = (first(Some(Framing::Container)), first(None));
    let mut reader = apache_avro::Reader::new(&container.bytes[..]).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), decode(&wire));
    assert!(reader.next().is_none());
    assert_eq!(container.datum(), &wire.bytes[5..]);
}

#[test]
fn packets_are_as_large_as_asked_for() {
    let sizes = |history, stamps| {
        let sizes = lsst(Config { history, stamps, ..Config::default() }).visit(300);
        let sizes: Vec<usize> = sizes.map(|alert| alert.bytes.len()).collect();
        [sizes.iter().min().copied().unwrap(), sizes.iter().sum::<usize>() / 300, sizes.iter().max().copied().unwrap()]
    };
    let [least, mean, most] = sizes(true, true);
    assert!(least > 53_000 && (75_000..90_000).contains(&mean) && most < 105_000, "{least} {mean} {most}");
    let [least, mean, most] = sizes(true, false);
    assert!(least > 400 && (8_000..20_000).contains(&mean) && most < 36_000, "{least} {mean} {most}");
    let [_, _, most] = sizes(false, false);
    assert!(most < 1_500, "{most}");
}

#[test]
fn a_history_is_the_objects_own() {
    let visit = survey(5).visit(300);
    let (mut previous, mut forced) = (0, 0);
    for value in visit.map(|alert| decode(&alert)) {
        let (object, now) = (at(&value, "diaSource.diaObjectId"), double(&value, "diaSource.midpointMjdTai"));
        for (path, most) in [("prvDiaSources", 60), ("prvDiaForcedSources", 100)] {
            let history = list(&value, path);
            assert!(history.len() <= most);
            let times: Vec<f64> = history.iter().map(|then| double(then, "midpointMjdTai")).chain([now]).collect();
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{path} is out of order");
            assert!(times[0] > now - 365.0);
            for then in history {
                assert_eq!(at(then, "diaObjectId"), object);
                let east = (double(then, "ra") - double(&value, "diaSource.ra")).abs();
                assert!(
                    east.min(360.0 - east) < 0.001 && double(then, "dec") - double(&value, "diaSource.dec") < 0.001
                );
            }
        }
        previous = previous.max(list(&value, "prvDiaSources").len());
        forced = forced.max(list(&value, "prvDiaForcedSources").len());
    }
    assert_eq!((previous, forced > 90), (60, true));
}

#[test]
fn fluxes_follow_the_light_curve() {
    let visit = survey(5).visit(300);
    let (mut points, mut squares) = (0.0, 0.0);
    for index in 0..300 {
        let plan = visit.plan();
        let (object, _) = Object::detected(7, &plan.exposure, index, &plan.gaussians);
        let value = decode(&visit.alert(index as usize));
        for then in list(&value, "prvDiaForcedSources") {
            let exposure = plan.earlier.iter().find(|exposure| exposure.number == long(then, "visit")).unwrap();
            assert_eq!(text(then, "band"), exposure.band.name());
            let expected = object.curve.flux(exposure.mjd, exposure.band);
            let sigmas = (double(then, "psfFlux") - expected) / double(then, "psfFluxErr");
            assert!(sigmas.abs() < 6.0, "{:?} {sigmas}", object.population);
            (points, squares) = (points + 1.0, squares + sigmas * sigmas);
        }
    }
    assert!((squares / points - 1.0f64).abs() < 0.02, "errors are {} of the scatter", points / squares);
}

#[test]
fn a_later_visit_remembers_an_earlier_one() {
    let fluxes: HashMap<i64, (i64, f64)> = survey(0)
        .visit(300)
        .map(|alert| decode(&alert))
        .filter(|value| !is_null(value, "diaObject"))
        .map(|value| {
            (long(&value, "diaObject.diaObjectId"), (long(&value, "diaSourceId"), double(&value, "diaSource.psfFlux")))
        })
        .collect();
    let mut again = 0;
    for value in survey(18).visit(300).map(|alert| decode(&alert)) {
        let Some(last) = list(&value, "prvDiaSources").last() else { continue };
        if let Some(&earlier) = fluxes.get(&long(last, "diaObjectId")) {
            assert_eq!((long(last, "diaSourceId"), double(last, "psfFlux")), earlier);
            again += 1;
        }
    }
    assert!(again > 100, "only {again} objects come again");
}

#[test]
fn objects_sum_up_their_sources() {
    for value in visit_of(Population::ActiveGalaxy) {
        let previous = list(&value, "prvDiaSources");
        let count = long(&value, "diaObject.nDiaSources") as usize;
        assert!(count == previous.len() + 1 || (count > 60 && previous.len() == 60));
        assert_eq!(double(&value, "diaObject.lastDiaSourceMjdTai"), double(&value, "diaSource.midpointMjdTai"));
        if count <= 60 {
            let band = text(&value, "diaSource.band");
            let all = previous.iter().chain([at(&value, "diaSource")]);
            let fluxes: Vec<f64> =
                all.filter(|source| text(source, "band") == band).map(|source| double(source, "psfFlux")).collect();
            let least = fluxes.iter().copied().fold(f64::INFINITY, f64::min);
            assert_eq!(long(&value, &format!("diaObject.{band}_psfFluxNdata")) as usize, fluxes.len());
            assert_eq!(double(&value, &format!("diaObject.{band}_psfFluxMin")), least);
        }
    }
}

#[test]
fn sources_are_in_the_field_and_above_the_noise() {
    let visit = survey(700).visit(500);
    let exposure = visit.exposure().clone();
    for alert in visit {
        let value = decode(&alert);
        let source = at(&value, "diaSource");
        let place = unit(double(source, "ra"), double(source, "dec"));
        assert!(dot(place, unit(exposure.ra, exposure.dec)) > 1.76f64.to_radians().cos());
        assert!((0..189).contains(&long(source, "detector")));
        assert!((0.0..4072.0).contains(&double(source, "x")) && (0.0..4000.0).contains(&double(source, "y")));
        assert_eq!(text(source, "band"), exposure.band.name());
        let (flux, snr) = (double(source, "psfFlux"), double(source, "snr"));
        assert!((snr - flux.abs() / double(source, "psfFluxErr")).abs() < 1e-3 * snr);
        assert!(snr > 4.99 && flag(source, "isNegative") == (flux < 0.0));
    }
}

#[test]
fn some_supernovae_rise_and_none_is_negative() {
    let supernovae = visit_of(Population::Supernova);
    let rising = supernovae.iter().filter(|value| {
        let previous = list(value, "prvDiaSources").iter().rev();
        let band = text(value, "diaSource.band");
        let mut fluxes = previous.filter(|then| text(then, "band") == band).map(|then| double(then, "psfFlux"));
        fluxes.next().is_some_and(|flux| flux < 0.8 * double(value, "diaSource.psfFlux"))
    });
    assert!(rising.count() >= 3);
    assert!(supernovae.iter().all(|value| !flag(value, "diaSource.isNegative")));
    assert!(supernovae.iter().all(|value| double(value, "diaSource.templateFlux") > 0.0));
}

#[test]
fn asteroids_have_an_orbit_and_no_object() {
    let asteroids = visit_of(Population::Asteroid);
    let mut designations = HashSet::new();
    for value in &asteroids {
        assert!(is_null(value, "diaObject") && is_null(value, "diaSource.diaObjectId"));
        assert!(list(value, "prvDiaSources").is_empty() && list(value, "prvDiaForcedSources").is_empty());
        let id = long(value, "diaSource.ssObjectId");
        assert_eq!(long(value, "ssSource.ssObjectId"), id);
        assert_eq!(long(value, "ssSource.diaSourceId"), long(value, "diaSourceId"));
        let packed = text(value, "mpc_orbits.packed_primary_provisional_designation");
        assert_eq!(packed.as_bytes(), &id.to_be_bytes()[1..]);
        assert_eq!(text(value, "mpc_orbits.designation"), text(value, "ssSource.designation"));
        assert!(designations.insert(packed), "{packed} comes twice");
        let (helio, topo) = (double(value, "ssSource.helioRange"), double(value, "ssSource.topoRange"));
        assert!((helio - topo).abs() < 1.02 && helio + topo > 0.98, "{helio} {topo}");
        assert!(double(value, "ssSource.ephOffset") < 0.5);
    }
    assert!(asteroids.iter().any(|value| !is_null(value, "diaSource.trailLength")));
}

#[test]
fn only_asteroids_are_of_the_solar_system() {
    for population in [Population::VariableStar, Population::Artefact] {
        for value in visit_of(population) {
            assert!(is_null(&value, "ssSource") && is_null(&value, "mpc_orbits"));
            assert!(is_null(&value, "diaSource.ssObjectId") && !is_null(&value, "diaObject"));
        }
    }
}

#[test]
fn artefacts_are_new_and_look_like_artefacts() {
    let artefacts = visit_of(Population::Artefact);
    for value in &artefacts {
        assert_eq!(long(value, "diaObject.nDiaSources"), 1);
        assert!(list(value, "prvDiaSources").is_empty());
        assert!(double(value, "diaSource.reliability") < 0.5 && double(value, "diaSource.snr") < 35.0);
    }
    for field in ["isDipole", "pixelFlags_cr", "pixelFlags_streak", "pixelFlags_saturated"] {
        assert!(artefacts.iter().any(|value| flag(value, &format!("diaSource.{field}"))), "no artefact with {field}");
    }
    assert!(visit_of(Population::VariableStar).iter().all(|value| double(value, "diaSource.reliability") > 0.5));
}

/// The cards and the pixels of each part of a FITS file.
fn parts(file: &[u8]) -> Vec<(Vec<&str>, Vec<f32>)> {
    assert_eq!(file.len() % 2880, 0);
    let (mut parts, mut rest) = (Vec::new(), file);
    while !rest.is_empty() {
        let (header, data) = rest.split_at(2880);
        let cards: Vec<&str> = header.chunks(80).map(|card| std::str::from_utf8(card).unwrap().trim_end()).collect();
        assert!(cards.contains(&"END") && cards.contains(&"BITPIX  =                  -32"), "{cards:?}");
        let side = |name| cards.iter().find_map(|card| card.strip_prefix(name)?.trim().parse::<usize>().ok()).unwrap();
        let pixels = side("NAXIS1  =") * side("NAXIS2  =");
        let (data, after) = data.split_at((pixels * 4).next_multiple_of(2880));
        let number = |bytes: &[u8]| f32::from_be_bytes(bytes.try_into().unwrap());
        parts.push((cards, data.chunks(4).take(pixels).map(number).collect()));
        rest = after;
    }
    parts
}

#[test]
fn cutouts_show_the_source() {
    for alert in lsst(Config::default()).visit(100) {
        let value = decode(&alert);
        let [science, template, difference] = ["Science", "Template", "Difference"].map(|name| {
            let Value::Bytes(file) = at(&value, &format!("cutout{name}")) else { panic!("no cutout{name}") };
            let parts = parts(file);
            assert_eq!(parts.iter().map(|(_, pixels)| pixels.len()).collect::<Vec<_>>(), [900, 900, 625]);
            assert!(parts[0].0[0].starts_with("SIMPLE  =                    T"));
            assert!(parts[1].0.contains(&"EXTNAME = 'UNCERT  '") && parts[2].0.contains(&"EXTNAME = 'PSFIMAGE'"));
            assert!(parts[1].1.iter().all(|&variance| variance > 0.0));
            assert!((parts[2].1.iter().sum::<f32>() - 1.0).abs() < 1e-3);
            parts[0].1.clone()
        });
        for pixel in 0..900 {
            assert_eq!(difference[pixel], science[pixel] - template[pixel]);
        }
        if alert.population != Population::Artefact {
            let brightest =
                |image: &[f32]| (0..900).max_by(|&a, &b| image[a].abs().total_cmp(&image[b].abs())).unwrap();
            let (row, column) = (brightest(&difference) / 30, brightest(&difference) % 30);
            let faint = double(&value, "diaSource.snr") < 15.0;
            assert!(faint || ((13..=17).contains(&row) && (13..=17).contains(&column)), "{alert:?}");
            let flux: f32 = difference.iter().sum();
            let error = 6.0 * double(&value, "diaSource.psfFluxErr") * 10.0;
            assert!((f64::from(flux) - double(&value, "diaSource.psfFlux")).abs() < error);
        }
    }
}

#[test]
fn what_is_not_asked_for_is_null() {
    let alert = lsst(Config { history: false, stamps: false, ..Config::default() }).visit(1).next();
    let value = decode(&alert.unwrap());
    for path in ["prvDiaSources", "prvDiaForcedSources", "cutoutDifference", "cutoutScience", "cutoutTemplate"] {
        assert!(is_null(&value, path), "{path} is there");
    }
}
