//! Asks the API of a running host.

use std::io::Read;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::request::Builder;
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use ureq::{Agent, Body};

use super::address::Address;
use super::agent::{CertificateError, agent, agent_config, roots, trusting};
use super::events::Events;

/// How long a request may take. A host compiles an upload before it answers.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a stream of events may take. Hosts end them earlier.
const STREAM: Duration = Duration::from_secs(1800);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The media type of a body of which nothing else is known.
const BYTES: &str = "application/octet-stream";
/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 64 << 20;
/// The characters that are escaped in a part of a path or query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of a host's API.
#[derive(Debug)]
pub struct ApiClient {
    agent: Agent,
    address: Address,
    /// The value of the `Authorization` header, if there is a token.
    token: Option<HeaderValue>,
    /// Further headers.
    headers: HeaderMap,
}

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The host does not answer. It may do so later.
    #[error("no host answers at {url}: {reason}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// Why there is no answer.
        reason: String,
    },
    /// The host refuses the request.
    #[error("{message}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The host's code for programs.
        code: String,
        /// The host's message for people.
        message: String,
    },
    /// Something else answers, or a host of another version.
    #[error("{url} does not answer as a host does (status {status}): is it the address of a host?")]
    NotAHost {
        /// What was asked for.
        url: String,
        /// The status of the answer.
        status: u16,
    },
}

/// What counts of a host's refusal, a problem document.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

impl ApiClient {
    /// A client that connects when it is first used.
    pub fn new(address: Address) -> ApiClient {
        ApiClient::by(agent(), address, None)
    }

    /// The same client, which trusts the certificates (PEM) in `ca` instead of those that the system trusts.
    ///
    /// # Errors
    /// Returns a [`CertificateError`] if there is none in it.
    pub fn trusting(self, ca: &[u8]) -> Result<ApiClient, CertificateError> {
        let agent = agent_config(trusting(roots(ca)?)).build().new_agent();
        Ok(ApiClient { agent, ..self })
    }

    /// A client that connects as `agent` does, and says with a header who it is.
    pub(super) fn by(agent: Agent, address: Address, token: Option<HeaderValue>) -> ApiClient {
        ApiClient { agent, address, token, headers: HeaderMap::new() }
    }

    /// Adds a header to all requests. A value that can't be one is left out.
    pub fn with_header(mut self, name: &'static str, value: &str) -> ApiClient {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// A client that says with a token who it is. A user and password in the address, as a proxy may want them, count more.
    /// Returns `None` if that can't be a token.
    pub fn with_token(address: Address, token: &str) -> Option<ApiClient> {
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| is_token)?;
        // It is not shown where requests are.
        value.set_sensitive(true);
        Some(ApiClient { token: Some(value), ..ApiClient::new(address) })
    }

    /// Gets what is at a path, such as `/api/v1/filters`.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, &[])
    }

    /// Posts a body.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        self.send(Method::POST, path, body)
    }

    /// Puts a body.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        self.send(Method::PUT, path, body)
    }

    /// Changes what is at a path.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn patch<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, ClientError> {
        self.send(Method::PATCH, path, body)
    }

    /// Gets the bytes at a path, such as a module.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.send_body(Method::GET, path, &[], BYTES)
    }

    /// Puts a form of parts, each with its name.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn put_form<T: DeserializeOwned>(&self, path: &str, parts: &[(&str, &[u8])]) -> Result<T, ClientError> {
        let (body, kind) = form(parts);
        self.parse(path, self.send_body(Method::PUT, path, &body, &kind)?)
    }

    /// Posts a form of parts, each with its name.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn post_form<T: DeserializeOwned>(&self, path: &str, parts: &[(&str, &[u8])]) -> Result<T, ClientError> {
        let (body, kind) = form(parts);
        self.parse(path, self.send_body(Method::POST, path, &body, &kind)?)
    }

    /// Follows the events at a path, those behind the one with the id `last`. The stream ends at some time.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn events(&self, path: &str, last: Option<&str>) -> Result<Events<impl Read + Send + use<>>, ClientError> {
        let url = self.address.join(path);
        let no_answer = |error: ureq::Error| ClientError::NoAnswer { url: url.clone(), reason: error.to_string() };
        let mut request = self.request(Method::GET, &url, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let opened = request.body(()).map_err(ureq::Error::from).and_then(|request| self.run_for(request, STREAM));
        let mut response = opened.map_err(no_answer)?;
        let status = response.status().as_u16();
        let kind = response.headers().get(header::CONTENT_TYPE);
        if status == 200 && kind.is_some_and(|kind| kind == "text/event-stream") {
            return Ok(Events::new(response.into_body().into_reader()));
        }
        let answer = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(no_answer)?;
        Err(self.refusal(url.clone(), status, &answer))
    }

    /// Deletes what is at a path.
    ///
    /// # Errors
    /// Returns a [`ClientError`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::DELETE, path, &[])
    }

    fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: &[u8]) -> Result<T, ClientError> {
        self.parse(path, self.send_body(method, path, body, BYTES)?)
    }

    fn parse<T: DeserializeOwned>(&self, path: &str, answer: Vec<u8>) -> Result<T, ClientError> {
        let not_a_host = |_| ClientError::NotAHost { url: self.address.join(path), status: 200 };
        serde_json::from_slice(&answer).map_err(not_a_host)
    }

    fn send_body(&self, method: Method, path: &str, body: &[u8], kind: &str) -> Result<Vec<u8>, ClientError> {
        let url = self.address.join(path);
        let (status, answer) = self.ask(method, &url, body, kind).map_err(|error| {
            let url = url.clone();
            ClientError::NoAnswer { url, reason: error.to_string() }
        })?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(self.refusal(url, status, &answer))
    }

    /// Why there is no other answer.
    fn refusal(&self, url: String, status: u16, answer: &[u8]) -> ClientError {
        match serde_json::from_slice(answer) {
            Ok(Problem { code, detail }) => {
                let message = format!("{detail}{}", self.advice(status));
                ClientError::Refused { status, code, message }
            }
            Err(_) => ClientError::NotAHost { url, status },
        }
    }

    /// What to do about an answer, beside what the host says.
    fn advice(&self, status: u16) -> &'static str {
        match status {
            401 if self.token.is_none() => {
                ". Give it with --token-file FILE, or in SKYSIEVE_TOKEN_FILE or SKYSIEVE_TOKEN"
            }
            401 => ". It came from --token-file, SKYSIEVE_TOKEN_FILE or SKYSIEVE_TOKEN",
            _ => "",
        }
    }

    fn ask(&self, method: Method, url: &str, body: &[u8], kind: &str) -> Result<(u16, Vec<u8>), ureq::Error> {
        let is_bare = matches!(method, Method::GET | Method::DELETE);
        let request = self.request(method, url, "application/json");
        let mut response = if is_bare {
            self.run(request.body(())?)?
        } else {
            self.run(request.header(header::CONTENT_TYPE, kind).body(body)?)?
        };
        let answer = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok((response.status().as_u16(), answer))
    }

    /// The beginning of a request.
    fn request(&self, method: Method, url: &str, accept: &'static str) -> Builder {
        let mut request = Request::builder().method(method).uri(url).header(header::ACCEPT, accept);
        if let Some(authorization) = self.address.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        } else if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }

    fn run(&self, request: Request<impl ureq::AsSendBody>) -> Result<Response<Body>, ureq::Error> {
        self.run_for(request, PATIENCE)
    }

    /// Sends a request, whose answer may take so long in all.
    fn run_for(&self, request: Request<impl ureq::AsSendBody>, time: Duration) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request).timeout_global(Some(time));
        let request = request.timeout_recv_response(Some(PATIENCE)).timeout_connect(Some(CONNECT)).build();
        self.agent.run(request)
    }
}

/// The body of a form, and its media type. The boundary between the parts is a text that is in none of them.
fn form(parts: &[(&str, &[u8])]) -> (Vec<u8>, String) {
    let is_in = |boundary: &str| {
        parts.iter().any(|(_, bytes)| bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes()))
    };
    let boundary = (0u64..).map(|number| format!("skysieve-part-{number:08}")).find(|boundary| !is_in(boundary));
    let boundary = boundary.expect("some text is in none of them");
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body, format!("multipart/form-data; boundary={boundary}"))
}

/// A part of a path, such as a filter's name, with what has a meaning in URLs escaped.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The query of these parameters, which is empty if there are none.
pub fn query(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use serde_json::{Value, json};

    use super::*;

    /// Answers one request, and returns the request's first line.
    fn server(status: u16, body: &str) -> (ApiClient, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::parse(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            head[0].clone()
        });
        (ApiClient::new(address), thread)
    }

    #[test]
    fn no_part_of_a_form_contains_the_boundary() {
        let (body, kind) = form(&[("module", b"\0asm skysieve-part-00000000"), ("handover", b"{}")]);
        assert_eq!(kind, "multipart/form-data; boundary=skysieve-part-00000001");
        let body = String::from_utf8(body).unwrap();
        assert!(body.ends_with("\r\n\r\n{}\r\n--skysieve-part-00000001--\r\n"), "{body}");
        assert_eq!(body.matches("--skysieve-part-00000001\r\ncontent-disposition: form-data; name=").count(), 2);
    }

    #[test]
    fn requests_and_answers() {
        let (client, asked) = server(202, r#"{"id": 3}"#);
        let path = format!("/filters/{}/replay{}", segment("a/b"), query(&[("from", "2026-05-09 03:00:00")]));
        let answer: Value = client.post(&path, b"").unwrap();
        assert_eq!(answer, json!({"id": 3}));
        assert_eq!(
            asked.join().unwrap(),
            "POST /filters/a%2Fb/replay?from=2026%2D05%2D09%2003%3A00%3A00 HTTP/1.1".replace("%2D", "-")
        );
        let (client, asked) = server(200, "[]");
        assert!(client.delete::<Vec<u8>>("/jobs/3").unwrap().is_empty());
        assert_eq!(asked.join().unwrap(), "DELETE /jobs/3 HTTP/1.1");
    }

    #[test]
    fn a_refusal_is_the_hosts_own_and_another_server_is_recognised() {
        let (client, _) = server(404, r#"{"code": "unknown_filter", "detail": "there is no filter"}"#);
        let refused = client.get::<Value>("/x").unwrap_err();
        assert!(matches!(&refused, ClientError::Refused { status: 404, code, .. } if code == "unknown_filter"));
        assert_eq!(refused.to_string(), "there is no filter");
        for (status, body) in [(404, "<html>"), (200, "<html>"), (500, "{}")] {
            let (client, _) = server(status, body);
            assert!(matches!(client.get::<Value>("/x"), Err(ClientError::NotAHost { .. })), "{status} {body}");
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = ApiClient::new(Address::parse(&format!("http://{free}"), None).unwrap());
        let error = client.put::<Value>("/x", b"module").unwrap_err();
        assert!(matches!(error, ClientError::NoAnswer { .. }) && error.to_string().contains(&free.to_string()));
    }
}
