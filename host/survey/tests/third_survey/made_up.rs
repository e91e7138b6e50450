//! A survey that does not exist, and that is unlike all existing ones.

use skysieve_survey::{Cutout, Position, Recognition, Series, Survey};

pub static MADE_UP: Survey = Survey {
    name: "Made up",
    recognition: Recognition { names: &[], fields: &[&["shot.label", "picture"]] },
    id: &["key"],
    id_copies: &["shot.key"],
    visit: &["shot.label"],
    time: &["shot.when"],
    time_copies: &[],
    position: Position { ra: &["shot.east"], dec: &["shot.north"] },
    histories: &["before"],
    cutouts: &[Cutout { name: "science", field: "picture" }, Cutout { name: "template", field: "old_picture" }],
    light_curve: &[Series {
        name: "detections",
        within: &["shot", "before[]"],
        time: &["when"],
        band: &["colour"],
        value: &["counts"],
        error: &["counts_error"],
    }],
};

pub const SCHEMA: &str = r#"{"type": "record", "name": "madeup.packet", "fields": [
    {"name": "key", "type": "string"},
    {"name": "picture", "type": ["null", {"type": "record", "name": "image", "fields": [
        {"name": "thumbnail", "type": "bytes"}, {"name": "stampData", "type": "bytes"}]}]},
    {"name": "shot", "type": {"type": "record", "name": "shot", "fields": [
        {"name": "label", "type": "string"}, {"name": "when", "type": "double"},
        {"name": "colour", "type": "string"}, {"name": "counts", "type": "float"}]}},
    {"name": "before", "type": ["null", {"type": "array", "items": "shot"}]}]}"#;

/// An alert of [`SCHEMA`]: `obs-1`, an image, a shot of 2 counts, and an earlier one of 1 count.
pub const ALERT: &[u8] = b"\x0aobs-1\x02\x02t\x0cSIMPLE\
    \x0enight 7\x00\x00\x00\x00\x10\x4c\xed\x40\x02r\x00\x00\x00\x40\
    \x02\x02\x0enight 6\x00\x00\x00\x00\xf0\x4b\xed\x40\x02r\x00\x00\x80\x3f\x00";
