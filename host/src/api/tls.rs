//! TLS for the API, with the OpenSSL that is linked for Kafka already. A certificate that was renewed counts for the next
//! connection.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use openssl::error::ErrorStack;
use openssl::ssl::{AlpnError, Ssl, SslAcceptor, SslFiletype, SslMethod, select_next_proto};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use tracing::{info, warn};

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);
/// The protocol that is spoken, in the form of RFC 7301.
const HTTP: &[u8] = b"\x08http/1.1";

/// A certificate chain and its key.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

struct State {
    acceptor: SslAcceptor,
    stamps: [Option<SystemTime>; 2],
    looked: Instant,
}

/// Why a certificate or key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or has something else in it.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key is another certificate's.
    #[error("{} is not the key of {}", key.display(), certificate.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// OpenSSL can't be used.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl Tls {
    /// Reads a certificate chain, the host's own certificate first, and its key, both as PEM.
    ///
    /// # Errors
    /// Returns a [`TlsError`], which never shows the key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let stamps = [certificate, key].map(stamp);
        let state = Mutex::new(State { acceptor: acceptor(certificate, key)?, stamps, looked: Instant::now() });
        Ok(Tls { certificate: certificate.to_owned(), key: key.to_owned(), state })
    }

    /// Agrees on keys with a client.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
        let ssl = Ssl::new(self.newest().context())?;
        let mut stream = SslStream::new(ssl, stream)?;
        Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
        Ok(stream)
    }

    /// The files as they are now. While they can't be used, because one of them is being replaced, the last ones count.
    fn newest(&self) -> SslAcceptor {
        let mut state = self.state.lock();
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            let stamps = [&*self.certificate, &*self.key].map(stamp);
            if stamps != state.stamps {
                match acceptor(&self.certificate, &self.key) {
                    Ok(acceptor) => {
                        info!(certificate = %self.certificate.display(), "a new certificate for the API");
                        (state.acceptor, state.stamps) = (acceptor, stamps);
                    }
                    Err(error) => warn!(%error, "the API's new certificate can't be used; the last one still counts"),
                }
            }
        }
        state.acceptor.clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

fn stamp(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}

fn acceptor(certificate: &Path, key: &Path) -> Result<SslAcceptor, TlsError> {
    let file = |path: &Path, why: String| TlsError::File { path: path.to_owned(), why };
    for path in [certificate, key] {
        std::fs::File::open(path).map_err(|error| file(path, error.to_string()))?;
    }
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    let chain = builder.set_certificate_chain_file(certificate);
    chain.map_err(|_| file(certificate, "it has no certificate (PEM) in it".to_owned()))?;
    let pair = builder.set_private_key_file(key, SslFiletype::PEM);
    pair.map_err(|error| match is_mismatch(&error) {
        true => TlsError::Pair { certificate: certificate.to_owned(), key: key.to_owned() },
        false => file(key, "it has no private key (PEM, without a password) in it".to_owned()),
    })?;
    builder.set_alpn_select_callback(|_, client| select_next_proto(HTTP, client).ok_or(AlpnError::NOACK));
    Ok(builder.build())
}

fn is_mismatch(error: &ErrorStack) -> bool {
    error.errors().iter().any(|error| error.reason().is_some_and(|reason| reason.contains("mismatch")))
}
