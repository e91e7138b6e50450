//! A history: the values of one alert at a path through an array.

use std::fmt;
use std::iter::FusedIterator;
use std::mem::ManuallyDrop;

use crate::element::Element;
use crate::view::View;

/// The values of one field through an array (`prv_candidates[].magpsf`), in the packet's order. It is a slice of the
/// host's buffer and cheap to copy. A null array counts as empty.
///
/// All fields through the same array have the same length, so that they can be zipped:
///
/// ```
/// # use skysieve_sdk::Column;
/// # fn latest(jd: Column<'_, f64>, mag: Column<'_, Option<f64>>) -> Option<f64> {
/// jd.iter().zip(mag).filter_map(|(jd, mag)| mag.map(|_| jd)).reduce(f64::max)
/// # }
/// ```
///
/// In tests, a column can be made from an array: `Column::from(&[Some(17.5), None])`.
pub struct Column<'a, T: Element<'a>> {
    /// There is nothing to drop. This says so whatever `T` is; otherwise the compiler, when it looks how a struct with a
    /// column of a wrong type is dropped, reports that type once more.
    values: ManuallyDrop<Source<'a, T>>,
}

enum Source<'a, T: Element<'a>> {
    Packed(T::View),
    /// For tests. In WebAssembly the enum has only the other variant, so that it costs nothing there.
    #[cfg(not(target_family = "wasm"))]
    Slice(&'a [T]),
}

impl<'a, T: Element<'a>> Column<'a, T> {
    pub(crate) fn packed(view: T::View) -> Column<'a, T> {
        Column { values: ManuallyDrop::new(Source::Packed(view)) }
    }

    /// The number of values, including nulls.
    #[inline]
    pub fn len(&self) -> usize {
        match *self.values {
            Source::Packed(view) => view.len(),
            #[cfg(not(target_family = "wasm"))]
            Source::Slice(values) => values.len(),
        }
    }

    /// Whether there are no values.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`, counted from 0. `None` if there is no such value.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        (index < self.len()).then(|| match *self.values {
            Source::Packed(view) => view.at(index),
            #[cfg(not(target_family = "wasm"))]
            Source::Slice(values) => values[index],
        })
    }

    /// The first value.
    #[inline]
    pub fn first(&self) -> Option<T> {
        self.get(0)
    }

    /// The last value.
    #[inline]
    pub fn last(&self) -> Option<T> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All values in order.
    #[inline]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter { column: *self, next: 0, end: self.len() }
    }
}

impl<'a, T: Element<'a>> Clone for Column<'a, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: Element<'a>> Copy for Column<'a, T> {}

impl<'a, T: Element<'a>> Clone for Source<'a, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: Element<'a>> Copy for Source<'a, T> {}

impl<'a, T: Element<'a>> fmt::Debug for Column<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A column without values.
impl<'a, T: Element<'a>> Default for Column<'a, T> {
    fn default() -> Self {
        Column::packed(View::empty())
    }
}

/// For tests: only in native builds.
#[cfg(not(target_family = "wasm"))]
impl<'a, T: Element<'a>> From<&'a [T]> for Column<'a, T> {
    fn from(values: &'a [T]) -> Self {
        Column { values: ManuallyDrop::new(Source::Slice(values)) }
    }
}

/// For tests: only in native builds.
#[cfg(not(target_family = "wasm"))]
impl<'a, T: Element<'a>, const N: usize> From<&'a [T; N]> for Column<'a, T> {
    fn from(values: &'a [T; N]) -> Self {
        Column { values: ManuallyDrop::new(Source::Slice(values)) }
    }
}

impl<'a, T: Element<'a>> IntoIterator for Column<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Element<'a>> IntoIterator for &Column<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// An iterator over the values of a [`Column`], from either end.
#[derive(Clone, Debug)]
pub struct Iter<'a, T: Element<'a>> {
    column: Column<'a, T>,
    next: usize,
    end: usize,
}

impl<'a, T: Element<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        self.column.get(self.next - 1)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl<'a, T: Element<'a>> DoubleEndedIterator for Iter<'a, T> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        self.end -= 1;
        self.column.get(self.end)
    }
}

impl<'a, T: Element<'a>> ExactSizeIterator for Iter<'a, T> {}

impl<'a, T: Element<'a>> FusedIterator for Iter<'a, T> {}
