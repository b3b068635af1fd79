//! The plugin's side: reads what a host wrote, writes what a plugin prints.

use std::borrow::Cow;
use std::collections::BTreeSet;

use keyway_core::{ErrorKind, PluginError as _};

use super::host::json_violation;
use super::{Base64Error, base64};
use crate::description::is_name;
use crate::json::{Entries, JsonObject, Text, Value, Writer};
use crate::{
    Action, Configuration, ConfigurationType, ConfigurationValue, Context, CredentialRequest, Description,
    FieldSize, IntentId, IssuerError, Json, JsonKind, Login, Outcome, PartKind, Reader, Revocation, Rule,
    SecretText, State, UserId, UserInfo, Violation, Violations,
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
    let entries = match Reader::STRICT.read_entries::<Given<'_>>(json) {
        Ok(Ok(entries)) => entries,
        Ok(Err(found)) => {
            let rule = Rule::Type { expected: "an object", found };
            return Err(Violation::new("", rule).into());
        }
        Err(error) => return Err(json_violation(&error).into()),
    };
    let mut reading = Reading { entries, found: Vec::new() };
    let action = reading.text("action").and_then(|word| {
        let action = Action::ALL.into_iter().find(|action| action.word() == word.as_str());
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

/// The entries of an input. Names that the contract does not know are kept only so that none
/// is there twice.
#[derive(Default)]
struct Given<'a> {
    access_token: Option<Value<'a>>,
    action: Option<Value<'a>>,
    additional_logins: Option<Value<'a>>,
    conf_params: Option<Value<'a>>,
    cred_state: Option<Value<'a>>,
    intent_id: Option<Value<'a>>,
    params: Option<Value<'a>>,
    user_info: Option<Value<'a>>,
    watts_userid: Option<Value<'a>>,
    watts_version: Option<Value<'a>>,
    unknown: BTreeSet<Cow<'a, str>>,
}

impl<'a> Given<'a> {
    /// Where the value of this name is kept, if the contract knows it.
    #[inline]
    fn place(&mut self, name: &str) -> Option<&mut Option<Value<'a>>> {
        Some(match name {
            "access_token" => &mut self.access_token,
            "action" => &mut self.action,
            "additional_logins" => &mut self.additional_logins,
            "conf_params" => &mut self.conf_params,
            "cred_state" => &mut self.cred_state,
            "intent_id" => &mut self.intent_id,
            "params" => &mut self.params,
            "user_info" => &mut self.user_info,
            "watts_userid" => &mut self.watts_userid,
            "watts_version" => &mut self.watts_version,
            _ => return None,
        })
    }
}

impl<'a> Entries<'a> for Given<'a> {
    fn add(&mut self, name: Text<'a>, value: Value<'a>) -> Result<(), Cow<'a, str>> {
        match self.place(name.as_str()) {
            Some(place @ None) => *place = Some(value),
            Some(_) => return Err(name.into_name()),
            None => {
                let name = name.into_name();
                if self.unknown.contains(&name) {
                    return Err(name);
                }
                self.unknown.insert(name);
            }
        }
        Ok(())
    }
}

struct Reading<'a> {
    entries: Given<'a>,
    found: Vec<Violation>,
}

impl<'a> Reading<'a> {
    fn violation(&mut self, key: impl Into<String>, rule: Rule) {
        self.found.push(Violation::new(key, rule));
    }

    fn wrong_type(&mut self, key: impl Into<String>, expected: &'static str, found: JsonKind) {
        self.violation(key, Rule::Type { expected, found });
    }

    #[inline]
    fn optional(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.entries.place(key)?.take()
    }

    #[inline]
    fn required(&mut self, key: &'static str) -> Option<Value<'a>> {
        let value = self.optional(key);
        if value.is_none() {
            self.violation(key, Rule::Missing);
        }
        value
    }

    fn text(&mut self, key: &'static str) -> Option<Text<'a>> {
        match self.required(key)? {
            Value::Text(text) => Some(text),
            Value::Other(other) => {
                self.wrong_type(key, "a text", other.kind());
                None
            }
        }
    }

    fn object(&mut self, key: &'static str) -> Option<JsonObject> {
        match self.required(key)? {
            Value::Other(Json::Object(entries)) => Some(entries),
            other => {
                self.wrong_type(key, "an object", other.kind());
                None
            }
        }
    }

    /// A text that may be missing or null.
    fn token(&mut self, key: &'static str) -> Option<Text<'a>> {
        match self.optional(key)? {
            Value::Other(Json::Null) => None,
            Value::Text(text) => Some(text),
            Value::Other(other) => {
                self.wrong_type(key, "a text", other.kind());
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
        let state = self.text("cred_state").map(|state| State::new(state.as_str()));
        Some(Input::Revoke(Box::new(Revocation { context: context?, state: state? })))
    }

    fn context(&mut self) -> Option<Context> {
        let user = self.text("watts_userid").map(|id| UserId::received(id.as_str()));
        let user_info = self.object("user_info");
        let user_info = user_info.and_then(|claims| self.user_info("user_info", claims));
        let configuration = self.object("conf_params").map(|entries| self.configuration(entries));
        let additional_logins = self.logins();
        let access_token = self.token("access_token").map(SecretText::from);
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
        let intent = IntentId::new(self.token("intent_id")?.into_name());
        if intent.is_none() {
            self.violation("intent_id", Rule::Other { text: "it must be 1 to 128 of A-Z a-z 0-9 . _ -" });
        }
        intent
    }

    fn user_info(&mut self, key: &str, claims: JsonObject) -> Option<UserInfo> {
        let mut right = true;
        for name in ["iss", "sub"] {
            let rule = match claims.get(name) {
                Some(Json::Text(_)) => continue,
                Some(other) => Rule::Type { expected: "a text", found: other.kind() },
                None => Rule::Missing,
            };
            right = false;
            self.violation(format!("{key}.{name}"), rule);
        }
        right.then(|| UserInfo::checked(claims))
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
                    self.wrong_type("conf_params", "text, true or false", other.kind());
                    continue;
                }
            };
            configuration = configuration.with(name, value);
        }
        configuration
    }

    fn logins(&mut self) -> Option<Vec<Login>> {
        let list = match self.required("additional_logins")? {
            Value::Other(Json::Array(list)) => list,
            other => {
                self.wrong_type("additional_logins", "an array", other.kind());
                return None;
            }
        };
        let mut logins = Vec::with_capacity(list.len());
        for (index, login) in list.into_iter().enumerate() {
            let key = format!("additional_logins[{index}]");
            let Json::Object(mut entries) = login else {
                self.wrong_type(key, "an object", login.kind());
                continue;
            };
            let access_token = match entries.remove("access_token") {
                None | Some(Json::Null) => None,
                Some(Json::Text(text)) => Some(text),
                Some(other) => {
                    self.wrong_type(format!("{key}.access_token"), "a text", other.kind());
                    None
                }
            };
            let key = format!("{key}.user_info");
            match entries.remove("user_info") {
                Some(Json::Object(claims)) => {
                    if let Some(user_info) = self.user_info(&key, claims) {
                        logins.push(Login { user_info, access_token });
                    }
                }
                Some(other) => self.wrong_type(key, "an object", other.kind()),
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

/// What a plugin prints instead, whatever it was asked: the message for the user and the
/// one for the log.
///
/// For the real host an error says that nothing happened. Where that is not
/// [certain](IssuerError::leaves_no_effect), the key `effect_unknown` says so to hosts of this project, which
/// then keep the intent (decision R2); the real host does not look at it.
pub fn encode_error(error: &IssuerError) -> SecretText {
    let mut writer = Writer::with_capacity(256);
    writer.raw(if error.leaves_no_effect() {
        "{\"log_msg\":"
    } else {
        "{\"effect_unknown\":true,\"log_msg\":"
    });
    writer.text(&error.detail());
    writer.raw(",\"result\":\"error\",\"user_msg\":");
    writer.text(&error.user_message());
    writer.raw("}");
    writer.finish().into()
}
