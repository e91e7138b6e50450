//! What becomes of one message.

use std::collections::HashSet;

use anyhow::Context;

use super::ConsumeArgs;
use super::files::{Folder, Stamps};
use super::lines::Lines;
use crate::commands::UsageError;
use crate::pipeline::Message;
use skysieve_avro::{BlobStyle, Framed, SchemaId, Schemas, Selector};

/// Takes messages apart: lines, files, complaints.
pub struct Taker {
    /// Lines to be printed.
    pub out: Vec<u8>,
    schemas: Schemas,
    decode: bool,
    lines: Option<Lines>,
    stamps: Option<Stamps>,
    save: Option<Folder>,
    id: Selector,
    /// Fields that a schema lacks, told once.
    told: HashSet<(SchemaId, usize)>,
}

impl Taker {
    /// What the command line asks for.
    ///
    /// # Errors
    /// When a field is none, a folder can't be made, or schemas can't be read.
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
            stamps: args
                .stamps
                .as_ref()
                .map(folder)
                .transpose()?
                .map(|folder| Stamps::new(folder, args.fits))
                .transpose()?,
            save: args.save.as_ref().map(folder).transpose()?,
            id: Selector::new(&skysieve_survey::ID)?,
            told: HashSet::new(),
        })
    }

    /// Takes one message; what is wrong with it.
    ///
    /// # Errors
    /// When it can't be saved.
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
        let id = self.id(alert);
        if let Some(lines) = &mut self.lines {
            let printed = lines.alert(message, &self.schemas, alert, id, &mut self.out);
            complaints.extend(printed.err().map(|error| error.to_string()));
            for (field, selector) in lines.lacking() {
                if self.told.insert((alert.schema, field)) {
                    tracing::warn!("{}", selector.absent(&self.schemas, alert.schema));
                }
            }
        }
        if let Some(stamps) = &self.stamps {
            let name = id.map_or_else(|| format!("{}-{}", message.partition, message.offset), |id| id.to_string());
            complaints.extend(stamps.save(&self.schemas, alert, &name)?);
        }
        Ok(complaints)
    }

    fn id(&self, alert: &Framed<'_>) -> Option<i64> {
        let mut json = Vec::new();
        self.id.json(&self.schemas, alert, BlobStyle::Length, &mut json).ok()?;
        std::str::from_utf8(&json).ok()?.parse().ok()
    }
}

/// A topic's name as part of a file's. Kafka allows no other letters; a broker that does must not choose the folder.
fn plain(topic: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    topic.chars().take(200).map(|letter| if allowed(letter) { letter } else { '_' }).collect()
}
