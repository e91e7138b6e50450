//! Reads a stream of [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html).

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// The longest line, in bytes.
const MAX_LINE: u64 = 1 << 20;
/// The most bytes of one event.
const MAX_EVENT: usize = 4 << 20;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// The id behind which a later stream can begin, if it has one.
    pub id: Option<String>,
    /// Its name.
    pub event: String,
    /// Its content.
    pub data: String,
}

/// The events of a stream, until it ends.
pub struct Events<R>(BufReader<R>);

impl<R: Read> Events<R> {
    /// Those that `body` has.
    pub fn new(body: R) -> Events<R> {
        Events(BufReader::new(body))
    }

    /// The next event, once it has come. An event that breaks off is left out.
    fn read(&mut self) -> io::Result<Option<ServerEvent>> {
        let mut event = ServerEvent::default();
        loop {
            let mut line = Vec::new();
            self.0.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(None);
            }
            if line.pop() != Some(b'\n') || event.data.len() > MAX_EVENT {
                return Err(io::Error::new(ErrorKind::InvalidData, "a line or an event is too long"));
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() && !event.data.is_empty() {
                return Ok(Some(event));
            }
            event.add(line);
        }
    }
}

impl<R: Read> Iterator for Events<R> {
    type Item = io::Result<ServerEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl ServerEvent {
    /// Adds a line. Comments and unknown fields are left out.
    fn add(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_with_an_empty_line() {
        let stream = b": hello\n\nevent: fault\r\nid: 7-1\r\ndata: {\"a\":\r\ndata:1}\r\n\r\n\n:\n\nretry: 5\ndata: x\n\nid: 7-2\ndata: half";
        let events: Vec<ServerEvent> = Events::new(&stream[..]).map_while(Result::ok).collect();
        let event = |id: Option<&str>, event: &str, data: &str| ServerEvent {
            id: id.map(str::to_owned),
            event: event.to_owned(),
            data: data.to_owned(),
        };
        assert_eq!(events, [event(Some("7-1"), "fault", "{\"a\":\n1}"), event(None, "", "x")]);
    }

    #[test]
    fn endless_lines_and_events_are_refused() {
        let line = io::repeat(b'x');
        assert!(Events::new(line).next().unwrap().is_err());
        let lines = b"data: 0123456789\n".repeat(MAX_EVENT / 8);
        assert!(Events::new(&lines[..]).next().unwrap().is_err());
    }
}
