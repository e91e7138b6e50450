//! A client's certificate from a PKCS#12 file, whose chain has more than one.

use std::net::{TcpListener, TcpStream};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::stack::Stack;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509NameBuilder};

use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;
use crate::kafka::wire::broker::patience;
use crate::kafka::wire::security::Security;
use crate::kafka::wire::stream::Stream;
use std::time::Duration;

/// A certificate with its key.
struct Identity {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate of that name, signed by another, or by itself.
fn certify(name: &str, number: u32, issuer: Option<&Identity>, authority: bool) -> Identity {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(number).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    if authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

/// The names in the chain that a client shows, if a listener that knows `root` alone lets it in.
fn shown(root: &Identity, store: &std::path::Path) -> Result<Vec<String>, String> {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate(&root.certificate).unwrap();
    acceptor.set_private_key(&root.key).unwrap();
    acceptor.cert_store_mut().add_cert(root.certificate.clone()).unwrap();
    acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = std::thread::spawn(move || {
        let stream: TcpStream = listener.accept().unwrap().0;
        let stream = acceptor.accept(stream).map_err(|error| error.to_string())?;
        let chain = stream.ssl().verified_chain().ok_or("there is no chain")?;
        let name = |certificate: &openssl::x509::X509Ref| {
            let entry = certificate.subject_name().entries().next().unwrap();
            entry.data().to_string().unwrap()
        };
        Ok(chain.iter().map(name).collect())
    });
    let options = Options::new("127.0.0.1:1")
        .with("security.protocol", "ssl")
        .with("enable.ssl.certificate.verification", "false")
        .with("ssl.keystore.location", store.to_str().unwrap())
        .with("ssl.keystore.password", "secret");
    let security = Security::of(&options).unwrap();
    let stop = Stop::at_once(&options);
    let _stream = Stream::connect("127.0.0.1", port, security.tls.as_ref(), patience(&stop, Duration::from_secs(20)));
    accepted.join().unwrap()
}

#[test]
fn the_chain_of_a_keystore_is_shown() {
    let root = certify("root", 1, None, true);
    let between = certify("between", 2, Some(&root), true);
    let client = certify("client", 3, Some(&between), false);
    let folder = tempfile::tempdir().unwrap();
    let store = |chain: &[&Identity]| {
        let path = folder.path().join(format!("{}.p12", chain.len()));
        let mut others = Stack::new().unwrap();
        chain.iter().for_each(|identity| others.push(identity.certificate.clone()).unwrap());
        let mut builder = Pkcs12::builder();
        builder.name("client").pkey(&client.key).cert(&client.certificate);
        if !chain.is_empty() {
            builder.ca(others);
        }
        std::fs::write(&path, builder.build2("secret").unwrap().to_der().unwrap()).unwrap();
        path
    };
    assert_eq!(shown(&root, &store(&[&between])).unwrap(), ["client", "between", "root"]);
    assert!(shown(&root, &store(&[])).is_err(), "nobody knows who signed the client's certificate");
}
