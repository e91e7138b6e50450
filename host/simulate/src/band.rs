//! Bands and fluxes.

/// A filter; ZTF has the second to the fourth.
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
    /// All of them, from blue to red.
    pub const ALL: [Band; 6] = [Band::U, Band::G, Band::R, Band::I, Band::Z, Band::Y];

    /// As alerts name it.
    pub fn name(self) -> &'static str {
        ["u", "g", "r", "i", "z", "y"][self as usize]
    }
}

/// An AB magnitude as a flux in nanojansky.
pub fn flux(magnitude: f64) -> f64 {
    (-0.4 * std::f64::consts::LN_10 * (magnitude - 31.4)).exp()
}
