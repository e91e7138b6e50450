//! Runs `skysieve host` as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;

use crate::kafka::{unique, wait_for};
use crate::{await_end, binary, module, root};

/// The process of a host, which is killed when this goes out of scope.
pub struct Host {
    process: Child,
    url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Host {
    /// Starts a host for the topic `topic`, and waits until it logs its address.
    ///
    /// Tests share brokers, so each host has a registry of its own, unless the arguments say something else.
    pub fn start(brokers: &str, topic: &str, arguments: &[&str]) -> Host {
        let mut process = Command::new(binary())
            .args(["host", "--brokers", brokers, "--topic", topic, "--listen", "127.0.0.1:0"])
            .args(arguments)
            .args(registry(arguments))
            .args(open(arguments))
            .env("RUST_LOG", "info")
            // Tests compile while other tests do, and with a compiler that is not optimised.
            .env("SKYSIEVE_COMPILE_TIME", "600")
            // Hosts that are started for the same filters again and again compile them once.
            .env("SKYSIEVE_CACHE", root().join("target/tests-cache"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("{line}");
                kept.lock().push(line);
            }
        });
        let mut host = Host { process, url: String::new(), log };
        let line = host.await_log("listening=");
        let (_, address) = line.split_once("listening=").unwrap();
        host.url = format!("http://{}", address.split_whitespace().next().unwrap());
        host
    }

    /// Sends a request. Returns the status, the tag of the filter's revision if there is one, and the body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_request(method, path, headers, body).unwrap()
    }

    /// The same for a host that may be killed meanwhile.
    ///
    /// # Errors
    /// Returns an error if there is no answer.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        Client { url: self.url.clone() }.request(method, path, headers, body)
    }

    /// A client of its API, for another thread.
    pub fn client(&self) -> Client {
        Client { url: self.url.clone() }
    }

    /// Uploads a module, which must succeed.
    pub fn upload(&self, name: &str, query: &str, module: &[u8]) -> Value {
        let answer = self.request("PUT", &format!("/api/v1/filters/{name}?{query}"), &[], module);
        assert!(matches!(answer.status, 200 | 201), "{name}: {answer:?}");
        answer.json()
    }

    /// Waits for a line of the log that contains this text.
    pub fn await_log(&self, text: &str) -> String {
        let mut found = None;
        wait_for(text, || {
            found = self.log.lock().iter().find(|line| line.contains(text)).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    /// Everything that it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().join("\n")
    }

    /// What everybody on the machine can see of its start.
    pub fn command_line(&self) -> String {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.process.id())).unwrap();
        String::from_utf8_lossy(&line).replace('\0', " ")
    }

    /// Waits until the host reads the stream.
    pub fn await_reading(&self) {
        self.await_log("reading from=");
    }

    /// The address of the API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The answer to a request. `/health/ready` has one even if the host is not ready.
    pub fn get(&self, path: &str) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(format!("{}{path}", self.url)).call().unwrap().body_mut().read_to_string().unwrap()
    }

    /// The status of a filter.
    pub fn filter(&self, name: &str) -> Value {
        serde_json::from_str(&self.get(&format!("/api/v1/filters/{name}"))).unwrap()
    }

    /// The host's condition.
    pub fn health(&self) -> Value {
        serde_json::from_str(&self.get("/health/ready")).unwrap()
    }

    /// Waits until this many messages have been processed since its start.
    pub fn await_done(&self, messages: u64) {
        wait_for("messages done", || self.health()["done"].as_u64().unwrap() >= messages);
    }

    /// Waits until this much of the stream is committed, over all partitions.
    pub fn await_committed(&self, messages: i64) {
        wait_for("messages committed", || {
            let health = self.health();
            let committed = |lag: &Value| lag["committed"].as_i64().unwrap_or(0);
            health["partitions"].as_array().unwrap().iter().map(committed).sum::<i64>() >= messages
        });
    }

    /// How many times a batch had to be published once more.
    pub fn retries(&self) -> u64 {
        let metrics = self.get("/metrics");
        let mut values = metrics.lines().filter_map(|line| line.strip_prefix("skysieve_batch_retries_total "));
        values.next().unwrap_or_else(|| panic!("no count of retries: {metrics}")).parse().unwrap()
    }

    /// The memory that the process has, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("processes have memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Sends SIGSTOP.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success(), "no SIG{signal} for the host");
    }

    /// Sends SIGKILL.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends SIGTERM. Returns the exit code, and how long the end took.
    pub fn stop(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        (await_end(&mut self.process).code(), begun.elapsed())
    }

    /// Waits until this host or the other one ends by itself. Returns the one that is left, and the status and log of the
    /// one that has ended.
    pub fn or_ended(mut self, mut other: Host) -> (Host, (ExitStatus, String)) {
        let has_ended = |host: &mut Host| host.process.try_wait().unwrap().is_some();
        wait_for("one of two hosts to end", || has_ended(&mut self) || has_ended(&mut other));
        if has_ended(&mut self) { (other, self.ended()) } else { (self, other.ended()) }
    }

    /// Waits until it ends by itself. Returns its status and log.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = await_end(&mut self.process);
        // Its last lines may still have to be read.
        std::thread::sleep(Duration::from_millis(200));
        (status, self.log.lock().join("\n"))
    }
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `ETag`, or nothing.
    pub tag: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A client of a host's API.
#[derive(Clone)]
pub struct Client {
    url: String,
}

impl Client {
    /// Sends a request.
    ///
    /// # Errors
    /// Returns an error if there is no answer.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if method == "PUT" && !has_type {
            request = request.header("content-type", "application/wasm");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = agent.run(request.body(body)?)?;
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        Ok(Answer { status, tag, body: response.body_mut().read_to_string()? })
    }
}

/// The arguments that give a host a registry of its own, named after it.
fn registry(arguments: &[&str]) -> Vec<String> {
    if arguments.iter().any(|argument| argument.starts_with("--registry")) {
        return Vec::new();
    }
    let at = arguments.iter().position(|argument| *argument == "--name");
    let name = at.and_then(|at| arguments.get(at + 1)).map_or_else(|| unique("registry"), |name| (*name).to_owned());
    ["filters", "modules"].iter().flat_map(|kind| [format!("--registry-{kind}"), format!("{name}-{kind}")]).collect()
}

/// Tests' hosts ask for no tokens, unless the arguments say something else.
fn open(arguments: &[&str]) -> &'static [&'static str] {
    let has_own = arguments.iter().any(|argument| argument.starts_with("--operator-token"));
    if has_own { &[] } else { &["--open"] }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes a filter to a folder for `--filters`; `settings` is the content of its `NAME.toml`.
pub fn write_filter(folder: &Path, name: &str, from: &str, settings: &str) {
    std::fs::copy(module(from), folder.join(name).with_extension("wasm")).unwrap();
    std::fs::write(folder.join(name).with_extension("toml"), settings).unwrap();
}
