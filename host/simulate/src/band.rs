//! Bands and fluxes.

/// A filter of the telescope. ZTF has g, r and i only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Band {
    U,
    G,
    R,
    I,
    Z,
    Y,
}

impl Band {
    /// All bands, from blue to red.
    pub const ALL: [Band; 6] = [Band::U, Band::G, Band::R, Band::I, Band::Z, Band::Y];

    /// The band's name in alerts.
    pub fn name(self) -> &'static str {
        ["u", "g", "r", "i", "z", "y"][self as usize]
    }
}

/// Converts an AB magnitude to a flux in nanojansky.
pub fn flux(magnitude: f64) -> f64 {
    (-0.4 * std::f64::consts::LN_10 * (magnitude - 31.4)).exp()
}
