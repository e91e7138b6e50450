//! Decides which topics' alerts a filter is shown.
//!
//! A host may read the topics of several surveys. A filter belongs to the topics that it names. If it names none, it
//! belongs to those whose schemas have its fields. If the host reads a single topic, the filter belongs to that one.

use std::sync::Arc;

use skysieve_avro::alert::Field;
use skysieve_avro::{SchemaId, Schemas, check_field};

use super::io::Message;
use crate::filters::STREAM_SCHEMAS;

/// How many schemas of a topic are remembered. A survey has a few versions; a producer that uses a new schema for each
/// message must not fill the memory.
const SCHEMAS: usize = STREAM_SCHEMAS;

/// A topic from which alerts were read.
#[derive(Clone, Debug)]
pub struct SeenTopic {
    /// The name.
    pub name: Arc<str>,
    /// The schemas of its alerts, and the other known versions of these, in the order in which they were met.
    pub schemas: Vec<SchemaId>,
}

/// The topics of a batch's messages.
#[derive(Clone, Debug, Default)]
pub struct BatchTopics {
    /// All topics seen so far. An *index* refers to these.
    pub seen: Arc<[SeenTopic]>,
    /// The index of the topic, for each row.
    of_row: Vec<u32>,
}

/// The topics of a stream, which are added as the decoder meets them.
#[derive(Clone, Debug, Default)]
pub struct StreamTopics {
    seen: Arc<[SeenTopic]>,
}

impl StreamTopics {
    /// Records that a topic has alerts of a schema. Returns whether that is new.
    pub fn add(&mut self, topic: &Arc<str>, schema: SchemaId, schemas: &Schemas) -> bool {
        let mut seen = match self.seen.iter().position(|seen| seen.name == *topic) {
            Some(at) if self.seen[at].schemas.contains(&schema) || self.seen[at].schemas.len() >= SCHEMAS => {
                return false;
            }
            _ => self.seen.to_vec(),
        };
        let at = position(&mut seen, topic);
        let versions = other_versions(schema, schemas);
        for schema in std::iter::once(schema).chain(versions) {
            if !seen[at].schemas.contains(&schema) && seen[at].schemas.len() < SCHEMAS {
                seen[at].schemas.push(schema);
            }
        }
        self.seen = seen.into();
        true
    }

    /// All topics seen so far.
    pub fn seen(&self) -> Arc<[SeenTopic]> {
        self.seen.clone()
    }

    /// The topics of these messages.
    pub fn of(&mut self, messages: &[Message]) -> BatchTopics {
        let mut of_row = Vec::with_capacity(messages.len());
        for message in messages {
            let known =
                self.seen.iter().position(|seen| Arc::ptr_eq(&seen.name, &message.topic) || seen.name == message.topic);
            let at = known.unwrap_or_else(|| {
                let mut seen = self.seen.to_vec();
                let at = position(&mut seen, &message.topic);
                self.seen = seen.into();
                at
            });
            of_row.push(at as u32);
        }
        BatchTopics { seen: self.seen.clone(), of_row }
    }
}

fn position(seen: &mut Vec<SeenTopic>, topic: &Arc<str>) -> usize {
    seen.iter().position(|seen| seen.name == *topic).unwrap_or_else(|| {
        seen.push(SeenTopic { name: topic.clone(), schemas: Vec::new() });
        seen.len() - 1
    })
}

/// The other known versions of a schema, so that it does not matter which version a topic's first alert has.
fn other_versions(schema: SchemaId, schemas: &Schemas) -> impl Iterator<Item = SchemaId> {
    let family = family(&schemas.name(schema));
    let all = if family.is_empty() { Vec::new() } else { schemas.all() };
    // The newest comes first.
    all.into_iter().rev().filter(move |other| *other != schema && self::family(&schemas.name(*other)) == family)
}

/// A schema's full name without the version: `lsst.alert` of `lsst.v11_1.alert`.
fn family(name: &str) -> String {
    let is_version = |part: &str| {
        part.strip_prefix(['v', 'V'])
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '_'))
    };
    name.split('.').filter(|part| !is_version(part)).collect::<Vec<_>>().join(".")
}

impl BatchTopics {
    /// The rows that belong to topics for whose index `shown` returns `true`.
    pub fn rows(&self, shown: impl Fn(usize) -> bool) -> Rows {
        let shown: Vec<bool> = (0..self.seen.len()).map(shown).collect();
        let is_shown = |topic: &u32| shown[*topic as usize];
        if self.of_row.iter().all(is_shown) {
            Rows::All
        } else if !self.of_row.iter().any(is_shown) {
            Rows::None
        } else {
            Rows::Some(self.of_row.iter().map(is_shown).collect())
        }
    }
}

/// Some rows of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Every row.
    All,
    /// No row.
    None,
    /// For each row, whether it is included.
    Some(Vec<bool>),
}

impl Rows {
    /// Whether a row is included.
    pub fn contain(&self, row: u32) -> bool {
        match self {
            Rows::All => true,
            Rows::None => false,
            Rows::Some(rows) => rows[row as usize],
        }
    }
}

/// The topics that one filter belongs to.
#[derive(Clone, Debug)]
pub struct FilterTopics {
    rule: Rule,
    schemas: Arc<Schemas>,
    fields: Vec<Field>,
    /// For each topic, by its index.
    decided: Vec<Decision>,
}

#[derive(Clone, Debug)]
enum Rule {
    /// The filter is shown every alert.
    All,
    /// The filter is shown the alerts of these topics.
    Named(Vec<String>),
    /// The filter is shown the alerts of topics whose schemas have its fields.
    ByFields,
}

#[derive(Clone, Copy, Debug, Default)]
struct Decision {
    belongs: bool,
    /// How many of the topic's schemas have been looked at.
    looked_at: usize,
}

impl FilterTopics {
    /// The topics for a filter with these fields, on a host that reads `inputs`.
    pub fn new(named: &[String], inputs: &[String], fields: &[Field], schemas: &Arc<Schemas>) -> FilterTopics {
        let rule = match (named, inputs) {
            ([], [] | [_]) => Rule::All,
            ([], _) if fields.is_empty() => Rule::All,
            ([], _) => Rule::ByFields,
            (named, _) => Rule::Named(named.to_vec()),
        };
        FilterTopics { rule, schemas: schemas.clone(), fields: fields.to_vec(), decided: Vec::new() }
    }

    /// The topics that the filter belongs to, as far as this is known before any alert has been seen.
    pub fn at_start(&self, inputs: &[String]) -> Vec<String> {
        match &self.rule {
            Rule::All => inputs.to_vec(),
            Rule::Named(named) => named.clone(),
            Rule::ByFields => Vec::new(),
        }
    }

    /// Decides about new topics and schemas. If the filter now belongs to more topics than before, returns all of them.
    /// A filter never ceases to belong to a topic.
    pub fn look_at(&mut self, seen: &[SeenTopic]) -> Option<Vec<String>> {
        if !matches!(self.rule, Rule::ByFields) {
            return None;
        }
        self.decided.resize(seen.len().max(self.decided.len()), Decision::default());
        let mut changed = false;
        for (topic, decision) in seen.iter().zip(&mut self.decided) {
            let new = topic.schemas.get(decision.looked_at..).unwrap_or_default();
            if !decision.belongs && new.iter().any(|schema| has_fields(&self.schemas, *schema, &self.fields)) {
                decision.belongs = true;
                changed = true;
            }
            decision.looked_at = topic.schemas.len();
        }
        let mine = || seen.iter().zip(&self.decided).filter(|(_, decision)| decision.belongs);
        changed.then(|| mine().map(|(topic, _)| topic.name.to_string()).collect())
    }

    /// Whether the filter is shown every alert, whatever its topic.
    pub fn shows_all(&self) -> bool {
        matches!(self.rule, Rule::All)
    }

    /// Whether the filter is shown the alerts of a topic.
    pub fn shows(&self, seen: &[SeenTopic], index: usize) -> bool {
        match &self.rule {
            Rule::All => true,
            Rule::Named(named) => named.iter().any(|name| **name == *seen[index].name),
            Rule::ByFields => self.decided.get(index).is_some_and(|decision| decision.belongs),
        }
    }

    /// Whether the filter has to be checked against a topic's schemas: either it belongs to the topic, or it belongs to
    /// none although alerts of all `inputs` have been seen. While some topics are not known, a filter that fits none of
    /// the known ones may be meant for these.
    pub fn may_show(&self, seen: &[SeenTopic], topic: &str, inputs: usize) -> bool {
        let index = seen.iter().position(|seen| *seen.name == *topic);
        index.is_some_and(|index| self.shows(seen, index)) || self.is_idle(seen, inputs)
    }

    /// Whether all `inputs` have been seen and the filter belongs to none of them.
    pub fn is_idle(&self, seen: &[SeenTopic], inputs: usize) -> bool {
        let known = seen.iter().filter(|topic| !topic.schemas.is_empty()).count();
        known >= inputs && !(0..seen.len()).any(|index| self.shows(seen, index))
    }
}

/// Whether a schema has all required fields or, if none is required, at least one field.
fn has_fields(schemas: &Schemas, schema: SchemaId, fields: &[Field]) -> bool {
    let has = |field: &Field| check_field(schemas, schema, field).is_ok();
    let mut required = fields.iter().filter(|field| !field.optional).peekable();
    match required.peek() {
        Some(_) => required.all(has),
        None => fields.iter().any(has),
    }
}

#[cfg(test)]
mod tests {
    use skysieve_avro::alert::Kind;

    use super::*;

    fn schema(schemas: &Schemas, id: u32, name: &str, fields: &[&str]) -> SchemaId {
        let fields = fields.iter().map(|field| serde_json::json!({"name": field, "type": "double"}));
        let json = serde_json::json!({"type": "record", "name": name, "fields": fields.collect::<Vec<_>>()});
        schemas.add(id, &json.to_string()).unwrap()
    }

    fn field(path: &str, optional: bool) -> Field {
        Field { paths: vec![path.to_owned()], kind: Kind::Double, optional }
    }

    fn inputs() -> [String; 2] {
        ["a".to_owned(), "b".to_owned()]
    }

    #[test]
    fn a_filter_belongs_to_topics_whose_schemas_have_its_fields() {
        let schemas = Arc::new(Schemas::default());
        let (ours, theirs) = (schema(&schemas, 1, "one.alert", &["x"]), schema(&schemas, 2, "two.alert", &["y"]));
        for optional in [false, true] {
            let mut topics = FilterTopics::new(&[], &inputs(), &[field("x", optional)], &schemas);
            let mut stream = StreamTopics::default();
            assert!(stream.add(&"b".into(), theirs, &schemas));
            assert_eq!(topics.look_at(&stream.seen()), None);
            assert!(!topics.is_idle(&stream.seen(), 2), "the other topic was not seen");
            assert!(stream.add(&"a".into(), ours, &schemas) && !stream.add(&"a".into(), ours, &schemas));
            assert_eq!(topics.look_at(&stream.seen()), Some(vec!["a".to_owned()]));
            assert_eq!(topics.look_at(&stream.seen()), None);
            assert_eq!([0, 1].map(|index| topics.shows(&stream.seen(), index)), [false, true]);
        }
    }

    #[test]
    fn the_version_that_comes_first_does_not_matter() {
        let schemas = Arc::new(Schemas::default());
        let old = schema(&schemas, 1, "survey.v1_0.alert", &["old"]);
        schema(&schemas, 2, "survey.v2_0.alert", &["old", "new"]);
        schema(&schemas, 3, "survey.v2_0.other", &["newest"]);
        let mut stream = StreamTopics::default();
        stream.add(&"a".into(), old, &schemas);
        let belongs = |path: &str| {
            FilterTopics::new(&[], &inputs(), &[field(path, false)], &schemas).look_at(&stream.seen()).is_some()
        };
        assert_eq!(["old", "new", "newest", "none"].map(belongs), [true, true, false, false]);
        assert_eq!(family("lsst.v11_1.alert"), "lsst.alert");
        assert_eq!([family("ztf.alert"), family("vet.v.v1x")], ["ztf.alert", "vet.v.v1x"]);
    }

    #[test]
    fn names_and_a_single_topic_decide_without_schemas() {
        let schemas = Arc::new(Schemas::default());
        let mut stream = StreamTopics::default();
        stream.add(&"a".into(), schema(&schemas, 1, "alert", &["x"]), &schemas);
        let named = FilterTopics::new(&["b".to_owned()], &inputs(), &[field("x", false)], &schemas);
        assert!(!named.shows(&stream.seen(), 0) && named.at_start(&inputs()) == ["b"]);
        let only = FilterTopics::new(&[], &inputs()[..1], &[field("y", false)], &schemas);
        assert!(only.shows(&stream.seen(), 0) && only.at_start(&inputs()[..1]) == ["a"]);
    }

    #[test]
    fn a_topic_keeps_a_bounded_number_of_schemas() {
        let schemas = Schemas::default();
        let mut stream = StreamTopics::default();
        for id in 0..200 {
            stream.add(&"a".into(), schema(&schemas, id, &format!("alert{id}"), &["x"]), &schemas);
        }
        assert_eq!(stream.seen()[0].schemas.len(), SCHEMAS);
    }

    #[test]
    fn rows_of_topics_are_told_apart() {
        let message = |topic: &str| Message {
            bytes: Default::default(),
            topic: topic.into(),
            partition: 0,
            offset: 0,
            timestamp: None,
        };
        let mut stream = StreamTopics::default();
        let topics = stream.of(&["a", "b", "a"].map(message));
        assert_eq!(topics.rows(|_| true), Rows::All);
        assert_eq!(topics.rows(|_| false), Rows::None);
        assert_eq!(topics.rows(|index| index == 0), Rows::Some(vec![true, false, true]));
        assert_eq!(stream.of(&[]).rows(|_| false), Rows::All);
    }
}
