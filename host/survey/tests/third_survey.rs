//! Adding an unknown survey takes a single file.

mod third_survey {
    pub mod made_up;
}

use std::sync::Arc;

use skysieve_avro::alert::Kind;
use skysieve_avro::{Decoder, Framed, Projection, Schemas, Selector};
use skysieve_survey::{AlertId, HostField, Layout, NamedFields, Surveys, Value, Visit};
use third_survey::made_up::{ALERT, MADE_UP, SCHEMA};

struct Read {
    id: Option<AlertId>,
    visit: Visit,
    time: Option<Value<'static>>,
}

/// Reads the fields of one alert as a host does.
fn read(surveys: &Surveys, avsc: &str, datum: &[u8]) -> (Read, Layout, Arc<Schemas>) {
    let schemas = Arc::new(Schemas::default());
    let schema = schemas.add(7, avsc).unwrap();
    let mut projection = Projection::new();
    let slots = [HostField::Id, HostField::Visit, HostField::VisitTime, HostField::Time]
        .map(|field| surveys.add(field, &mut projection));
    let mut decoder = Decoder::new(schemas.clone(), projection);
    decoder.push(0, &Framed { schema, datum: datum.into() }).unwrap();
    let decoded = decoder.finish();
    let [id, visit, visit_time, time] = slots.map(|slot| Value::of(decoded.groups[0].column(slot), 0));
    let time = time.and_then(|time| if let Value::Real(time) = time { Some(Value::Real(time)) } else { None });
    let read = Read { id: id.and_then(AlertId::of), visit: Visit::of(visit, visit_time), time };
    (read, surveys.layout(&schemas.outline(schema)), schemas)
}

#[test]
fn a_survey_added_in_one_file_has_ids_visits_cutouts_and_light_curve() {
    let (read, layout, schemas) = read(&Surveys::default().with(&MADE_UP), SCHEMA, ALERT);
    assert_eq!(layout.survey, Some("Made up"));
    assert_eq!(read.id, Some(AlertId::Text("obs-1".into())));
    assert_eq!(read.visit.to_string(), "night 7");
    assert_eq!(read.time, Some(Value::Real(60_000.5)));
    assert_eq!(layout.ids, ["key"]);
    assert_eq!(layout.visits, ["shot.label"]);
    assert_eq!(layout.times, ["shot.when"]);
    assert_eq!(layout.histories, ["before"]);

    let alert = Framed { schema: schemas.by_id(7).unwrap(), datum: ALERT.into() };
    let [cutout] = &layout.cutouts[..] else { panic!("{layout:?}") };
    assert_eq!((cutout.name.as_str(), cutout.field.as_str()), ("science", "picture"));
    let path = Selector::new(&[&cutout.bytes[0]]).unwrap();
    assert_eq!(path.bytes(&schemas, &alert).unwrap(), Some(&b"SIMPLE"[..]));

    let [now, before] = &layout.light_curve[..] else { panic!("{layout:?}") };
    let print = |path: &str| {
        let mut json = Vec::new();
        let style = skysieve_avro::BlobStyle::Length;
        assert!(Selector::new(&[path]).unwrap().json(&schemas, &alert, style, &mut json).unwrap());
        String::from_utf8(json).unwrap()
    };
    assert_eq!([&now.time, &now.value].map(|path| print(path)), ["60000.5", "2.0"]);
    assert_eq!([&before.time, &before.value].map(|path| print(path)), ["[59999.5]", "[1.0]"]);
    assert_eq!((before.band.as_deref(), before.error.as_deref()), (Some("before[].colour"), None));
}

#[test]
fn without_its_file_it_is_read_by_usual_names_or_as_the_user_says() {
    let (guessed, layout, _) = read(&Surveys::default(), SCHEMA, ALERT);
    assert_eq!((layout.survey, guessed.id, guessed.visit), (None, None, Visit::Unknown));
    assert!(layout.lacks_visit());
    let named = NamedFields::new(vec!["nowhere".into(), "key".into()], vec!["shot.label".into()], vec![]).unwrap();
    let (named, ..) = read(&Surveys::new(named), SCHEMA, ALERT);
    assert_eq!(named.id, Some(AlertId::Text("obs-1".into())));
    assert_eq!(named.visit.to_string(), "night 7");
    let named = NamedFields::new(vec![], vec![], vec!["shot.when".into()]).unwrap();
    let (named, ..) = read(&Surveys::new(named), SCHEMA, ALERT);
    assert_eq!(named.visit, Visit::Time(60_000.5f64.to_bits()));
}

#[test]
fn fields_that_no_alert_could_have_are_refused() {
    for path in ["", "a..b", "a[]", "prv[].jd", "a[0]"] {
        assert!(NamedFields::new(vec![path.into()], vec![], vec![]).is_err(), "{path}");
        assert!(NamedFields::new(vec![], vec![path.into()], vec![]).is_err(), "{path}");
    }
    let named = NamedFields::new(vec!["shot.lable".into()], vec!["shot".into()], vec!["shot.when".into()]).unwrap();
    let schemas = Schemas::default();
    let schema = schemas.add(7, SCHEMA).unwrap();
    let unfit: Vec<String> = named.unfit(&schemas, schema).iter().map(ToString::to_string).collect();
    assert_eq!(unfit.len(), 2, "{unfit:?}");
    assert!(unfit[0].contains("shot.label") && unfit[1].contains("a record"), "{unfit:?}");
}

#[test]
fn a_text_that_is_not_utf8_does_not_make_the_alert_undecodable() {
    let avsc = r#"{"type": "record", "name": "a", "fields": [{"name": "objectId", "type": "string"}]}"#;
    let (read, ..) = read(&Surveys::default(), avsc, b"\x04\xff\xfe");
    assert_eq!(read.id, Some(AlertId::Text("fffe".into())));
}

#[test]
fn kinds_are_read_as_they_come() {
    for (kind, datum, id) in [
        ("\"int\"", &b"\x06"[..], "3"),
        ("\"long\"", b"\x06", "3"),
        ("\"string\"", b"\x04ab", "ab"),
        ("[\"null\", \"string\"]", b"\x02\x04ab", "ab"),
        ("{\"type\": \"fixed\", \"name\": \"f\", \"size\": 2}", b"ab", "ab"),
        ("{\"type\": \"enum\", \"name\": \"e\", \"symbols\": [\"x\", \"y\"]}", b"\x02", "y"),
    ] {
        let avsc = format!(r#"{{"type": "record", "name": "a", "fields": [{{"name": "id", "type": {kind}}}]}}"#);
        let (read, layout, _) = read(&Surveys::default(), &avsc, datum);
        assert_eq!(read.id.map(|id| id.to_string()).as_deref(), Some(id), "{kind}");
        assert_ne!(layout.id.unwrap().kind, Kind::Any);
    }
}
