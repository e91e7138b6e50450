//! The API over real HTTP, with fake filters behind it.

mod access;
mod checks;
mod connections;
mod fake;
mod foreign;
mod jobs;
mod moving;
mod predefined;
mod reading;
mod reports;
mod shadows;
mod tls;
mod uploading;
mod versions;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, AsSendBody, SendBody};

use super::{ApiConfig, ApiError, serve};
use crate::access::Access;
use fake::Fake;

/// This is longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a port of its own, and a client for it.
struct Server {
    address: SocketAddr,
    agent: Agent,
    control: Arc<Fake>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<Result<(), ApiError>>>,
    runtime: Runtime,
}

impl Server {
    fn start() -> Server {
        Server::with(ApiConfig::default())
    }

    fn with(config: ApiConfig) -> Server {
        Server::for_users(config, Access::open())
    }

    /// A server that lets in whom `access` does.
    fn for_users(config: ApiConfig, access: Access) -> Server {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let control = Arc::new(Fake::default());
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(serve(listener, control.clone(), access, config, async {
            let _ = stopped.await;
        }));
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        Server { address, agent, control, stop: Some(stop), task: Some(task), runtime }
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], ())
    }

    fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], ())
    }

    fn put(&self, path: &str, module: &[u8]) -> Reply {
        self.send("PUT", path, &[], module)
    }

    /// Sends the module without announcing its length.
    fn put_stream(&self, path: &str, mut module: &[u8]) -> Reply {
        self.send("PUT", path, &[], SendBody::from_reader(&mut module))
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsSendBody) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body).unwrap()).unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    /// Opens a connection on which anything can be sent.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Returns everything that is answered to `request`, until the server closes the connection.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        String::from_utf8(reply).unwrap()
    }

    /// Returns the first line that is answered to `request`; the connection may be reset after it.
    fn first_line(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Stops the server, and returns the result of `serve`.
    fn end(&mut self) -> Result<(), ApiError> {
        let task = self.task.take().unwrap();
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, task).await }).unwrap().unwrap()
    }
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is an error, and returns its message.
    #[track_caller]
    fn error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!((&json["code"], &json["status"]), (&code.into(), &status.into()), "{json}");
        assert_eq!(json["type"], format!("urn:skysieve:problem:{code}"), "{json}");
        assert!(json["title"].as_str().is_some_and(|title| !title.is_empty()), "{json}");
        json["detail"].as_str().unwrap().to_owned()
    }
}
