//! The plugin's side: reads what a host wrote, writes what a plugin prints.

use keyway_core::{ErrorKind, PluginError as _};

use super::host::json_violation;
use super::{Base64Error, base64};
use crate::description::is_name;
use crate::json::{JsonObject, Writer};
use crate::{
    Action, Configuration, ConfigurationType, ConfigurationValue, Context, CredentialRequest, Description,
    FieldSize, IntentId, IssuerError, Json, Login, Outcome, PartKind, Reader, Revocation, Rule, SecretText,
    State, UserId, UserInfo, Violation, Violations,
};

/// What a host wants of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// That it describes itself.
    Parameter,
    /// That it makes a credential.
    Request(Box<CredentialRequest>),
    /// That it destroys a credential.
    Revoke(Box<Revocation>),
}

impl Input {
    /// What is to be done.
    pub const fn action(&self) -> Action {
        match self {
            Self::Parameter => Action::Parameter,
            Self::Request(_) => Action::Request,
            Self::Revoke(_) => Action::Revoke,
        }
    }
}

/// Why an input is none. A plugin answers with an error object: see [`encode_error`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It is not base64.
    #[error("the input is not base64: {0}")]
    Base64(#[from] Base64Error),
    /// It is base64 of something else than an input.
    #[error("the input breaks the contract: {0}")]
    Violations(#[from] Violations),
}

impl keyway_core::PluginError for InputError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl From<InputError> for IssuerError {
    fn from(error: InputError) -> Self {
        Self::Invalid { what: "the input of the plugin", reason: error.to_string() }
    }
}

/// Reads what a host wrote: base64 of either alphabet, padded or not. A line break at the
/// end is left out, because old hosts and shells write one.
///
/// Unknown keys are ignored. On revocation `params` is not looked at: old hosts write the
/// text `undefined` there.
///
/// # Errors
/// [`InputError`] with all that is wrong; an unknown action is among that.
pub fn decode_input(written: &[u8]) -> Result<Input, InputError> {
    let line = written.strip_suffix(b"\n").unwrap_or(written);
    let json = base64::decode_wiped(line.strip_suffix(b"\r").unwrap_or(line))?;
    Ok(decode_json(&json)?)
}

/// Reads the JSON that is within the base64.
///
/// # Errors
/// All that is wrong.
pub fn decode_json(json: &[u8]) -> Result<Input, Violations> {
    let entries = match Reader::STRICT.read(json) {
        Ok(Json::Object(entries)) => entries,
        Ok(other) => {
            let rule = Rule::Type { expected: "an object", found: other.kind() };
            return Err(Violation::new("", rule).into());
        }
        Err(error) => return Err(json_violation(&error).into()),
    };
    let mut reading = Reading { entries, found: Vec::new() };
    let action = reading.text("action").and_then(|word| {
        let action = Action::ALL.into_iter().find(|action| action.word() == word.expose());
        if action.is_none() {
            reading.violation("action", Rule::Word { allowed: "parameter, request, revoke" });
        }
        action
    });
    reading.text("watts_version");
    let input = match action {
        Some(Action::Parameter) => Some(Input::Parameter),
        Some(Action::Request) => reading.request(),
        Some(Action::Revoke) => reading.revocation(),
        None => None,
    };
    match input {
        Some(input) => Violations::none_or(reading.found, input),
        None => Err(Violations::none_or(reading.found, ())
            .err()
            .unwrap_or_else(|| Violation::new("", Rule::Other { text: "the input cannot be read" }).into())),
    }
}

struct Reading {
    entries: JsonObject,
    found: Vec<Violation>,
}

impl Reading {
    fn violation(&mut self, key: impl Into<String>, rule: Rule) {
        self.found.push(Violation::new(key, rule));
    }

    fn wrong_type(&mut self, key: impl Into<String>, expected: &'static str, value: &Json) {
        self.violation(key, Rule::Type { expected, found: value.kind() });
    }

    fn required(&mut self, key: &'static str) -> Option<Json> {
        let value = self.entries.remove(key);
        if value.is_none() {
            self.violation(key, Rule::Missing);
        }
        value
    }

    fn text(&mut self, key: &'static str) -> Option<SecretText> {
        match self.required(key)? {
            Json::Text(text) => Some(text),
            other => {
                self.wrong_type(key, "a text", &other);
                None
            }
        }
    }

    fn object(&mut self, key: &'static str) -> Option<JsonObject> {
        match self.required(key)? {
            Json::Object(entries) => Some(entries),
            other => {
                self.wrong_type(key, "an object", &other);
                None
            }
        }
    }

    /// A text that may be missing or null.
    fn token(&mut self, key: String, value: Option<Json>) -> Option<SecretText> {
        match value? {
            Json::Null => None,
            Json::Text(text) => Some(text),
            other => {
                self.wrong_type(key, "a text", &other);
                None
            }
        }
    }

    fn request(&mut self) -> Option<Input> {
        let context = self.context();
        self.text("cred_state");
        let parameters = self.object("params");
        for name in parameters.iter().flat_map(|entries| entries.keys()) {
            if !is_name(name) {
                self.found.push(Violation::new("params", Rule::Name));
            }
        }
        Some(Input::Request(Box::new(CredentialRequest {
            context: context?,
            parameters: parameters?.into(),
        })))
    }

    fn revocation(&mut self) -> Option<Input> {
        let context = self.context();
        let state = self.text("cred_state").map(|state| State::new(state.into_open()));
        Some(Input::Revoke(Box::new(Revocation { context: context?, state: state? })))
    }

    fn context(&mut self) -> Option<Context> {
        let user = self.text("watts_userid").map(|id| UserId::received(id.into_open()));
        let user_info = self.object("user_info");
        let user_info = user_info.and_then(|claims| self.user_info("user_info", claims));
        let configuration = self.object("conf_params").map(|entries| self.configuration(entries));
        let additional_logins = self.logins();
        let token = self.entries.remove("access_token");
        let access_token = self.token("access_token".to_owned(), token);
        let intent = self.intent();
        Some(Context {
            intent,
            user: user?,
            user_info: user_info?,
            configuration: configuration?,
            additional_logins: additional_logins?,
            access_token,
        })
    }

    fn intent(&mut self) -> Option<IntentId> {
        let value = self.entries.remove("intent_id");
        let text = self.token("intent_id".to_owned(), value)?;
        let intent = IntentId::new(text.into_open());
        if intent.is_none() {
            self.violation("intent_id", Rule::Other { text: "it must be 1 to 128 of A-Z a-z 0-9 . _ -" });
        }
        intent
    }

    fn user_info(&mut self, key: &str, claims: JsonObject) -> Option<UserInfo> {
        for name in ["iss", "sub"] {
            match claims.get(name) {
                Some(Json::Text(_)) => {}
                Some(other) => self.wrong_type(format!("{key}.{name}"), "a text", other),
                None => self.violation(format!("{key}.{name}"), Rule::Missing),
            }
        }
        UserInfo::from_claims(claims)
    }

    fn configuration(&mut self, entries: JsonObject) -> Configuration {
        let mut configuration = Configuration::new();
        for (name, value) in entries {
            if !is_name(&name) {
                self.violation("conf_params", Rule::Name);
                continue;
            }
            let value = match value {
                Json::Text(text) => ConfigurationValue::Text(text),
                Json::Boolean(truth) => ConfigurationValue::Boolean(truth),
                other => {
                    self.wrong_type("conf_params", "text, true or false", &other);
                    continue;
                }
            };
            configuration = configuration.with(name, value);
        }
        configuration
    }

    fn logins(&mut self) -> Option<Vec<Login>> {
        let list = match self.required("additional_logins")? {
            Json::Array(list) => list,
            other => {
                self.wrong_type("additional_logins", "an array", &other);
                return None;
            }
        };
        let mut logins = Vec::with_capacity(list.len());
        for (index, login) in list.into_iter().enumerate() {
            let key = format!("additional_logins[{index}]");
            let Json::Object(mut entries) = login else {
                self.wrong_type(key, "an object", &login);
                continue;
            };
            let token = entries.remove("access_token");
            let access_token = self.token(format!("{key}.access_token"), token);
            let key = format!("{key}.user_info");
            match entries.remove("user_info") {
                Some(Json::Object(claims)) => {
                    if let Some(user_info) = self.user_info(&key, claims) {
                        logins.push(Login { user_info, access_token });
                    }
                }
                Some(other) => self.wrong_type(key, "an object", &other),
                None => self.violation(key, Rule::Missing),
            }
        }
        Some(logins)
    }
}

/// What a plugin prints about itself.
pub fn encode_description(description: &Description) -> SecretText {
    let mut writer = Writer::with_capacity(1024);
    writer.raw("{\"conf_params\":[");
    for (index, descriptor) in description.configuration().iter().enumerate() {
        writer.raw(if index > 0 { ",{\"default\":" } else { "{\"default\":" });
        match descriptor.default_value() {
            ConfigurationValue::Text(text) => writer.text(text.expose()),
            ConfigurationValue::Boolean(true) => writer.raw("true"),
            ConfigurationValue::Boolean(false) => writer.raw("false"),
        }
        writer.raw(",\"name\":");
        writer.text(descriptor.name());
        writer.raw(match descriptor.kind() {
            ConfigurationType::String => ",\"type\":\"string\"}",
            ConfigurationType::Boolean => ",\"type\":\"boolean\"}",
        });
    }
    writer.raw("]");
    if let Some(email) = description.developer_email() {
        writer.raw(",\"developer_email\":");
        writer.text(email);
    }
    let features = description.features();
    writer.raw(",\"features\":{");
    if features.idempotent {
        writer.raw("\"idempotent\":true,");
    }
    writer.raw(if features.stdin { "\"stdin\":true}" } else { "\"stdin\":false}" });
    writer.raw(",\"request_params\":[");
    for (index, set) in description.parameter_sets().iter().enumerate() {
        writer.raw(if index > 0 { ",[" } else { "[" });
        for (index, parameter) in set.parameters().iter().enumerate() {
            writer.raw(if index > 0 { ",{\"description\":" } else { "{\"description\":" });
            writer.text(&parameter.description);
            writer.raw(",\"key\":");
            writer.text(&parameter.key);
            writer.raw(if parameter.mandatory { ",\"mandatory\":true" } else { ",\"mandatory\":false" });
            writer.raw(",\"name\":");
            writer.text(&parameter.name);
            writer.raw(",\"type\":");
            writer.text(parameter.kind.word());
            writer.raw("}");
        }
        writer.raw("]");
    }
    writer.raw("],\"result\":\"ok\",\"version\":");
    writer.text(description.version());
    writer.raw("}");
    writer.finish().into()
}

/// What a plugin prints after a request.
pub fn encode_outcome(outcome: &Outcome) -> SecretText {
    let mut writer = Writer::with_capacity(512);
    match outcome {
        Outcome::LoginRequired(login) => {
            writer.raw("{\"msg\":");
            writer.text(&login.message);
            writer.raw(",\"provider\":");
            writer.text(&login.provider);
            writer.raw(",\"result\":\"oidc_login\"}");
        }
        Outcome::Issued(issued) => {
            writer.raw("{\"credential\":[");
            for (index, part) in issued.credential.iter().enumerate() {
                writer.raw(if index > 0 { ",{" } else { "{" });
                let (size, save_as) = match &part.kind {
                    PartKind::Text => (FieldSize::default(), None),
                    PartKind::Textarea { size } => (*size, None),
                    PartKind::Textfile { size, save_as } => (*size, save_as.as_deref()),
                };
                if let Some(columns) = size.columns {
                    writer.raw(&format!("\"cols\":{columns},"));
                }
                writer.raw("\"name\":");
                writer.text(&part.name);
                if let Some(rows) = size.rows {
                    writer.raw(&format!(",\"rows\":{rows}"));
                }
                if let Some(save_as) = save_as {
                    writer.raw(",\"save_as\":");
                    writer.text(save_as);
                }
                writer.raw(",\"type\":");
                writer.text(part.kind.word());
                writer.raw(",\"value\":");
                writer.text(part.expose_value());
                writer.raw("}");
            }
            writer.raw("],\"result\":\"ok\",\"state\":");
            writer.text(issued.state.as_str());
            writer.raw("}");
        }
    }
    writer.finish().into()
}

/// What a plugin prints after a revocation.
pub fn encode_revoked() -> SecretText {
    SecretText::new("{\"result\":\"ok\"}")
}

/// What a plugin prints instead, whatever it was asked: the message for the user, the
/// one for the log, and `uncertain` where the error does not say that
/// [nothing happened](IssuerError::leaves_no_effect). Without that, a host takes an error object to say
/// so, and forgets its intent (decision R2). The real host does not look at it.
pub fn encode_error(error: &IssuerError) -> SecretText {
    let mut writer = Writer::with_capacity(256);
    writer.raw("{\"log_msg\":");
    writer.text(&error.detail());
    writer.raw(",\"result\":\"error\",\"user_msg\":");
    writer.text(&error.user_message());
    writer.raw(if error.leaves_no_effect() { "}" } else { ",\"uncertain\":true}" });
    writer.finish().into()
}
