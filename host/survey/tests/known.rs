//! What is found in the schemas of surveys that are known, as their alerts have them.

use skysieve_avro::Schemas;
use skysieve_survey::{Layout, Surveys};

/// The layout of a schema whose top record is `name` with these fields.
fn layout(name: &str, fields: &str) -> Layout {
    let schemas = Schemas::default();
    let avsc = format!(r#"{{"type": "record", "name": "{name}", "fields": [{fields}]}}"#);
    let schema = schemas.add(1, &avsc).unwrap();
    Surveys::default().layout(&schemas.outline(schema))
}

/// A field that is a record of these fields of doubles, or what is said behind a colon.
fn record(name: &str, fields: &str) -> String {
    let field = |field: &str| {
        let (name, kind) = field.split_once(':').unwrap_or((field, "double"));
        format!(r#"{{"name": "{name}", "type": ["null", "{kind}"]}}"#)
    };
    let fields: Vec<String> = fields.split(' ').map(field).collect();
    format!(r#"{{"type": "record", "name": "{name}", "fields": [{}]}}"#, fields.join(", "))
}

/// Survey, id, visit, time, right ascension, declination.
fn found(layout: &Layout) -> [&str; 6] {
    let path =
        |place: &Option<skysieve_survey::Place>| place.as_ref().map_or("-", |place| place.path.as_str()).to_owned();
    let [id, visit, time, ra, dec] =
        [&layout.id, &layout.visit, &layout.time, &layout.ra, &layout.dec].map(path).map(|path| &*path.leak());
    [layout.survey.unwrap_or("-"), id, visit, time, ra, dec]
}

/// Name, time, value, error and band of each series.
fn light_curve(layout: &Layout) -> Vec<String> {
    let series = layout.light_curve.iter().map(|series| {
        let optional = |path: &Option<String>| path.clone().unwrap_or_else(|| "-".into());
        format!(
            "{} {} {} {} {}",
            series.name,
            series.time,
            series.value,
            optional(&series.error),
            optional(&series.band)
        )
    });
    series.collect()
}

fn cutouts(layout: &Layout) -> Vec<&str> {
    layout.cutouts.iter().map(|cutout| cutout.name.as_str()).collect()
}

#[test]
fn lsst_before_its_visits_had_numbers() {
    // https://github.com/lsst/alert_packet, versions 3.0 to 5.0, and 6.0.
    let source = "diaSourceId:long ccdVisitId:long midPointTai filterName:string ra decl psFlux psFluxErr";
    let forced = "diaForcedSourceId:long ccdVisitId:long midPointTai filterName:string psFlux psFluxErr";
    let alert = |version: &str, source: &str, forced: &str| {
        let fields = format!(
            r#"{{"name": "alertId", "type": "long"}}, {{"name": "diaSource", "type": {}}},
            {{"name": "prvDiaSources", "type": ["null", {{"type": "array", "items": "diaSource"}}]}},
            {{"name": "prvDiaForcedSources", "type": ["null", {{"type": "array", "items": {}}}]}},
            {{"name": "cutoutDifference", "type": ["null", "bytes"]}},
            {{"name": "cutoutTemplate", "type": ["null", "bytes"]}}"#,
            record("diaSource", source),
            record("diaForcedSource", forced),
        );
        layout(&format!("lsst.{version}"), &fields)
    };
    for version in ["v3_0.alert", "v4_0.alert", "v5_0.alert", "alert"] {
        let old = alert(version, source, forced);
        assert_eq!(
            found(&old),
            ["LSST", "alertId", "-", "diaSource.midPointTai", "diaSource.ra", "diaSource.decl"],
            "{version}"
        );
        assert_eq!(old.ids, ["alertId", "diaSource.diaSourceId"]);
        assert_eq!(old.histories, ["prvDiaSources", "prvDiaForcedSources"]);
        assert_eq!(cutouts(&old), ["template", "difference"]);
        let within = ["detections diaSource", "detections prvDiaSources[]", "forced prvDiaForcedSources[]"];
        let expected = within.map(|within| {
            let place = within.split(' ').next_back().unwrap();
            format!("{within}.midPointTai {place}.psFlux {place}.psFluxErr {place}.filterName")
        });
        assert_eq!(light_curve(&old), expected);
    }
    let new = |fields: &str| {
        let renamed =
            [("midPointTai", "midpointMjdTai"), ("filterName", "band"), ("decl", "dec"), ("psFlux", "psfFlux")];
        renamed.iter().fold(fields.to_owned(), |fields, (old, new)| fields.replace(old, new))
    };
    let six = alert("v6_0.alert", &new(source), &new(forced));
    assert_eq!(found(&six), ["LSST", "alertId", "-", "diaSource.midpointMjdTai", "diaSource.ra", "diaSource.dec"]);
    assert_eq!(light_curve(&six).len(), 3);
}

#[test]
fn decam() {
    // https://github.com/boom-astro/boom/blob/main/src/alert/decam.rs
    let measured = "mjd forcediffimflux forcediffimfluxunc forcediffimmag forcediffimmagunc band:string diffmaglim";
    let fields = format!(
        r#"{{"name": "publisher", "type": "string"}}, {{"name": "objectId", "type": "string"}}, {{"name": "candid", "type": "long"}},
        {{"name": "candidate", "type": {}}}, {{"name": "fp_hists", "type": {{"type": "array", "items": {}}}}},
        {{"name": "cutoutScience", "type": "bytes"}}, {{"name": "cutoutTemplate", "type": "bytes"}},
        {{"name": "cutoutDifference", "type": "bytes"}}"#,
        record("candidate", &format!("{measured} ra dec")),
        record("fp_hist", measured),
    );
    let layout = layout("alert", &fields);
    assert_eq!(found(&layout), ["DECam", "candid", "-", "candidate.mjd", "candidate.ra", "candidate.dec"]);
    assert_eq!(layout.histories, ["fp_hists"]);
    assert_eq!(cutouts(&layout), ["science", "template", "difference"]);
    assert_eq!(
        light_curve(&layout),
        [
            "detections candidate.mjd candidate.forcediffimmag candidate.forcediffimmagunc candidate.band",
            "forced fp_hists[].mjd fp_hists[].forcediffimflux fp_hists[].forcediffimfluxunc fp_hists[].band",
        ]
    );
}

#[test]
fn winter() {
    // https://github.com/winter-telescope/mirar, pipelines/winter/config/files/avro_schema
    let measured = "jd fid:int magpsf sigmapsf ra dec candid:long";
    let fields = format!(
        r#"{{"name": "objectid", "type": "string"}}, {{"name": "candid", "type": "long"}}, {{"name": "candidate", "type": {}}},
        {{"name": "prv_candidates", "type": [{{"type": "array", "items": {}}}, "null"]}},
        {{"name": "cutout_science", "type": "bytes"}}, {{"name": "cutout_template", "type": "bytes"}},
        {{"name": "cutout_difference", "type": "bytes"}}"#,
        record("candidate", measured),
        record("prv_candidate", measured),
    );
    for name in ["winter.alert", "wirc.alert", "alert"] {
        let layout = layout(name, &fields);
        assert_eq!(
            found(&layout),
            ["WINTER", "candid", "-", "candidate.jd", "candidate.ra", "candidate.dec"],
            "{name}"
        );
        assert_eq!(cutouts(&layout), ["science", "template", "difference"]);
        assert_eq!(light_curve(&layout).len(), 2);
    }
}

#[test]
fn wise() {
    let measured = "mjd ra dec w1mpro w1sigmpro w2mpro w2sigmpro";
    let fields = format!(
        r#"{{"name": "objectId", "type": "string"}}, {{"name": "candid", "type": "long"}}, {{"name": "candidate", "type": {}}},
        {{"name": "prv_candidates", "type": ["null", {{"type": "array", "items": {}}}]}}"#,
        record("candidate", measured),
        record("prv_candidate", measured),
    );
    let layout = layout("alert", &fields);
    assert_eq!(found(&layout), ["WISE", "candid", "-", "candidate.mjd", "candidate.ra", "candidate.dec"]);
    let [w1, _, w2, _] = &light_curve(&layout)[..] else { panic!("{layout:?}") };
    assert_eq!(w1, "W1 candidate.mjd candidate.w1mpro candidate.w1sigmpro -");
    assert_eq!(w2, "W2 candidate.mjd candidate.w2mpro candidate.w2sigmpro -");
}
