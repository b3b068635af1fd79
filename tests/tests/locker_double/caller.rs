//! A caller of the double that sends raw requests, without any code of the plugin.

use keyway_locker::double::LockerDouble;
use serde_json::{Value, json};
use ureq::Agent;

/// A caller with connections of its own.
#[derive(Debug)]
pub(crate) struct Caller {
    agent: Agent,
    base: String,
    token: String,
}

/// An answer: its status and its body. The body is null if it is not JSON.
pub(crate) type Answer = (u16, Value);

impl Caller {
    pub(crate) fn of(double: &LockerDouble) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).build();
        let token = format!("Bearer {}", double.access_key_id());
        Self { agent: config.into(), base: double.base(), token }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("the double answers")
    }

    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let asked = self.agent.get(format!("{}{path}", self.base)).header("authorization", &self.token);
        read(asked.call()?)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).expect("the double answers")
    }

    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Result<Answer, ureq::Error> {
        let asked = self.agent.post(format!("{}{path}", self.base)).header("authorization", &self.token);
        read(asked.send(body.to_string())?)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let asked = self.agent.put(format!("{}{path}", self.base)).header("authorization", &self.token);
        read(asked.send(body.to_string()).expect("the double answers")).expect("the double answers")
    }
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let text = answer.body_mut().read_to_string()?;
    Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
}

/// Returns the body that creates a secret without environment.
pub(crate) fn secret(double: &LockerDouble, key: &str, value: &str) -> Value {
    json!({
        "key": double.sealed(key),
        "value": double.sealed(value),
        "hash": double.lookup_hash(key),
    })
}

/// Returns the body that creates an environment.
pub(crate) fn environment(double: &LockerDouble, name: &str, url: &str) -> Value {
    json!({
        "name": double.sealed(name),
        "external_url": double.sealed(url),
        "hash": double.lookup_hash(name),
    })
}

/// Returns a double with the rows and the ids of the recorded vectors.
pub(crate) fn recorded_world() -> LockerDouble {
    let double = LockerDouble::start().expect("a port");
    double.put_environment("prod", "p.host");
    double.put_environment("stg", "s.host");
    for (key, environment, value) in [
        ("A", None, "A-all"),
        ("A", Some("prod"), "A-prod"),
        ("B", None, "B-all"),
        ("C", Some("prod"), "C-prod"),
        ("E", None, ""),
    ] {
        double.put_secret(key, environment, value, "");
    }
    double
}
