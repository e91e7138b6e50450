//! Bytes to and from a broker.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use openssl::ssl::{HandshakeError, SslStream};

use super::pieces::Pieces;
use super::resolve::resolve;
use super::security::Tls;
use crate::kafka::client::backoff::TICK;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(4);

/// A connection, encrypted or not. No call waits much longer than a tick.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Stream {
    /// Connects to the first address of that name that answers. `wait` ends it with an error.
    pub(super) fn connect(
        host: &str,
        port: u16,
        tls: Option<&Tls>,
        mut wait: impl FnMut() -> io::Result<()>,
    ) -> io::Result<Stream> {
        let mut failure = io::Error::other("the name has no address");
        for address in resolve(host, port, &mut wait)? {
            wait()?;
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(tcp) => return Stream::begin(tcp, host, tls, wait),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn begin(
        tcp: TcpStream,
        host: &str,
        tls: Option<&Tls>,
        mut wait: impl FnMut() -> io::Result<()>,
    ) -> io::Result<Stream> {
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(TICK))?;
        tcp.set_write_timeout(Some(TICK))?;
        let Some(Tls { connector, check_name }) = tls else { return Ok(Stream::Plain(tcp)) };
        let deadline = Instant::now() + CONNECT;
        let mut shaken = connector.configure()?.verify_hostname(*check_name).connect(host, tcp);
        loop {
            let failure = match shaken {
                Ok(stream) => return Ok(Stream::Tls(Box::new(stream))),
                Err(HandshakeError::WouldBlock(begun)) if Instant::now() < deadline => {
                    wait()?;
                    shaken = begun.handshake();
                    continue;
                }
                Err(HandshakeError::WouldBlock(_)) => "no answer".to_owned(),
                Err(failure) => failure.to_string(),
            };
            return Err(io::Error::other(format!("TLS: {failure}")));
        }
    }

    /// Writes all pieces. `wait` is called whenever that makes no progress, and may end it with an error.
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

    /// Fills the buffer. `wait` is called before each part, too, so that an answer that comes byte by byte does not last for
    /// ever.
    pub(super) fn read(&mut self, mut rest: &mut [u8], mut wait: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        while !rest.is_empty() {
            let read = match self {
                Stream::Plain(tcp) => tcp.read(rest),
                Stream::Tls(tls) => tls.read(rest),
            };
            match read {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed the connection")),
                Ok(read) => {
                    rest = &mut rest[read..];
                    wait()?;
                }
                Err(error) => pass(error).and_then(|()| wait())?,
            }
        }
        Ok(())
    }
}

/// Lets those errors pass which say that nothing came or went within a tick.
fn pass(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
