//! What a host says of itself.

use serde::{Deserialize, Serialize};

use crate::http_client::Address;

/// The largest announcement in bytes.
const BYTES: usize = 64 << 10;

/// What a host says of itself to others with the same registry, every few seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its name (`--name`).
    pub name: String,
    /// The address of its API. `None`: others can't reach it.
    #[serde(default)]
    pub url: Option<String>,
    /// The topics of alerts that it reads, sorted.
    #[serde(default)]
    pub topics: Vec<String>,
    /// What it puts before a filter's name to make the name of its topic.
    #[serde(default)]
    pub output_prefix: String,
    /// The id of its Kafka cluster, once it is known.
    #[serde(default)]
    pub cluster: Option<String>,
    /// How many filters it has in its folder, which are not in the registry.
    #[serde(default)]
    pub folder: usize,
    /// The version of the program.
    #[serde(default)]
    pub version: String,
}

impl Announcement {
    /// Reads an announcement. `None` if it is none, or that of another host than the key says.
    pub fn parse(key: &[u8], value: &[u8]) -> Option<Announcement> {
        let announcement: Announcement = serde_json::from_slice(value.get(..BYTES).map_or(value, |_| &[])).ok()?;
        let is_address = |url: &String| Address::parse(url, None).is_ok_and(|url| url.authorization().is_none());
        let is_right = announcement.name.as_bytes() == key && announcement.url.iter().all(is_address);
        is_right.then_some(announcement)
    }

    /// Whether a filter may as well be on the one host as on the other.
    pub fn is_like(&self, other: &Announcement) -> bool {
        self.topics == other.topics && self.output_prefix == other.output_prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_announcement() {
        let of = |name: &str, url: &str| Announcement {
            name: name.to_owned(),
            url: Some(url.to_owned()),
            ..Announcement::default()
        };
        let parse = |key: &str, announcement: &Announcement| {
            Announcement::parse(key.as_bytes(), &serde_json::to_vec(announcement).unwrap())
        };
        let good = of("a", "http://node1:8080");
        assert_eq!(parse("a", &good), Some(good.clone()));
        assert_eq!(parse("b", &good), None);
        for url in ["ftp://node1", "http://user:secret@node1", "node1:8080", ""] {
            assert_eq!(parse("a", &of("a", url)), None, "{url}");
        }
        assert_eq!(Announcement::parse(b"a", b"{"), None);
        let large = Announcement { topics: vec!["x".repeat(BYTES)], ..good };
        assert_eq!(parse("a", &large), None);
    }
}
