//! Random numbers that stay the same from release to release.

/// SplitMix64 (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2714064.2660195>).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns a stream that belongs to `key` alone.
    pub fn new(key: &[i64]) -> Random {
        Random(key.iter().fold(0x9e37_79b9_7f4a_7c15, |state, &part| mix(state ^ part as u64)))
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Returns a number in 0..count. The count must be far below 2^64.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.bits() as u128 * count as u128) >> 64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Normal deviates (mean 0, variance 1) that are drawn beforehand, so that noise costs no more than a look-up.
pub struct Gaussians(Vec<f32>);

impl Gaussians {
    const LENGTH: usize = 1 << 16;

    /// Draws the deviates by the method of Box and Muller.
    pub fn new() -> Gaussians {
        let mut random = Random::new(&[Gaussians::LENGTH as i64]);
        let pair = |_| {
            let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * random.unit()).sin_cos();
            [(radius * cos) as f32, (radius * sin) as f32]
        };
        Gaussians((0..Gaussians::LENGTH / 2).flat_map(pair).collect())
    }

    /// Returns one deviate.
    pub fn one(&self, random: &mut Random) -> f64 {
        f64::from(self.0[random.below(Gaussians::LENGTH)])
    }

    /// Returns several deviates at once, for a row of pixels.
    pub fn row<const N: usize>(&self, random: &mut Random) -> [f32; N] {
        let start = random.below(Gaussians::LENGTH - N);
        let mut row = [0.0; N];
        row.copy_from_slice(&self.0[start..start + N]);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_different_keys_differ() {
        let first = |key: &[i64]| Random::new(key).bits();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[1, 2]), first(&[1, 2, 0]));
    }

    #[test]
    fn deviates_are_normal() {
        let table = Gaussians::new().0;
        let mean = table.iter().sum::<f32>() / table.len() as f32;
        let variance = table.iter().map(|x| x * x).sum::<f32>() / table.len() as f32;
        let beyond_two = table.iter().filter(|x| x.abs() > 2.0).count() as f32 / table.len() as f32;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!((beyond_two - 0.0455).abs() < 0.005, "{beyond_two}");
    }
}
