//! Names of exposures.

use std::fmt;

use super::value::text;

/// Bytes that a name has room for.
const ROOM: usize = 39;
/// Bytes that are kept of a name that is longer. A hash of all of it follows.
const KEPT: usize = ROOM - 17;

/// The name of an exposure. One of more than 39 bytes is cut, and a hash stands for the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    bytes: [u8; ROOM],
    len: u8,
}

impl Name {
    /// From what an alert has. Bytes that are not UTF-8 are written as hexadecimal digits.
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

/// FNV-1a. The standard library's hashes may differ from one release to the next; this one is kept in Kafka.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
