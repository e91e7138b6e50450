//! Names of exposures.

use std::fmt;

use super::value::text;

/// The number of bytes that a name has room for.
const ROOM: usize = 39;
/// The number of bytes that are kept of a longer name; a hash of the whole name follows them.
const KEPT: usize = ROOM - 17;

/// The name of an exposure. If it has more than 39 bytes it is cut, and a hash stands for the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    bytes: [u8; ROOM],
    len: u8,
}

impl Name {
    /// Makes a name from a value of an alert. Bytes that are not UTF-8 are written as hexadecimal digits.
    pub fn new(bytes: &[u8]) -> Name {
        let mut name = text(bytes).into_owned();
        if name.len() > ROOM {
            let hash = fnv(bytes);
            name.truncate(name.floor_char_boundary(KEPT));
            name.push_str(&format!("~{hash:016x}"));
        }
        let mut bytes = [0; ROOM];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Name { bytes, len: name.len() as u8 }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len.into()]).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The FNV-1a hash. The standard library's hashes may differ from one release to the next, but this one is stored in
/// Kafka.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
