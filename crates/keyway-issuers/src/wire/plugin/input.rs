//! Reads the input that a host wrote.

use std::borrow::Cow;
use std::collections::BTreeSet;

use keyway_core::ErrorKind;
use keyway_core::json::{Entries, JsonKind, Reader, Text, Value};

use crate::description::is_name;
use crate::violation::Found;
use crate::wire::host::json_violation;
use crate::wire::{Base64Error, base64};
use crate::{
    Action, Configuration, ConfigurationValue, Context, CredentialRef, CredentialRequest, IntentId,
    IssuerError, Json, JsonObject, Login, Requester, Revocation, Rule, SecretText, UserId, UserInfo,
    Violation, Violations,
};

/// The input of a plugin: an action and its data.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Asks the plugin to describe itself.
    Parameter,
    /// Asks the plugin to make a credential.
    Request(Box<CredentialRequest>),
    /// Asks the plugin to destroy a credential.
    Revoke(Box<Revocation>),
}

impl Input {
    /// Returns the action.
    pub const fn action(&self) -> Action {
        match self {
            Self::Parameter => Action::Parameter,
            Self::Request(_) => Action::Request,
            Self::Revoke(_) => Action::Revoke,
        }
    }
}

/// An error for bytes that are not an input. A plugin answers such bytes with an error object: see
/// [`encode_error`](super::encode_error).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The input is not base64.
    #[error("the input is not base64: {0}")]
    Base64(#[from] Base64Error),
    /// The input is base64, but its content is not valid.
    #[error("the input breaks the contract: {0}")]
    Violations(#[from] Violations),
}

impl keyway_core::PluginError for InputError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn effect(&self) -> keyway_core::Effect {
        keyway_core::Effect::None
    }
}

impl From<InputError> for IssuerError {
    fn from(error: InputError) -> Self {
        Self::Invalid { what: "the input of the plugin", reason: error.to_string() }
    }
}

/// Reads an input: base64 of either alphabet, padded or not.
///
/// A trailing line break is ignored, because old hosts and shells write one.
/// Unknown keys are ignored. On revocation `params` is ignored: old hosts write the text
/// `undefined` there.
///
/// # Errors
/// [`InputError`] with all violations, an unknown action among them.
pub fn decode_input(written: &[u8]) -> Result<Input, InputError> {
    let line = written.strip_suffix(b"\n").unwrap_or(written);
    let json = base64::decode(line.strip_suffix(b"\r").unwrap_or(line))?;
    Ok(decode_json(&json)?)
}

/// Reads an input whose base64 is decoded already.
///
/// # Errors
/// Returns all violations.
pub fn decode_json(json: &[u8]) -> Result<Input, Violations> {
    let mut given: InputEntries<'_> = match Reader::STRICT.read_entries(json) {
        Ok(Ok(given)) => given,
        Ok(Err(found)) => {
            let rule = Rule::Type { expected: "an object", found };
            return Err(Violation::new("", rule).into());
        }
        Err(error) => return Err(json_violation(&error).into()),
    };
    let mut reading = Reading { found: Found::default() };
    let action = reading.text("action", given.action.as_ref()).and_then(|word| {
        let action = Action::ALL.into_iter().find(|action| action.word() == word);
        if action.is_none() {
            reading.violation("action", Rule::Word { allowed: "parameter, request, revoke" });
        }
        action
    });
    reading.text("watts_version", given.watts_version.as_ref());
    let input = match action {
        Some(Action::Parameter) => Some(Input::Parameter),
        Some(Action::Request) => reading.request(&mut given),
        Some(Action::Revoke) => reading.revocation(&mut given),
        None => None,
    };
    match input {
        Some(input) => reading.found.none_or(input),
        None => {
            Err(reading.found.none_or(()).err().unwrap_or_else(|| {
                Violation::new("", Rule::Other { text: "the input cannot be read" }).into()
            }))
        }
    }
}

/// The entries of an input. Unknown names are kept only to detect duplicates.
#[derive(Default)]
struct InputEntries<'a> {
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

impl<'a> InputEntries<'a> {
    /// Returns the slot for the value of this name, if the contract knows it.
    #[inline]
    fn slot(&mut self, name: &str) -> Option<&mut Option<Value<'a>>> {
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

impl<'a> Entries<'a> for InputEntries<'a> {
    #[inline]
    fn add(&mut self, name: Text<'a>, value: Value<'a>) -> Result<(), Cow<'a, str>> {
        match self.slot(name.as_str()) {
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

/// The reader of the values of an input. It collects the violations. Texts are borrowed from the input. Objects and
/// arrays are moved out of the input.
struct Reading {
    found: Found,
}

impl Reading {
    fn violation(&mut self, key: impl Into<String>, rule: Rule) {
        self.found.add(|| Violation::new(key, rule));
    }

    fn wrong_type(&mut self, key: impl Into<String>, expected: &'static str, found: JsonKind) {
        self.violation(key, Rule::Type { expected, found });
    }

    /// Adds a violation: the value is missing, or has a type other than `expected`.
    #[cold]
    fn add_wrong_type(&mut self, expected: &'static str, key: &'static str, value: Option<&Value<'_>>) {
        match value {
            Some(value) => self.wrong_type(key, expected, value.kind()),
            None => self.violation(key, Rule::Missing),
        }
    }

    fn text<'g>(&mut self, key: &'static str, value: Option<&'g Value<'_>>) -> Option<&'g str> {
        match value {
            Some(Value::Text(text)) => Some(text.as_str()),
            other => {
                self.add_wrong_type("a text", key, other);
                None
            }
        }
    }

    fn object(&mut self, key: &'static str, value: &mut Option<Value<'_>>) -> Option<JsonObject> {
        match value {
            Some(Value::Other(Json::Object(entries))) => Some(std::mem::take(entries)),
            other => {
                self.add_wrong_type("an object", key, other.as_ref());
                None
            }
        }
    }

    /// Reads a text that may be missing or null.
    fn token<'g>(&mut self, key: &'static str, value: Option<&'g Value<'_>>) -> Option<&'g str> {
        match value {
            None | Some(Value::Other(Json::Null)) => None,
            given => self.text(key, given),
        }
    }

    fn request(&mut self, given: &mut InputEntries<'_>) -> Option<Input> {
        let context = self.context(given);
        self.text("cred_state", given.cred_state.as_ref());
        let parameters = self.object("params", &mut given.params);
        for name in parameters.iter().flat_map(|entries| entries.keys()) {
            if !is_name(name) {
                self.found.add(|| Violation::new("params", Rule::Name));
            }
        }
        Some(Input::Request(Box::new(CredentialRequest {
            context: context?,
            parameters: parameters?.into(),
        })))
    }

    fn revocation(&mut self, given: &mut InputEntries<'_>) -> Option<Input> {
        let context = self.context(given);
        let state = self.text("cred_state", given.cred_state.as_ref()).map(CredentialRef::new);
        Some(Input::Revoke(Box::new(Revocation { context: context?, state: state? })))
    }

    #[inline]
    fn context(&mut self, given: &mut InputEntries<'_>) -> Option<Context> {
        let user = self.text("watts_userid", given.watts_userid.as_ref()).map(UserId::received);
        let user_info = self.object("user_info", &mut given.user_info);
        let user_info = user_info.and_then(|claims| self.user_info("user_info", claims));
        let configuration = self.object("conf_params", &mut given.conf_params);
        let configuration = configuration.map(|entries| self.configuration(entries));
        let additional_logins = self.logins(&mut given.additional_logins);
        let access_token = self.token("access_token", given.access_token.as_ref()).map(SecretText::from);
        let intent = self.token("intent_id", given.intent_id.as_ref()).and_then(|id| self.intent(id));
        let (user, user_info, additional_logins) = (user?, user_info?, additional_logins?);
        let requester = Requester { user, user_info, additional_logins, access_token };
        Some(Context { intent, requester, configuration: configuration? })
    }

    fn intent(&mut self, id: &str) -> Option<IntentId> {
        let intent = IntentId::new(id);
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

    fn logins(&mut self, value: &mut Option<Value<'_>>) -> Option<Vec<Login>> {
        let list = match value {
            Some(Value::Other(Json::Array(list))) => std::mem::take(list),
            other => {
                self.add_wrong_type("an array", "additional_logins", other.as_ref());
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
