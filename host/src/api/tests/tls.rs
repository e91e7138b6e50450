//! The API over TLS.

use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::api::Tls;

/// Writes a certificate of that name, and its key.
fn write_pair(folder: &Path, name: &str) {
    let key: PKey<Private> = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&subject).unwrap();
    certificate.set_issuer_name(&subject).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    std::fs::write(folder.join("key.pem"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    std::fs::write(folder.join("certificate.pem"), certificate.build().to_pem().unwrap()).unwrap();
}

fn load(folder: &Path) -> Result<Tls, String> {
    let loaded = Tls::load(&folder.join("certificate.pem"), &folder.join("key.pem"));
    loaded.map_err(|error| error.to_string())
}

/// The name in the server's certificate, and the first line of its answer.
fn ask(server: &Server) -> (String, String) {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    let mut stream = connector.build().connect("localhost", server.connect()).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let certificate = stream.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap().data().to_string().unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    (name, line)
}

#[test]
fn connections_are_encrypted_and_a_renewed_certificate_counts() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), "first");
    let tls = Some(Arc::new(load(folder.path()).unwrap()));
    let server = Server::with(ApiConfig { tls, ..ApiConfig::default() });
    assert_eq!(ask(&server), ("first".to_owned(), "HTTP/1.1 200 OK\r\n".to_owned()));
    // A client without TLS gets no answer.
    let mut plain = server.connect();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    let key = std::fs::read(folder.path().join("key.pem")).unwrap();
    std::fs::write(folder.path().join("key.pem"), b"half a k").unwrap();
    let look = || std::thread::sleep(Duration::from_millis(1100));
    look();
    assert_eq!(ask(&server).0, "first");
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    write_pair(folder.path(), "second");
    look();
    assert_eq!(ask(&server), ("second".to_owned(), "HTTP/1.1 200 OK\r\n".to_owned()));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.contains("certificate.pem: No such file"), "{error}");
    write_pair(folder.path(), "first");
    let key = std::fs::read(folder.path().join("key.pem")).unwrap();
    write_pair(folder.path(), "second");
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.contains("key.pem is not the key of") && error.ends_with("certificate.pem"), "{error}");
    std::fs::write(folder.path().join("key.pem"), "hunter2").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.contains("key.pem: it has no private key") && !error.contains("hunter2"), "{error}");
    std::fs::write(folder.path().join("certificate.pem"), "nothing").unwrap();
    assert!(load(folder.path()).unwrap_err().contains("certificate.pem: it has no certificate"));
}
