//! The demo's filters: the examples, each with many configs.

use std::path::Path;

use crate::commands::common::UsageError;
use crate::filters::{Settings, Upload};

/// The name of an example, and the function that makes its config number `step`. `x` is that number scaled to a range
/// from 0 to 1.
type Example = (&'static str, fn(step: usize, x: f64) -> String);

const LSST: [Example; 5] = [
    ("lsst-bright", |_, x| format!("magnitude = {:?}", 19.0 + 5.0 * x)),
    ("lsst-rising", |_, x| format!("factor = {:?}", 1.1 + 2.0 * x)),
    ("lsst-moving", |_, x| format!("snr = {:?}", 5.0 + 20.0 * x)),
    ("lsst-new", |_, x| format!("reliability = {:?}", 0.9 * x)),
    ("lsst-cone", |_, x| format!("ra = {:?}\ndec = -20.0\nradius = 60.0", 360.0 * x)),
];

const ZTF: [Example; 7] = [
    ("asteroid", |_, x| format!("distance = {:?}", 1.0 + 30.0 * x)),
    ("bright", |_, x| format!("magnitude = {:?}", 15.0 + 5.0 * x)),
    ("clean", |_, x| format!("real = {:?}", 0.3 + 0.6 * x)),
    ("transient", |_, x| format!("step = {:?}", (10.0 + 60.0 * x) / 1440.0)),
    ("rising", |_, x| format!("rise = {:?}", 0.1 + 0.9 * x)),
    ("new", |step, _| format!("detections = {step}")),
    ("cone", |_, x| format!("radius = {:?}", 0.5 + 5.0 * x)),
];

/// Takes `count` filters from the survey's examples in turn, no two with the same config.
///
/// # Errors
/// Returns a [`UsageError`] if a module is not in the folder.
pub fn choose(folder: &Path, ztf: bool, count: usize) -> Result<Vec<(String, Upload)>, UsageError> {
    let examples: &[Example] = if ztf { &ZTF } else { &LSST };
    let modules: Vec<Vec<u8>> = examples.iter().map(|(name, _)| read(folder, name)).collect::<Result<_, _>>()?;
    let steps = count.div_ceil(examples.len());
    let filter = |number: usize| {
        let (of, step) = (number % examples.len(), number / examples.len());
        let (name, config) = examples[of];
        let config = config(step, step as f64 / steps as f64);
        let settings = Settings { config, ..Settings::default() };
        (format!("{name}-{step:02}"), Upload { module: modules[of].clone(), settings, ..Upload::default() })
    };
    Ok((0..count).map(filter).collect())
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, UsageError> {
    let path = folder.join(name).with_extension("wasm");
    std::fs::read(&path).map_err(|error| {
        let hint = "build the examples with `make filters`, or say where they are with --modules";
        UsageError(format!("cannot read {}: {error}; {hint}", path.display()))
    })
}
