//! Authentication with a broker: PLAIN (RFC 4616) and SCRAM (RFC 5802).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::security::{Credentials, Mechanism};

/// How many rounds of hashing a server may ask for. Fewer would make it cheap for an eavesdropper to guess the password
/// (RFC 7677, section 4), and more would take over a second.
const ROUNDS: std::ops::RangeInclusive<usize> = 4096..=1 << 20;

/// Sends a message and waits for the answer.
pub(super) trait Exchange {
    /// What went wrong on the way.
    type Error: From<String>;
    /// One round trip.
    fn exchange(&mut self, message: Vec<u8>) -> Result<Vec<u8>, Self::Error>;
}

impl Mechanism {
    /// Its registered name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Goes through the mechanism's exchange. Succeeds if the broker accepts this client and, where the mechanism provides for
/// it, has shown that it knows the password too.
pub(super) fn authenticate<E: Exchange>(broker: &mut E, who: &Credentials) -> Result<(), E::Error> {
    let digest = match who.mechanism {
        Mechanism::Plain => {
            broker.exchange(format!("\0{}\0{}", who.user, who.password).into_bytes())?;
            return Ok(());
        }
        Mechanism::ScramSha256 => MessageDigest::sha256(),
        Mechanism::ScramSha512 => MessageDigest::sha512(),
    };
    let mut nonce = [0; 24];
    openssl::rand::rand_bytes(&mut nonce).map_err(|error| error.to_string())?;
    scram(broker, who, digest, &BASE64.encode(nonce))
}

fn scram<E: Exchange>(broker: &mut E, who: &Credentials, digest: MessageDigest, nonce: &str) -> Result<(), E::Error> {
    let user = who.user.replace('=', "=3D").replace(',', "=2C");
    let first = format!("n={user},r={nonce}");
    let answer = text(broker.exchange(format!("n,,{first}").into_bytes())?)?;
    let challenge = Challenge::read(&answer, nonce)?;
    let end = format!("c=biws,r={}", challenge.nonce);
    let proof = Proof::new(who, digest, &challenge, &format!("{first},{answer},{end}"))?;
    let last = text(broker.exchange(format!("{end},p={}", BASE64.encode(proof.client)).into_bytes())?)?;
    let verifier = last.strip_prefix("v=").and_then(|text| BASE64.decode(text.trim_end()).ok());
    match verifier {
        Some(verifier) if verifier.len() == proof.server.len() && memcmp::eq(&verifier, &proof.server) => Ok(()),
        _ => Err("the broker does not know the password".to_owned().into()),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "an answer of SCRAM is not UTF-8".to_owned())
}

/// A server's first message.
pub(in crate::kafka) struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: usize,
}

impl Challenge<'_> {
    /// Reads it.
    ///
    /// # Errors
    /// When it is malformed, does not go on with our nonce, or asks for too few or too many rounds.
    pub(in crate::kafka) fn read<'a>(answer: &'a str, ours: &str) -> Result<Challenge<'a>, String> {
        let part = |name: &str| answer.split(',').find_map(|part| part.strip_prefix(name));
        let nonce = part("r=").filter(|nonce| nonce.starts_with(ours) && nonce.len() > ours.len());
        let salt = part("s=").and_then(|salt| BASE64.decode(salt).ok());
        let rounds: Option<usize> = part("i=").and_then(|rounds| rounds.parse().ok());
        let (Some(nonce), Some(salt), Some(rounds)) = (nonce, salt, rounds) else {
            return Err("the broker's first message of SCRAM is malformed".to_owned());
        };
        if !ROUNDS.contains(&rounds) {
            let (least, most) = ROUNDS.into_inner();
            return Err(format!("the broker asks for {rounds} iterations of SCRAM; {least} to {most} are accepted"));
        }
        Ok(Challenge { nonce, salt, rounds })
    }
}

/// What shows that each side knows the password.
struct Proof {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Proof {
    fn new(who: &Credentials, digest: MessageDigest, challenge: &Challenge<'_>, said: &str) -> Result<Proof, String> {
        let make = || {
            let mut salted = vec![0; digest.size()];
            pbkdf2_hmac(who.password.as_bytes(), &challenge.salt, challenge.rounds, digest, &mut salted)?;
            let key = sign(&salted, digest, b"Client Key")?;
            let stored = openssl::hash::hash(digest, &key)?;
            let signature = sign(&stored, digest, said.as_bytes())?;
            let client = key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
            let server = sign(&sign(&salted, digest, b"Server Key")?, digest, said.as_bytes())?;
            Ok(Proof { client, server })
        };
        make().map_err(|error: openssl::error::ErrorStack| error.to_string())
    }
}

/// HMAC.
fn sign(key: &[u8], digest: MessageDigest, message: &[u8]) -> Result<Vec<u8>, openssl::error::ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(digest, &key)?;
    signer.update(message)?;
    signer.sign_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers what it was told to, and keeps what it heard.
    struct Script(Vec<&'static str>, Vec<String>);

    impl Exchange for Script {
        type Error = String;
        fn exchange(&mut self, message: Vec<u8>) -> Result<Vec<u8>, String> {
            self.1.push(String::from_utf8(message).unwrap());
            Ok(self.0.remove(0).as_bytes().to_vec())
        }
    }

    fn who(mechanism: Mechanism) -> Credentials {
        Credentials { mechanism, user: "user".to_owned(), password: "pencil".to_owned() }
    }

    /// The exchange of RFC 7677, section 3.
    const FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn scram_as_its_standard_shows() {
        let run = |last| {
            let mut script = Script(vec![FIRST, last], Vec::new());
            let who = who(Mechanism::ScramSha256);
            let result = scram(&mut script, &who, MessageDigest::sha256(), "rOprNGfwEbeRWgbNEkqO");
            (result, script.1)
        };
        let (result, said) = run("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(result, Ok(()));
        assert_eq!(said[0], "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert!(said[1].ends_with(proof), "{}", said[1]);
        assert!(run("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").0.is_err(), "an impostor");
        assert!(run("e=other-error").0.is_err());
    }

    #[test]
    fn malformed_challenges_and_too_few_or_too_many_rounds() {
        let refused = |answer: &str| Challenge::read(answer, "nonce").err().unwrap_or_default();
        for answer in ["", "r=x,s=AA==,i=4096", "r=nonceX,s=!,i=4096", "r=nonce,s=AA==,i=4096", "r=nonceX,s=AA==,i=-1"]
        {
            assert!(refused(answer).contains("malformed"), "{answer}");
        }
        for (rounds, accepted) in
            [(0, false), (1, false), (4095, false), (4096, true), (1 << 20, true), (99_999_999, false)]
        {
            let why = refused(&format!("r=nonceX,s=AA==,i={rounds}"));
            assert!(why.is_empty() == accepted && (accepted || why.contains(&rounds.to_string())), "{rounds}: {why}");
        }
    }

    #[test]
    fn plain_says_it_all_at_once() {
        let mut script = Script(vec![""], Vec::new());
        authenticate(&mut script, &who(Mechanism::Plain)).unwrap();
        assert_eq!(script.1, ["\0user\0pencil"]);
    }
}
