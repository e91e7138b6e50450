//! Processes one message.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use anyhow::Context;

use super::ConsumeArgs;
use super::files::{Folder, Stamps};
use super::lines::Lines;
use super::view::View;
use crate::commands::common::UsageError;
use crate::pipeline::Message;
use skysieve_avro::{AvroError, Framed, SchemaId, Schemas, Selector};
use skysieve_survey::{AlertId, Surveys};

/// How many characters of an alert's id are used in a file's name.
const LONGEST_NAME: usize = 200;

/// How many times missing fields are reported. Each message may have a schema of its own, so this needs a limit.
const MAX_TOLD: usize = 1000;

/// Takes messages apart, prints lines, saves files, and reports problems.
pub struct Taker {
    /// The lines to be printed.
    pub out: Vec<u8>,
    schemas: Schemas,
    decode: bool,
    lines: Option<Lines>,
    stamps: Option<Stamps>,
    save: Option<Folder>,
    surveys: Surveys,
    views: HashMap<SchemaId, Rc<View>>,
    /// Missing fields that have been reported, once for each schema.
    told: HashSet<(SchemaId, usize)>,
}

impl Taker {
    /// Sets up what the command line asks for.
    ///
    /// # Errors
    /// Returns an error if a field's path is malformed, a folder can't be created, or schemas can't be read.
    pub fn new(args: &ConsumeArgs) -> anyhow::Result<Taker> {
        let folder = |path: &std::path::PathBuf| Folder::open(path).with_context(|| path.display().to_string());
        let fields = args.fields.iter().map(|path| Selector::new(&[path])).collect::<Result<Vec<_>, _>>();
        let fields = fields.map_err(|error| UsageError(format!("--fields: {error}")))?;
        let lines = args.prints().then(|| Lines::new(args, fields)).transpose()?;
        Ok(Taker {
            out: Vec::new(),
            schemas: args.schemas.load()?,
            decode: !args.decode_off && !args.monitor,
            lines,
            stamps: args.stamps.as_ref().map(folder).transpose()?.map(|folder| Stamps::new(folder, args.fits)),
            save: args.save.as_ref().map(folder).transpose()?,
            surveys: args.named.surveys()?,
            views: HashMap::new(),
            told: HashSet::new(),
        })
    }

    /// Why a message can't be taken yet: its schema can't be determined at the moment.
    pub fn obstacle(&self, message: &Message) -> Option<AvroError> {
        self.decode.then(|| self.schemas.resolve(&message.bytes).err()).flatten().filter(AvroError::may_pass)
    }

    /// Takes one message, and returns what is wrong with it.
    ///
    /// # Errors
    /// Returns an error if the message can't be saved.
    pub fn take(&mut self, message: &Message) -> anyhow::Result<Vec<String>> {
        if let Some(folder) = &self.save {
            let Message { topic, partition, offset, .. } = message;
            let name = format!("{}-{partition}-{offset}.avro", plain(topic));
            folder.put(&name, &message.bytes).with_context(|| format!("cannot save {name}"))?;
        }
        if !self.decode {
            if let Some(lines) = &mut self.lines {
                lines.undecoded(message, &mut self.out);
            }
            return Ok(Vec::new());
        }
        let framed = self.schemas.frame(&message.bytes);
        match framed.and_then(|alert| self.schemas.validate(&alert).map(|()| alert)) {
            Ok(alert) => self.alert(message, &alert),
            Err(error) => Ok(vec![error.to_string()]),
        }
    }

    fn alert(&mut self, message: &Message, alert: &Framed<'_>) -> anyhow::Result<Vec<String>> {
        let mut complaints = Vec::new();
        let view = self.view(alert.schema)?;
        let id = view.id(&self.schemas, alert);
        if let Some(lines) = &mut self.lines {
            let printed = lines.alert(message, &self.schemas, alert, (&view, id.as_ref()), &mut self.out);
            complaints.extend(printed.err().map(|error| error.to_string()));
            for (field, selector) in lines.lacking() {
                if self.told.len() < MAX_TOLD && self.told.insert((alert.schema, field)) {
                    tracing::warn!("{}", selector.absent(&self.schemas, alert.schema));
                }
            }
        }
        if let Some(stamps) = &mut self.stamps {
            let name = id.map_or_else(|| format!("{}-{}", message.partition, message.offset), |id| file_name(&id));
            complaints.extend(stamps.save(&self.schemas, alert, &view.cutouts, &name)?);
        }
        Ok(complaints)
    }

    /// Describes what was saved, for the end of the command.
    pub fn saved(&self) -> Option<String> {
        self.stamps.as_ref().map(Stamps::to_string)
    }

    fn view(&mut self, schema: SchemaId) -> anyhow::Result<Rc<View>> {
        if let Some(view) = self.views.get(&schema) {
            return Ok(view.clone());
        }
        self.views.retain(|schema, _| self.schemas.knows(*schema));
        let view = Rc::new(View::new(&self.schemas, schema, &self.surveys)?);
        if self.stamps.is_some() && view.cutouts.is_empty() {
            let name = self.schemas.name(schema);
            tracing::warn!(
                "alerts of schema {name} have no field that looks like a cutout: no cutouts of them are saved"
            );
        }
        self.views.insert(schema, view.clone());
        Ok(view)
    }
}

/// An alert's id in a form for file names. Different ids have different names.
fn file_name(id: &AlertId) -> String {
    let mut name = String::new();
    for byte in id.to_string().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(byte.into()),
            b'.' if !name.is_empty() => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.len() > LONGEST_NAME {
        // No survey has ids as long as this. They may differ at either end, so both ends are kept.
        let end = name.split_off(name.len() - LONGEST_NAME / 2);
        name.truncate(LONGEST_NAME / 2);
        name.push_str(&end);
    }
    name
}

/// A topic's name in a form for file names. Kafka allows only these characters; a broker that allows others must not be
/// able to choose the folder.
fn plain(topic: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    topic.chars().take(200).map(|letter| if allowed(letter) { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skysieve_survey::Value;

    #[test]
    fn ids_make_names_of_files_in_the_folder() {
        let name = |id: &str| file_name(&AlertId::of(Value::Text(id.as_bytes())).unwrap());
        assert_eq!(file_name(&AlertId::Number(-12)), "-12");
        assert_eq!(name("ZTF18abc_1.2-3"), "ZTF18abc_1.2-3");
        assert_eq!(name("../a b"), "%2E.%2Fa%20b");
        assert_ne!(name("a/b"), name("a_b"));
        assert!(name(&"/".repeat(1000)).len() <= LONGEST_NAME);
    }
}
