//! How connections are protected, as librdkafka's properties say.

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode};
use openssl::x509::X509;

use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;

/// What a connection needs before it can be used.
pub(in crate::kafka) struct Security {
    /// TLS, if wanted.
    pub(super) tls: Option<Tls>,
    /// SASL, if wanted.
    pub(super) sasl: Option<Credentials>,
}

/// How TLS is begun.
pub(super) struct Tls {
    pub(super) connector: SslConnector,
    /// Whether the broker's certificate must be for the name that was connected to.
    pub(super) check_name: bool,
}

/// Who this client is.
pub(super) struct Credentials {
    pub(super) mechanism: Mechanism,
    pub(super) user: String,
    pub(super) password: String,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

/// The properties about security that are understood here.
const KNOWN: [&str; 15] = [
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
];

impl Options {
    /// Checks the overrides for a host, which publishes without librdkafka and knows fewer SASL mechanisms.
    ///
    /// # Errors
    /// As [`Options::check`]'s.
    pub fn check_host(&self) -> Result<(), Error> {
        self.check()?;
        if self.property(&["compression.codec", "compression.type"]).is_some() {
            let problem = "hosts don't publish by librdkafka: there is --compression for it".to_owned();
            return Err(Error::Property { key: "compression.type".to_owned(), problem });
        }
        Security::of(self).map(drop)
    }
}

impl Security {
    /// Reads the overrides.
    pub(in crate::kafka) fn of(options: &Options) -> Result<Security, Error> {
        let protocol = options.property(&["security.protocol"]).unwrap_or("plaintext").to_ascii_lowercase();
        let (tls, sasl) = match &*protocol {
            "plaintext" => (false, false),
            "ssl" => (true, false),
            "sasl_plaintext" => (false, true),
            "sasl_ssl" => (true, true),
            _ => return Err(problem("security.protocol", "plaintext, ssl, sasl_plaintext or sasl_ssl")),
        };
        let about = |key: &str| key.starts_with("ssl.") && tls || key.contains("sasl.") && sasl;
        match options.overrides.iter().find(|(key, _)| about(key) && !KNOWN.contains(&&**key)) {
            Some((key, _)) => Err(problem(key, "hosts can't use this property when they publish")),
            None => Ok(Security {
                tls: if tls { Some(Tls::of(options)?) } else { None },
                sasl: if sasl { Some(Credentials::of(options)?) } else { None },
            }),
        }
    }
}

impl Credentials {
    fn of(options: &Options) -> Result<Credentials, Error> {
        let name = "sasl.mechanism";
        let mechanism = match options.property(&[name, "sasl.mechanisms"]) {
            Some("PLAIN") => Mechanism::Plain,
            Some("SCRAM-SHA-256") => Mechanism::ScramSha256,
            Some("SCRAM-SHA-512") => Mechanism::ScramSha512,
            _ => return Err(problem(name, "hosts can use PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512")),
        };
        let required = |key: &str| {
            options.property(&[key]).map(str::to_owned).ok_or_else(|| problem(key, "the mechanism needs it"))
        };
        Ok(Credentials { mechanism, user: required("sasl.username")?, password: required("sasl.password")? })
    }
}

impl Tls {
    /// TLS without a check of certificates, only to find out whether a listener speaks it: nothing secret is sent.
    pub(super) fn unchecked() -> Option<Tls> {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).ok()?;
        builder.set_verify(SslVerifyMode::NONE);
        Some(Tls { connector: builder.build(), check_name: false })
    }

    fn of(options: &Options) -> Result<Tls, Error> {
        let mut builder =
            SslConnector::builder(SslMethod::tls_client()).map_err(|error| failed("security.protocol", &error))?;
        trust(&mut builder, options)?;
        identify(&mut builder, options)?;
        if options.property(&["enable.ssl.certificate.verification"]) == Some("false") {
            builder.set_verify(SslVerifyMode::NONE);
        }
        let check_name = options.property(&["ssl.endpoint.identification.algorithm"]) != Some("none");
        Ok(Tls { connector: builder.build(), check_name })
    }
}

/// Whose certificates are believed: the system's, unless others are named.
fn trust(builder: &mut SslConnectorBuilder, options: &Options) -> Result<(), Error> {
    if let Some(path) = options.property(&["ssl.ca.location"]).filter(|path| *path != "probe") {
        let key = "ssl.ca.location";
        let found = std::fs::metadata(path).map_err(|error| problem(key, &format!("{path}: {error}")))?;
        let (file, folder) = if found.is_dir() { (None, Some(path)) } else { (Some(path), None) };
        builder
            .load_verify_locations(file.map(AsRef::as_ref), folder.map(AsRef::as_ref))
            .map_err(|e| failed(key, &e))?;
    }
    if let Some(pem) = options.property(&["ssl.ca.pem"]) {
        for certificate in X509::stack_from_pem(pem.as_bytes()).map_err(|error| failed("ssl.ca.pem", &error))? {
            builder.cert_store_mut().add_cert(certificate).map_err(|error| failed("ssl.ca.pem", &error))?;
        }
    }
    Ok(())
}

/// This client's own certificate, if it has one.
fn identify(builder: &mut SslConnectorBuilder, options: &Options) -> Result<(), Error> {
    let password = options.property(&["ssl.key.password"]).unwrap_or("").as_bytes();
    if let Some(pem) = text(options, "ssl.certificate.location", "ssl.certificate.pem")? {
        let mut chain = X509::stack_from_pem(&pem).map_err(|e| failed("ssl.certificate", &e))?.into_iter();
        let first = chain.next().ok_or_else(|| problem("ssl.certificate", "there is no certificate in it"))?;
        builder.set_certificate(&first).map_err(|error| failed("ssl.certificate", &error))?;
        for more in chain {
            builder.add_extra_chain_cert(more).map_err(|error| failed("ssl.certificate", &error))?;
        }
    }
    if let Some(pem) = text(options, "ssl.key.location", "ssl.key.pem")? {
        let key = PKey::private_key_from_pem_passphrase(&pem, password).map_err(|e| failed("ssl.key", &e))?;
        set_key(builder, &key, "ssl.key")?;
    }
    if let Some(store) = text(options, "ssl.keystore.location", "")? {
        let name = "ssl.keystore.location";
        let password = options.property(&["ssl.keystore.password"]).unwrap_or("");
        let parsed = Pkcs12::from_der(&store).and_then(|store| store.parse2(password));
        let parsed = parsed.map_err(|error| failed(name, &error))?;
        if let (Some(certificate), Some(key)) = (parsed.cert, parsed.pkey) {
            builder.set_certificate(&certificate).map_err(|error| failed(name, &error))?;
            set_key(builder, &key, name)?;
            // Brokers may know only the authority at the end of the chain.
            for more in parsed.ca.into_iter().flatten() {
                builder.add_extra_chain_cert(more).map_err(|error| failed(name, &error))?;
            }
        }
    }
    Ok(())
}

fn set_key(builder: &mut SslConnectorBuilder, key: &PKey<Private>, name: &str) -> Result<(), Error> {
    builder.set_private_key(key).map_err(|error| failed(name, &error))
}

/// Reads what is in a file or in the property itself, if either is given.
fn text(options: &Options, location: &str, inline: &str) -> Result<Option<Vec<u8>>, Error> {
    if let Some(pem) = options.property(&[inline]) {
        return Ok(Some(pem.as_bytes().to_vec()));
    }
    let read = |path: &str| std::fs::read(path).map_err(|error| problem(location, &format!("{path}: {error}")));
    options.property(&[location]).map(read).transpose()
}

fn problem(key: &str, problem: &str) -> Error {
    Error::Property { key: key.to_owned(), problem: problem.to_owned() }
}

fn failed(key: &str, error: &ErrorStack) -> Error {
    problem(key, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(overrides: &[(&str, &str)]) -> Result<Security, String> {
        let options =
            overrides.iter().fold(Options::new("127.0.0.1:1"), |options, (key, value)| options.with(key, value));
        Security::of(&options).map_err(|error| error.to_string())
    }

    #[test]
    fn plaintext_needs_nothing() {
        let none = of(&[("ssl.cipher.suites", "x"), ("sasl.mechanism", "GSSAPI"), ("client.id", "x")]).unwrap();
        assert!(none.tls.is_none() && none.sasl.is_none());
    }

    #[test]
    fn the_last_value_counts() {
        let overrides = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "me"),
            ("sasl.password", "old"),
            ("sasl.password", "new"),
            ("ssl.endpoint.identification.algorithm", "none"),
        ];
        let Security { tls, sasl } = of(&overrides).unwrap();
        let (tls, sasl) = (tls.unwrap(), sasl.unwrap());
        assert!(!tls.check_name);
        assert_eq!((sasl.mechanism, &*sasl.user, &*sasl.password), (Mechanism::ScramSha512, "me", "new"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |overrides: &[(&str, &str)], words: &[&str]| {
            let error = of(overrides).err().unwrap_or_default();
            words.iter().for_each(|word| assert!(error.contains(word), "{overrides:?}: {error}"));
        };
        let sasl = ("security.protocol", "sasl_plaintext");
        check(&[("security.protocol", "tls")], &["-X security.protocol", "sasl_ssl"]);
        check(&[sasl, ("sasl.mechanism", "OAUTHBEARER")], &["-X sasl.mechanism", "SCRAM-SHA-512"]);
        check(&[sasl, ("sasl.mechanism", "PLAIN"), ("sasl.username", "me")], &["-X sasl.password"]);
        check(&[("security.protocol", "ssl"), ("ssl.crl.location", "x")], &["-X ssl.crl.location", "publish"]);
        check(&[("security.protocol", "ssl"), ("ssl.ca.location", "/no/such")], &["-X ssl.ca.location", "/no/such"]);
        check(&[("security.protocol", "ssl"), ("ssl.certificate.pem", "x")], &["-X ssl.certificate"]);
        check(&[("security.protocol", "ssl"), ("ssl.key.pem", "x")], &["-X ssl.key"]);
    }
}
