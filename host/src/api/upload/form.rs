//! Reads the settings of an upload from its query and its parts.

use std::str::FromStr;

use axum::body::{Body, Bytes};
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;

use crate::api::error::Problem;
use crate::api::permitted::Wanted;
use crate::api::query::{NO_TEXT, Parameters};
use crate::filters::{
    CONFIG_BYTES, HandOver, LANGUAGES, Language, LimitOverrides, MIN_CPU_SHARE, ParameterValues, Program, Runners,
    Settings, Trial, Upload,
};
use crate::jobs::PACKET_BYTES;
use skysieve_sandbox::ParameterValue;

/// How many bytes a form may take in addition to its module and config: for the other parts, headers and boundaries.
const FORM_OVERHEAD: usize = 64 << 10;

/// How many bytes a hand-over may have. The config in it may consist of escape sequences, and there are up to 4096
/// counters.
const HANDOVER: usize = 8 * CONFIG_BYTES;

/// How the body contains the module.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// The body is the module.
    Module,
    /// The body is the text of a filter in a language.
    Program(&'static Language),
    /// The body is a form, and the module is one of its parts.
    Multipart,
    /// The body has the settings as JSON. The module is a predefined filter's.
    Json,
}

impl Layout {
    pub(super) fn of(headers: &HeaderMap) -> Result<Layout, Problem> {
        let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(Layout::Module) };
        let kind = String::from_utf8_lossy(kind.as_bytes());
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/wasm" | "application/octet-stream" => Ok(Layout::Module),
            "multipart/form-data" => Ok(Layout::Multipart),
            "application/json" => Ok(Layout::Json),
            text => Language::of_media_type(text).map(Layout::Program).ok_or(Problem::MediaType(essence)),
        }
    }

    /// The name of the body in messages.
    pub(super) fn what(self) -> &'static str {
        match self {
            Layout::Module => "the module",
            Layout::Program(_) => "the program",
            Layout::Multipart => "the form",
            Layout::Json => "the settings",
        }
    }

    /// How many bytes a body may have if its module has at most `max_module`.
    pub(super) fn body_limit(self, max_module: usize) -> usize {
        match self {
            Layout::Module => max_module,
            Layout::Program(_) => CONFIG_BYTES,
            Layout::Multipart => max_module.saturating_add(HANDOVER + FORM_OVERHEAD),
            // A config may consist of escape sequences.
            Layout::Json => 8 * CONFIG_BYTES + FORM_OVERHEAD,
        }
    }
}

/// The form that may be sent instead of a module.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it only describes the form")]
pub(super) struct UploadForm {
    /// The filter's name, where the path has none.
    name: Option<String>,
    /// The component, unless `predefined` is given.
    #[schema(value_type = String, format = Binary)]
    module: Option<Vec<u8>>,
    /// The name of a predefined filter, whose module is taken.
    predefined: Option<String>,
    /// Values of parameters by their names, as a JSON object. They are set in the config.
    parameters: Option<String>,
    /// Instead of the component: the text of a filter in a language. The config then has its parameters, in TOML.
    program: Option<String>,
    /// The program's language: python, unless it is given.
    language: Option<String>,
    /// The name of the program's file, for messages.
    file: Option<String>,
    /// A settings file like those that hosts read beside a module (NAME.toml), instead of the parts that follow.
    settings: Option<String>,
    /// Passed to the filter as it is.
    config: Option<String>,
    /// The topics whose alerts the filter is shown, separated by commas.
    topics: Option<String>,
    /// How many accepted alerts are published for each visit.
    quota: Option<u32>,
    /// The share of a processor that the filter may use in the slow lane.
    cpu_share: Option<f64>,
    /// Where a new filter begins: earliest, latest, -N, or a time. It catches up from there.
    from: Option<String>,
    /// Fuel per alert.
    fuel: Option<u64>,
    /// The memory in bytes.
    memory: Option<u64>,
    /// The deadline of a call in milliseconds.
    deadline_ms: Option<u64>,
    /// What is to be known of this version.
    note: Option<String>,
    /// Whether warnings refuse the filter.
    strict: Option<bool>,
    /// The name of the host that is to take a new filter.
    host: Option<String>,
    /// Whether it is activated even if it fails on all recent alerts.
    force: Option<bool>,
    /// What another host has answered to a release, as JSON. The settings are in it.
    handover: Option<String>,
}

/// The settings of an upload as JSON, where the module is a predefined filter's.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UploadSettings {
    /// The filter's name, where the path has none.
    name: Option<String>,
    /// The name of the predefined filter.
    predefined: Option<String>,
    /// Values of parameters by their names. They are set in the config. A text stands for a value of the parameter's kind.
    #[schema(value_type = BTreeMap<String, ParameterValue>)]
    parameters: ParameterValues,
    /// Passed to the filter as it is.
    config: Option<String>,
    /// The topics whose alerts the filter is shown.
    topics: Vec<String>,
    /// How many accepted alerts are published for each visit.
    quota: Option<u32>,
    /// The share of a processor that the filter may use in the slow lane.
    cpu_share: Option<f64>,
    /// Where a new filter begins: earliest, latest, -N, or a time. It catches up from there.
    from: Option<String>,
    /// The limits of the sandbox.
    limits: LimitOverrides,
    /// What is to be known of this version.
    note: Option<String>,
    /// Whether warnings refuse the filter.
    strict: Option<bool>,
    /// The name of the host that is to take a new filter.
    host: Option<String>,
    /// Whether it is activated even if it fails on all recent alerts.
    force: Option<bool>,
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Form {
    /// The filter's name, where the path has none.
    pub(super) name: Option<String>,
    pub(super) predefined: Option<String>,
    parameters: Option<ParameterValues>,
    pub(super) module: Option<Vec<u8>>,
    /// The text of a filter in a language.
    pub(super) program: Option<String>,
    pub(super) language: Option<&'static Language>,
    file: Option<String>,
    /// Whether it may have parts with alerts.
    pub(super) takes_packets: bool,
    /// Files of alerts.
    pub(super) packets: Vec<Bytes>,
    packet_bytes: usize,
    config: Option<String>,
    topics: Vec<String>,
    quota: Option<u32>,
    cpu_share: Option<f64>,
    from: Option<String>,
    fuel: Option<u64>,
    memory: Option<usize>,
    deadline_ms: Option<u64>,
    strict: Option<bool>,
    force: Option<bool>,
    note: Option<String>,
    pub(super) handover: Option<Box<HandOver>>,
    /// The name of the host that is to take the filter.
    pub(super) host: Option<String>,
}

impl Form {
    /// Reads the settings in the query.
    pub(super) fn from_query(parts: &Parts) -> Result<Form, Problem> {
        Form::from_parameters(Parameters::of(parts)?)
    }

    /// Reads settings that have been in a query.
    pub(super) fn from_parameters(parameters: Parameters) -> Result<Form, Problem> {
        let mut form = Form::default();
        for (name, value) in parameters.into_pairs() {
            form.set(&name, value).map_err(|reason| Problem::Parameter { name, reason })?;
        }
        Ok(form)
    }

    /// Takes a body that is the filter itself.
    pub(super) fn take_body(&mut self, layout: Layout, body: Vec<u8>) -> Result<(), Problem> {
        match layout {
            // A predefined filter needs none.
            Layout::Module if body.is_empty() && self.predefined.is_some() => {}
            Layout::Module => self.module = Some(body),
            Layout::Program(language) => {
                let text = String::from_utf8(body).map_err(|_| Problem::Body(NO_TEXT.to_owned()))?;
                let twice = |reason| Problem::Parameter { name: "program".to_owned(), reason };
                fill(&mut self.program, text).map_err(twice)?;
                self.language = Some(language);
            }
            Layout::Multipart | Layout::Json => {}
        }
        Ok(())
    }

    /// Reads the parts of a multipart body.
    pub(super) async fn read_parts(&mut self, parts: Parts, body: Bytes, max_module: usize) -> Result<(), Problem> {
        let multipart = Multipart::from_request(Request::from_parts(parts, Body::from(body)), &()).await;
        let mut multipart = multipart.map_err(|rejection| Problem::Multipart(rejection.body_text()))?;
        while let Some(part) = multipart.next_field().await.map_err(|error| Problem::Multipart(error.body_text()))? {
            self.read_part(part, max_module).await?;
        }
        Ok(())
    }

    /// Reads the settings from a JSON object.
    pub(super) fn read_json(&mut self, body: &[u8]) -> Result<(), Problem> {
        let read: UploadSettings = serde_json::from_slice(body).map_err(|error| Problem::Body(error.to_string()))?;
        let settings = Settings {
            config: read.config.unwrap_or_default(),
            topics: read.topics,
            quota: read.quota,
            cpu_share: read.cpu_share,
            from: read.from,
            limits: read.limits,
        };
        let parameters = Some(read.parameters).filter(|parameters| !parameters.is_empty());
        settings.check().map_err(|error| Problem::Body(error.to_string()))?;
        self.set_settings(settings)
            .and_then(|()| fill_some(&mut self.name, read.name))
            .and_then(|()| fill_some(&mut self.predefined, read.predefined))
            .and_then(|()| fill_some(&mut self.parameters, parameters))
            .and_then(|()| fill_some(&mut self.note, read.note))
            .and_then(|()| fill_some(&mut self.strict, read.strict))
            .and_then(|()| fill_some(&mut self.host, read.host))
            .and_then(|()| fill_some(&mut self.force, read.force))
            .map_err(|_| Problem::Body("a setting in it is given in the query, too".to_owned()))
    }

    async fn read_part(&mut self, part: Field<'_>, max_module: usize) -> Result<(), Problem> {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(Problem::Multipart("a part has no name".to_owned()));
        };
        let wrong = |reason| Problem::Part { name: name.clone(), reason };
        let bytes = part.bytes().await.map_err(|error| wrong(error.body_text()))?;
        if name == "module" {
            if bytes.len() > max_module {
                return Err(Problem::TooLarge { what: "the module", limit: max_module });
            }
            return fill(&mut self.module, Vec::from(bytes)).map_err(wrong);
        }
        if name == "packets" && self.takes_packets {
            self.packet_bytes += bytes.len();
            self.packets.push(bytes);
            let too_large = Problem::TooLarge { what: "the packets", limit: PACKET_BYTES };
            return if self.packet_bytes > PACKET_BYTES { Err(too_large) } else { Ok(()) };
        }
        let (what, limit) = match &*name {
            "handover" => ("the hand-over", HANDOVER),
            "program" => ("the program", CONFIG_BYTES),
            _ => ("the config", CONFIG_BYTES),
        };
        if bytes.len() > limit {
            return Err(Problem::TooLarge { what, limit });
        }
        let text = String::from_utf8(Vec::from(bytes)).map_err(|_| wrong(NO_TEXT.to_owned()))?;
        self.set(&name, text).map_err(wrong)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "program" => fill(&mut self.program, value),
            "language" => {
                let known = || LANGUAGES.iter().map(|language| language.name).collect::<Vec<_>>().join(", ");
                let language = Language::named(&value).ok_or_else(|| format!("it is none of: {}", known()))?;
                fill(&mut self.language, language)
            }
            "file" => fill(&mut self.file, value),
            "settings" => self.set_all(&value),
            "name" => fill(&mut self.name, value),
            "predefined" => fill(&mut self.predefined, value),
            "parameters" => {
                let parameters = serde_json::from_str(&value).map_err(|error| {
                    format!("it is not a JSON object of values, such as {{\"magnitude\": 20.5}}: {error}")
                })?;
                fill(&mut self.parameters, parameters)
            }
            "config" => fill(&mut self.config, value),
            "topics" => {
                let topics = value.split(',').map(str::trim).filter(|topic| !topic.is_empty());
                self.topics.extend(topics.map(str::to_owned));
                Ok(())
            }
            "quota" => number(&mut self.quota, &value),
            "cpu_share" => fill(&mut self.cpu_share, share(&value)?),
            "from" => fill(&mut self.from, value),
            "handover" => {
                let handover = serde_json::from_str(&value).map_err(|error| error.to_string())?;
                fill(&mut self.handover, Box::new(handover))
            }
            "fuel" => number(&mut self.fuel, &value),
            "memory" => number(&mut self.memory, &value),
            "deadline_ms" => number(&mut self.deadline_ms, &value),
            "note" => fill(&mut self.note, value),
            "strict" => fill(&mut self.strict, truth(&value)?),
            "host" => fill(&mut self.host, value),
            "force" => fill(&mut self.force, truth(&value)?),
            _ => Err(NO_SETTING.to_owned()),
        }
    }

    /// Reads all settings from a settings file.
    fn set_all(&mut self, file: &str) -> Result<(), String> {
        self.set_settings(Settings::from_toml(file).map_err(|error| error.to_string())?)
    }

    fn set_settings(&mut self, settings: Settings) -> Result<(), String> {
        settings.check().map_err(|error| error.to_string())?;
        if !settings.config.is_empty() {
            fill(&mut self.config, settings.config)?;
        }
        self.topics.extend(settings.topics);
        fill_some(&mut self.quota, settings.quota)?;
        fill_some(&mut self.cpu_share, settings.cpu_share)?;
        fill_some(&mut self.from, settings.from)?;
        fill_some(&mut self.fuel, settings.limits.fuel)?;
        fill_some(&mut self.memory, settings.limits.memory)?;
        fill_some(&mut self.deadline_ms, settings.limits.deadline_ms)
    }

    /// Whether it has neither a module nor a setting.
    pub(super) fn is_empty(&self) -> bool {
        let Form { module, program, language, file, config, topics, quota, cpu_share, from, .. } = self;
        let Form { fuel, memory, deadline_ms, strict, force, note, handover, host, .. } = self;
        let Form { name, predefined, parameters, .. } = self;
        let is_new = name.is_none() && predefined.is_none() && parameters.is_none();
        let texts = config.is_none() && topics.is_empty() && from.is_none() && note.is_none();
        let numbers = quota.is_none() && cpu_share.is_none() && strict.is_none() && force.is_none();
        let limits = fuel.is_none() && memory.is_none() && deadline_ms.is_none();
        let none = module.is_none() && program.is_none() && language.is_none() && file.is_none();
        none && handover.is_none() && host.is_none() && is_new && texts && numbers && limits
    }

    /// The program, if there is one instead of a module. `name` is the filter's.
    fn program(&mut self, name: &str) -> Result<Option<Program>, Problem> {
        let Some(text) = self.program.take() else {
            return match (self.language, &self.file) {
                (None, None) => Ok(None),
                _ => Err(Problem::Part { name: "program".to_owned(), reason: "it is missing".to_owned() }),
            };
        };
        if self.module.is_some() || self.predefined.is_some() {
            let reason = "there is a module as well; one of the two is the filter".to_owned();
            return Err(Problem::Part { name: "program".to_owned(), reason });
        }
        let language = self.language.unwrap_or(&LANGUAGES[0]);
        let file = self.file.take().unwrap_or_else(|| format!("{name}.{}", language.ending));
        Ok(Some(Program { language, file, text }))
    }

    /// What is to be uploaded as the filter of this name, and what it is still to be given. The runner of a program is one
    /// of `runners`.
    pub(super) fn finish(mut self, name: &str, runners: &Runners) -> Result<(Upload, Wanted), Problem> {
        let program = self.program(name)?;
        if let Some(program) = &program {
            self.module = Some(runners.read(program.language)?);
        }
        let module = match (self.module, &self.predefined) {
            (Some(module), None) => module,
            (None, Some(_)) => Vec::new(),
            (None, None) => return Err(wrong_module("it is missing; `predefined` takes that of a predefined filter")),
            (Some(_), Some(_)) => return Err(wrong_module("there is that of `predefined`, too; send one of them")),
        };
        let wanted = Wanted { predefined: self.predefined, parameters: self.parameters.unwrap_or_default() };
        let mut settings = Settings {
            config: self.config.unwrap_or_default(),
            topics: self.topics,
            quota: self.quota,
            cpu_share: self.cpu_share,
            from: self.from,
            ..Settings::default()
        };
        settings.limits.fuel = self.fuel;
        settings.limits.memory = self.memory;
        settings.limits.deadline_ms = self.deadline_ms;
        let is_changed =
            settings != Settings::default() || !wanted.parameters.is_empty() || wanted.predefined.is_some();
        if self.handover.is_some() && is_changed {
            let reason = "the settings are in it; no others can be given".to_owned();
            return Err(Problem::Part { name: "handover".to_owned(), reason });
        }
        if let Some(program) = program {
            program.fill(&mut settings)?;
        }
        let strict = self.strict.unwrap_or(false);
        let note = self.note.unwrap_or_default();
        // A filter that comes from another host was tried there.
        let trial = match self.handover {
            Some(_) => Trial::Without,
            None => Trial::unless(self.force.unwrap_or(false)),
        };
        let upload = Upload { module, settings, strict, trial, note, handover: self.handover, ..Upload::default() };
        Ok((upload, wanted))
    }
}

fn wrong_module(reason: &str) -> Problem {
    Problem::Part { name: "module".to_owned(), reason: reason.to_owned() }
}

const NO_SETTING: &str = "there is no such setting; there are predefined, parameters, language, file, config, topics, quota, cpu_share, from, fuel, memory, \
                          deadline_ms, note, strict, force and host, or settings with a file of these";

/// Sets a value, unless it has been set before.
fn fill<T>(slot: &mut Option<T>, value: T) -> Result<(), String> {
    if slot.replace(value).is_some() { Err("it is given twice".to_owned()) } else { Ok(()) }
}

fn fill_some<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), String> {
    value.map_or(Ok(()), |value| fill(slot, value))
}

fn truth(value: &str) -> Result<bool, String> {
    match value.trim() {
        "true" | "1" | "" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("{:?} is neither true nor false", other.chars().take(40).collect::<String>())),
    }
}

/// A share of a processor.
fn share(value: &str) -> Result<f64, String> {
    let share = value.trim().parse().ok().filter(|share| (MIN_CPU_SHARE..=1.0).contains(share));
    share.ok_or_else(|| format!("it is not a number from {MIN_CPU_SHARE} to 1"))
}

/// Sets a number, unless it has been set before. None of them may be 0, which would let nothing through.
fn number<T: FromStr + Default + PartialEq>(slot: &mut Option<T>, value: &str) -> Result<(), String> {
    let value = value.trim();
    let number = value.parse().map_err(|_| {
        let shown: String = value.chars().take(40).collect();
        format!("{shown:?} is not a whole number, or is too large")
    })?;
    if number == T::default() {
        return Err("it must be 1 or more".to_owned());
    }
    fill(slot, number)
}
