//! What a config says can be set in it.

use serde::Deserialize;
use skysieve_sdk::{Parameter, ParameterKind, ParameterType, Parameters, parse_config, toml_text};

#[derive(Debug, PartialEq, Deserialize, Parameters)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The faintest magnitude
    /// that passes.
    ///
    /// This is said to authors only.
    faint_limit: f64,
    trail: f32,
    #[serde(rename = "n")]
    count: u32,
    new: bool,
    band: String,
    /// Left out, all are.
    object: Option<i64>,
    mode: Mode,
    #[parameter(skip)]
    names: Vec<String>,
    #[serde(skip)]
    computed: f64,
    #[serde(flatten)]
    position: Position,
}

#[derive(Debug, Default, PartialEq, Deserialize, Parameters)]
struct Position {
    /// In degrees.
    ra: f64,
    #[serde(default = "equator")]
    dec: f64,
    #[serde(default)]
    radius: f64,
    epoch: Option<f64>,
}

fn equator() -> f64 {
    -1.5
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Any,
    Rising,
}

impl ParameterType for Mode {
    const KIND: ParameterKind = ParameterKind::Text;

    fn to_toml(&self) -> String {
        toml_text(&format!("{self:?}").to_lowercase())
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            faint_limit: 22.0,
            trail: f32::INFINITY,
            count: 3,
            new: true,
            band: "r\"\u{7f}\n".to_owned(),
            object: None,
            mode: Mode::default(),
            names: Vec::new(),
            computed: 0.0,
            position: Position::default(),
        }
    }
}

fn parameter(name: &str, kind: ParameterKind, default: Option<&str>, description: &'static str) -> Parameter {
    Parameter { name: name.to_owned(), kind, default: default.map(str::to_owned), description }
}

#[test]
fn fields_are_described_with_serdes_names_and_defaults() {
    use ParameterKind::{Boolean, Integer, Number, Text};
    let expected = [
        parameter("faint-limit", Number, Some("22.0"), "The faintest magnitude that passes."),
        parameter("trail", Number, Some("inf"), ""),
        parameter("n", Integer, Some("3"), ""),
        parameter("new", Boolean, Some("true"), ""),
        parameter("band", Text, Some(r#""r\"\u007f\n""#), ""),
        parameter("object", Integer, Some(""), "Left out, all are."),
        parameter("mode", Text, Some("\"any\""), ""),
        parameter("ra", Number, None, "In degrees."),
        parameter("dec", Number, Some("-1.5"), ""),
        parameter("radius", Number, Some("0.0"), ""),
        parameter("epoch", Number, Some(""), ""),
    ];
    assert_eq!(Config::parameters(), expected);
}

#[test]
fn defaults_are_what_an_upload_may_write() {
    #[derive(Debug, PartialEq, Deserialize, Parameters)]
    #[serde(default, deny_unknown_fields)]
    struct Plain {
        limit: f64,
        tiny: f64,
        band: String,
        count: i64,
    }

    impl Default for Plain {
        fn default() -> Plain {
            Plain { limit: f64::NEG_INFINITY, tiny: 1e-20, band: "a \\ \"b\"\t\u{1}é".to_owned(), count: i64::MIN }
        }
    }

    let lines = Plain::parameters().into_iter().map(|one| format!("{} = {}\n", one.name, one.default.unwrap()));
    let text: String = lines.collect();
    assert_eq!(parse_config::<Plain>(&text).unwrap(), Plain::default(), "{text}");
}

#[test]
fn a_config_that_is_read_as_another_type_has_its_parameters() {
    #[derive(Deserialize, Parameters)]
    struct Degrees {
        /// In degrees.
        radius: f64,
    }

    #[derive(Deserialize, Parameters)]
    #[serde(from = "Degrees")]
    struct Cosine(f64);

    impl From<Degrees> for Cosine {
        fn from(Degrees { radius }: Degrees) -> Cosine {
            Cosine(radius.to_radians().cos())
        }
    }

    assert_eq!(Cosine::parameters(), [parameter("radius", ParameterKind::Number, None, "In degrees.")]);
    assert_eq!(parse_config::<Cosine>("radius = 0").unwrap().0, 1.0);
}
