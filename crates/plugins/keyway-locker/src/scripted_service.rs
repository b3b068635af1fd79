//! A service on the loopback for tests. Each test decides what the service answers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use keyway_client::Credentials;
use keyway_core::{Clock, PluginMetadata, Resources, SystemClock};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{OpenContext, SecretStore, SecretStorePlugin as _, StoreName};
use serde_json::{Value, json};

use crate::key_schedule::access_key;
use crate::plugin::LockerPlugin;
use crate::vectors;

/// A request as the service received it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path, with its query.
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Request {
    /// Returns the value of a field of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }

    fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// An answer: status, headers and body. With the status [`LOST`] the connection is closed instead.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

/// The status that closes the connection without an answer.
pub(crate) const LOST: u16 = 0;

pub(crate) fn answer(status: u16, body: &Value) -> Answer {
    (status, Vec::new(), body.to_string())
}

/// A connection of a client.
pub(crate) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A running service. Its thread ends with the process.
pub(crate) struct ScriptedService {
    base: String,
    requests: Arc<Mutex<Vec<Request>>>,
    profile: Arc<Mutex<Answer>>,
}

impl ScriptedService {
    /// Starts a service. The profile is that of the recorded project, unless a test replaces it; everything else is
    /// answered by `answers`.
    pub(crate) fn start(answers: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        Self::over("http://127.0.0.1", answers, |mut stream, serve| serve(&mut stream))
    }

    /// Starts a service. `wrapped` gets each connection, wraps it if necessary (for example in TLS), and calls the
    /// given function with it to serve one request.
    pub(crate) fn over(
        address: &str,
        answers: impl Fn(&Request) -> Answer + Send + 'static,
        wrapped: impl Fn(TcpStream, &dyn Fn(&mut dyn Stream)) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("{address}:{}/locker_secrets", listener.local_addr().unwrap().port());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = Arc::clone(&requests);
        let profile = Arc::new(Mutex::new(recorded_profile()));
        let answered = Arc::clone(&profile);
        thread::spawn(move || {
            let serve = |stream: &mut dyn Stream| {
                // A client that refuses the certificate sends nothing.
                let Some(request) = read(stream) else { return };
                let answer = match request.route() {
                    "/v1/profile" => answered.lock().unwrap().clone(),
                    _ => answers(&request),
                };
                kept.lock().unwrap().push(request);
                write(stream, &answer);
            };
            for stream in listener.incoming() {
                wrapped(stream.unwrap(), &serve);
            }
        });
        Self { base, requests, profile }
    }

    /// Replaces the answer to `GET /v1/profile`.
    pub(crate) fn set_profile(&self, answer: Answer) {
        *self.profile.lock().unwrap() = answer;
    }

    /// Returns the requests since the last call, without those for the profile.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        requests.into_iter().filter(|request| request.route() != "/v1/profile").collect()
    }

    /// Returns the number of requests for the profile since the last call of [`requests`](Self::requests).
    pub(crate) fn connections(&self) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.route() == "/v1/profile").count()
    }

    /// Returns the number of all requests since the last call of [`requests`](Self::requests).
    pub(crate) fn received(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Returns the address of the service.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Opens a store with this configuration.
    pub(crate) fn store(&self, configuration: Value) -> Arc<dyn SecretStore> {
        open(configuration, Resources::new().with(self.credentials()))
    }

    /// Opens a store with this secret access key.
    pub(crate) fn store_of(&self, key: &str, configuration: Value) -> Arc<dyn SecretStore> {
        open(configuration, Resources::new().with(self.credentials_of(key)))
    }

    /// Returns the credentials of the recorded project.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials_of(vectors::parameters()["input"]["secret_access_key_b64"].as_str().unwrap())
    }

    fn credentials_of(&self, key: &str) -> Credentials {
        Credentials::source()
            .access_key_id("0f8fad5b-d9cb-469f-a165-70867728950e")
            .secret_access_key(key)
            .api_base(&*self.base)
            .resolve()
            .unwrap()
    }
}

/// Opens a store with this configuration and these resources. No proxy of the environment is used.
pub(crate) fn open(configuration: Value, resources: Resources) -> Arc<dyn SecretStore> {
    open_at(configuration, resources, Arc::new(SystemClock))
}

/// Opens a store as [`open`] does, with this clock.
pub(crate) fn open_at(
    mut configuration: Value,
    resources: Resources,
    clock: Arc<dyn Clock>,
) -> Arc<dyn SecretStore> {
    if configuration["proxy"].is_null() {
        configuration["proxy"] = json!("none");
    }
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261130,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Locker", "type": "Secret", "description": "d"}}"#,
    )
    .unwrap();
    let context = OpenContext::new(StoreName::new("s").unwrap(), metadata, keys)
        .with_configuration(configuration)
        .with_resources(resources)
        .with_clock(clock);
    LockerPlugin.open(&context).unwrap()
}

/// Answers with the profile of the recorded project.
pub(crate) fn recorded_profile() -> Answer {
    profile(vectors::parameters()["input"]["profile_key"].as_str().unwrap())
}

/// Answers with the profile of the recorded project, as if it had another key: 64 times `byte`.
pub(crate) fn profile_with_key(byte: u8) -> Answer {
    let secret = vectors::parameters()["input"]["secret_access_key_b64"].as_str().unwrap().to_owned();
    profile(&access_key(&secret.into()).unwrap().seal(&[byte; 64]).unwrap())
}

fn profile(key: &str) -> Answer {
    let project = &vectors::parameters()["input"]["project_id"];
    answer(200, &json!({"profile": {"project_id": project, "key": key}}))
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path =
        words.next().unwrap_or_default().strip_prefix("/locker_secrets").unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some(Request { method, path, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

fn write(stream: &mut dyn Stream, (status, headers, body): &Answer) {
    if *status == LOST {
        return;
    }
    let headers =
        headers.iter().fold(String::new(), |text, (name, value)| text + &format!("{name}: {value}\r\n"));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    // A client closes the connection if the answer is too large for it.
    let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
}
