//! Counts of numbers, from which medians and percentiles are read.
//!
//! A bucket is as wide as a 32nd of its power of two, so that what is read is at most 3 % too large. Only buckets that count
//! something are kept: what a filter takes varies little, so there are some ten of them, where an array of all (as in the crate
//! `hdrhistogram`) would take 16 KiB. A host keeps two hundred of these for each of a thousand filters.

/// A power of two is divided into so many buckets, as a power of two.
const DIVISION: u32 = 5;

/// How often numbers were met, by their size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The buckets that are not empty, in ascending order, and what they count.
    buckets: Vec<(u16, u64)>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// Counts a number so many times.
    pub fn add(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        let bucket = bucket_of(value);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 += times,
            Err(at) => self.buckets.insert(at, (bucket, times)),
        }
        self.count += times;
        self.max = self.max.max(value);
    }

    /// A number than which this part of all (0 to 1) are not larger, or 0 if there are none.
    pub fn at(&self, part: f64) -> u64 {
        let wanted = (self.count as f64 * part).ceil().max(1.0) as u64;
        let mut so_far = 0;
        let found = self.buckets.iter().find(|(_, times)| {
            so_far += times;
            so_far >= wanted
        });
        found.map_or(self.max, |(bucket, _)| largest_in(*bucket).min(self.max))
    }

    /// The largest number, as it was counted.
    pub fn max(&self) -> u64 {
        self.max
    }
}

/// The bucket of a number. Those below 64 have one each.
fn bucket_of(value: u64) -> u16 {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(DIVISION);
    (shift << DIVISION) as u16 + (value >> shift) as u16
}

/// The largest number in a bucket.
fn largest_in(bucket: u16) -> u64 {
    let shift = u32::from(bucket >> DIVISION).saturating_sub(1);
    let first = u64::from(bucket) - u64::from(shift << DIVISION);
    (first << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_are_exact() {
        let mut numbers = Histogram::default();
        assert_eq!((numbers.at(0.5), numbers.max()), (0, 0));
        (1..=50).for_each(|value| numbers.add(value, 2));
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|part| numbers.at(part)), [1, 25, 50, 50]);
        numbers.add(1_000_000, 1);
        assert_eq!((numbers.at(0.99), numbers.at(1.0), numbers.max()), (50, 1_000_000, 1_000_000));
    }

    proptest! {
        #[test]
        fn a_percentile_is_at_most_a_32nd_too_large(mut values in prop::collection::vec(any::<u64>(), 1..200), part in 0.0..=1.0f64) {
            let mut numbers = Histogram::default();
            values.iter().for_each(|value| numbers.add(*value, 1));
            values.sort_unstable();
            let exact = values[((values.len() as f64 * part).ceil() as usize).max(1) - 1];
            let found = numbers.at(part);
            prop_assert!(found >= exact && found - exact <= exact / 32, "{found} for {exact}");
            prop_assert_eq!(numbers.max(), *values.last().unwrap());
        }
    }
}
