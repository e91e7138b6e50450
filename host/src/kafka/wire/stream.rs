//! Bytes to and from a broker.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use openssl::ssl::SslStream;

use super::pieces::Pieces;
use super::security::Tls;
use crate::kafka::client::connection::TICK;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(4);

/// A connection, encrypted or not. No call waits much longer than a tick.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Stream {
    /// Connects to the first address of that name that answers.
    pub(super) fn connect(host: &str, port: u16, tls: Option<&Tls>) -> Result<Stream, String> {
        let addresses = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
        let mut failure = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(tcp) => return Stream::begin(tcp, host, tls),
                Err(error) => failure = error.to_string(),
            }
        }
        Err(failure)
    }

    fn begin(tcp: TcpStream, host: &str, tls: Option<&Tls>) -> Result<Stream, String> {
        let wait = |tcp: &TcpStream, time| {
            tcp.set_read_timeout(Some(time)).and_then(|()| tcp.set_write_timeout(Some(time))).map_err(|e| e.to_string())
        };
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let Some(Tls { connector, check_name }) = tls else {
            wait(&tcp, TICK)?;
            return Ok(Stream::Plain(tcp));
        };
        wait(&tcp, CONNECT)?;
        let connector = connector.configure().map_err(|error| error.to_string())?.verify_hostname(*check_name);
        let stream = connector.connect(host, tcp).map_err(|error| format!("TLS: {error}"))?;
        wait(stream.get_ref(), TICK)?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Writes all pieces. `wait` is asked whenever that makes no progress, and ends it with an error.
    pub(super) fn write(&mut self, pieces: &Pieces<'_>, mut wait: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        let mut slices = pieces.slices();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let written = match self {
                Stream::Plain(tcp) => tcp.write_vectored(rest),
                Stream::Tls(tls) => tls.write(&rest[0]),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) => pass(error).and_then(|()| wait())?,
            }
        }
        Ok(())
    }

    /// Fills the buffer. `wait` as in [`Stream::write`].
    pub(super) fn read(&mut self, mut rest: &mut [u8], mut wait: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        while !rest.is_empty() {
            let read = match self {
                Stream::Plain(tcp) => tcp.read(rest),
                Stream::Tls(tls) => tls.read(rest),
            };
            match read {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed the connection")),
                Ok(read) => rest = &mut rest[read..],
                Err(error) => pass(error).and_then(|()| wait())?,
            }
        }
        Ok(())
    }
}

/// Not an error: nothing came, or went, within a tick.
fn pass(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
