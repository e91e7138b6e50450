//! Looks up the addresses of a name, with a short wait.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::kafka::client::backoff::TICK;

/// How long a name server may take. The system would wait 10 s and more for a name.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks up the addresses of a name. `wait` is called from time to time, and may end the wait with an error.
pub(super) fn resolve(host: &str, port: u16, wait: impl FnMut() -> io::Result<()>) -> io::Result<Vec<SocketAddr>> {
    let name = (host.to_owned(), port);
    within(PATIENCE, wait, move || name.to_socket_addrs().map(Iterator::collect))
}

/// Runs `ask` on a thread of its own, which outlives the wait: the system's resolver can't be interrupted.
fn within<T: Send + 'static>(
    patience: Duration,
    mut wait: impl FnMut() -> io::Result<()>,
    ask: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let deadline = Instant::now() + patience;
    let (sender, answer) = channel();
    std::thread::Builder::new().name("resolve".to_owned()).spawn(move || drop(sender.send(ask())))?;
    loop {
        match answer.recv_timeout(TICK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("the name can't be looked up")),
            Err(RecvTimeoutError::Timeout) => wait()?,
        }
        if Instant::now() >= deadline {
            let why = format!("the name servers have not answered in {} s", patience.as_secs_f32());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_says_nothing_is_not_waited_for() {
        let (_hold, never) = channel::<()>();
        let ask = move || never.recv().map_err(io::Error::other);
        let error = within(2 * TICK, || Ok(()), ask).unwrap_err();
        assert!(error.kind() == io::ErrorKind::TimedOut && error.to_string().contains("name servers"), "{error}");

        let (_hold, never) = channel::<()>();
        let ask = move || never.recv().map_err(io::Error::other);
        let stopped = || Err(io::Error::other("stopped"));
        assert_eq!(within(Duration::from_secs(600), stopped, ask).unwrap_err().to_string(), "stopped");
    }

    #[test]
    fn names_and_numbers() {
        let addresses = resolve("127.0.0.1", 9092, || Ok(())).unwrap();
        assert_eq!(addresses, ["127.0.0.1:9092".parse().unwrap()]);
        assert!(resolve("no such name", 1, || Ok(())).is_err());
    }
}
