//! A filter as the host calls it: it is passed columns, and returns accepted rows.

use skysieve_sdk::__private::{Annotation, RawColumn};
use skysieve_sdk::{Alert, Column, Field, Kind, Value, Verdict};

/// The buffers of a column, as a host fills them.
struct Buffers {
    kind: Kind,
    values: Vec<u8>,
    offsets: Vec<u8>,
    present: Vec<u8>,
    ends: Vec<u8>,
}

impl Buffers {
    fn doubles(values: &[f64]) -> Buffers {
        let values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Buffers { kind: Kind::Double, values, offsets: vec![], present: vec![], ends: vec![] }
    }

    fn texts(values: &[&str]) -> Buffers {
        let mut offsets = vec![];
        let mut end = 0;
        for value in values {
            end += value.len() as u32;
            offsets.extend(end.to_le_bytes());
        }
        Buffers { kind: Kind::Text, values: values.concat().into_bytes(), offsets, present: vec![], ends: vec![] }
    }

    fn present(self, present: &[u8]) -> Buffers {
        Buffers { present: present.to_vec(), ..self }
    }

    fn ends(self, ends: &[u32]) -> Buffers {
        Buffers { ends: ends.iter().flat_map(|end| end.to_le_bytes()).collect(), ..self }
    }

    fn raw(&self) -> RawColumn<'_> {
        let Buffers { kind, values, offsets, present, ends } = self;
        RawColumn { kind: *kind, values, offsets, present, ends }
    }
}

#[derive(Alert)]
struct Source<'a> {
    #[field("source.flux", "source.oldFlux")]
    flux: f64,
    #[field("source.name")]
    name: Option<&'a str>,
    #[field("history[].flux")]
    earlier: Column<'a, Option<f64>>,
    #[field("history[].band")]
    bands: Column<'a, &'a str>,
}

/// The results for the whole batch, one line for each accepted alert.
fn shown(rows: u32, columns: &[Buffers]) -> Result<Vec<String>, String> {
    let columns: Vec<RawColumn<'_>> = columns.iter().map(Buffers::raw).collect();
    let mut lines = Vec::new();
    let judge = |alert: &Source<'_>| {
        let Source { flux, name, earlier, bands } = alert;
        Ok(Verdict::Accept.with("alert", format!("{flux} {name:?} {earlier:?} {bands:?}")))
    };
    let accept = |row: u32, annotations: Vec<Annotation>| lines.push(format!("{row} {}", annotations[0].value));
    skysieve_sdk::__private::judge_all::<Source<'_>>(rows, &columns, judge, accept)?;
    Ok(lines)
}

fn batch() -> Vec<Buffers> {
    vec![
        Buffers::doubles(&[1.5, 2.5, 3.5]),
        Buffers::texts(&["Ceres", "", "Šíp"]).present(&[1, 0, 1]),
        Buffers::doubles(&[10.0, 0.0, 30.0]).present(&[1, 0, 1]).ends(&[2, 2, 3]),
        Buffers::texts(&["g", "r", "ř"]).ends(&[2, 2, 3]),
    ]
}

#[test]
fn every_row_reads_its_own_values() {
    assert_eq!(
        shown(3, &batch()).unwrap(),
        [
            r#"0 1.5 Some("Ceres") [Some(10.0), None] ["g", "r"]"#,
            r#"1 2.5 None [] []"#,
            r#"2 3.5 Some("Šíp") [Some(30.0)] ["ř"]"#,
        ]
    );
}

#[test]
fn fields_are_declared_as_they_are_typed() {
    let field = |name, paths, kind, optional, list| Field { name, paths, kind, optional, list };
    assert_eq!(
        Source::fields(),
        [
            field("flux", &["source.flux", "source.oldFlux"][..], Kind::Double, false, false),
            field("name", &["source.name"], Kind::Text, true, false),
            field("earlier", &["history[].flux"], Kind::Double, true, true),
            field("bands", &["history[].band"], Kind::Text, false, true),
        ]
    );
}

/// Breaks one column of the batch, and checks that the error names the field.
fn breaks(column: usize, name: &str, change: impl FnOnce(&mut Buffers)) {
    let mut columns = batch();
    change(&mut columns[column]);
    let error = shown(3, &columns).unwrap_err();
    assert!(error.contains(name), "{error}");
}

#[test]
fn broken_columns_are_errors_that_name_the_field() {
    breaks(0, "flux", |column| column.values.truncate(16));
    breaks(0, "flux", |column| column.values.truncate(23));
    breaks(0, "flux", |column| column.kind = Kind::Float);
    breaks(1, "name", |column| column.present = vec![1]);
    breaks(1, "name", |column| column.values[0] = 0xff);
    breaks(1, "name", |column| column.offsets[0] = 200);
    // The offset lies within a letter.
    breaks(1, "name", |column| (column.offsets[0], column.offsets[4]) = (6, 6));
    breaks(2, "earlier", |column| column.ends[0] = 3);
    breaks(2, "earlier", |column| column.ends[8] = 2);
    breaks(3, "bands", |column| column.ends.truncate(8));
    breaks(3, "bands", |column| column.ends.truncate(7));
    assert!(shown(3, &batch()[..3]).unwrap_err().contains("3 columns"));
    assert!(shown(2, &batch()).is_err());
}

#[derive(Alert)]
struct Any<'a> {
    #[field("source.thing")]
    thing: Option<Value<'a>>,
}

#[test]
fn a_value_is_of_the_kind_that_the_column_has() {
    let read = |buffers: &Buffers| {
        let mut seen = Vec::new();
        let judge = |alert: &Any<'_>| Ok(Verdict::Accept.with("thing", format!("{:?}", alert.thing)));
        let accept = |_: u32, annotations: Vec<Annotation>| seen.push(annotations[0].value.clone());
        skysieve_sdk::__private::judge_all::<Any<'_>>(2, &[buffers.raw()], judge, accept).map(|()| seen)
    };
    assert_eq!(read(&Buffers::doubles(&[1.0, 0.0]).present(&[1, 0])).unwrap(), ["Some(Double(1.0))", "None"]);
    assert_eq!(read(&Buffers::texts(&["a", "b"])).unwrap(), [r#"Some(Text("a"))"#, r#"Some(Text("b"))"#]);
    assert!(read(&Buffers { kind: Kind::Any, ..Buffers::doubles(&[]) }).is_err());
    assert_eq!(Any::fields()[0].kind, Kind::Any);
}

type Name<'a> = &'a str;
type Magnitude = f64;
type History<'a, T> = Column<'a, T>;

#[derive(Alert)]
struct Aliases<'a> {
    #[field("history[].name")]
    names: Column<'a, Option<Name<'a>>>,
    #[field("history[].magnitude")]
    magnitudes: Column<'a, Magnitude>,
    #[field("history[].name")]
    all: History<'a, Name<'a>>,
    #[field("source.name")]
    name: Name<'a>,
}

#[test]
fn types_of_fields_may_be_aliases() {
    let columns = [
        Buffers::texts(&["g", ""]).present(&[1, 0]).ends(&[2]),
        Buffers::doubles(&[17.5]).ends(&[1]),
        Buffers::texts(&["r"]).ends(&[1]),
        Buffers::texts(&["Ceres"]),
    ];
    let columns: Vec<RawColumn<'_>> = columns.iter().map(Buffers::raw).collect();
    let mut seen = String::new();
    let judge = |Aliases { names, magnitudes, all, name }: &Aliases<'_>| {
        Ok(Verdict::Accept.with("alert", format!("{names:?} {magnitudes:?} {all:?} {name}")))
    };
    let accept = |_: u32, annotations: Vec<Annotation>| seen.clone_from(&annotations[0].value);
    skysieve_sdk::__private::judge_all::<Aliases<'_>>(1, &columns, judge, accept).unwrap();
    assert_eq!(seen, r#"[Some("g"), None] [17.5] ["r"] Ceres"#);
    let kinds: Vec<(Kind, bool, bool)> = Aliases::fields().iter().map(|of| (of.kind, of.optional, of.list)).collect();
    let expected =
        [(Kind::Text, true, true), (Kind::Double, false, true), (Kind::Text, false, true), (Kind::Text, false, false)];
    assert_eq!(kinds, expected);
}
