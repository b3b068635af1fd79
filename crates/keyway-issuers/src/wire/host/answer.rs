//! Reads the answers of plugins.

use crate::description::check_names;
use keyway_core::json::{JsonError, JsonFault, Reader};

use crate::violation::Found;
use crate::wire::table::{self, Keys, element};
use crate::wire::{Ended, Profile, erlang};
use crate::{
    Action, ConfigurationDescriptor, ConfigurationType, ConfigurationValue, ContractViolation,
    CredentialPart, CredentialRef, Description, Features, FieldSize, Issued, IssuerError, Json, JsonObject,
    LoginRequired, ParameterDescriptor, ParameterType, PartKind, RequestOutcome, Rule, Violation, Violations,
};

/// Reads a plugin's description of itself.
///
/// # Errors
/// [`ContractViolation`](IssuerError::ContractViolation) with all violations, [`Refused`](IssuerError::Refused) when
/// the plugin refuses, [`Program`](IssuerError::Program) when the plugin failed without printing anything.
pub fn decode_description(
    printed: &[u8],
    ended: Ended,
    profile: Profile,
) -> Result<Description, IssuerError> {
    let mut answer = Answer::read(Action::Parameter, printed, ended, profile)?;
    if !answer.is_ok(&["ok"])? {
        return answer.violated(None);
    }
    let description = answer.description();
    match description {
        Some(description) if answer.found.is_empty() => Ok(description),
        _ => answer.violated(None),
    }
}

/// Reads a plugin's answer to a request.
///
/// # Errors
/// [`ContractViolation`](IssuerError::ContractViolation) with all violations and, if the answer contains it, the state
/// of the credential that exists nevertheless; [`Refused`](IssuerError::Refused) when the plugin refuses, whatever the
/// exit status is; [`Failed`](IssuerError::Failed) when the plugin refuses but adds that a credential may exist;
/// [`Program`](IssuerError::Program) when the plugin failed without printing anything.
pub fn decode_outcome(printed: &[u8], ended: Ended, profile: Profile) -> Result<RequestOutcome, IssuerError> {
    let mut answer = Answer::read(Action::Request, printed, ended, profile)?;
    if !answer.is_ok(&["ok", "oidc_login"])? {
        return answer.violated(None);
    }
    if answer.result == "oidc_login" {
        let provider = answer.keys(&[]).open_text(&table::PROVIDER);
        let message = answer.keys(&[]).open_text(&table::MSG);
        return match (provider, message) {
            (Some(provider), Some(message)) if answer.found.is_empty() => {
                Ok(RequestOutcome::LoginRequired(LoginRequired { provider, message }))
            }
            _ => answer.violated(None),
        };
    }
    let state = answer.keys(&[]).open_text(&table::STATE).map(CredentialRef::new);
    let parts = answer.keys(&[]).array(&table::CREDENTIAL).unwrap_or_default();
    let credential: Vec<_> =
        parts.into_iter().enumerate().filter_map(|(index, part)| answer.part(index, part)).collect();
    match state {
        Some(state) if answer.found.is_empty() => Ok(RequestOutcome::Issued(Issued { credential, state })),
        orphan => answer.violated(orphan),
    }
}

/// Reads a plugin's answer to a revocation.
///
/// # Errors
/// [`ContractViolation`](IssuerError::ContractViolation), [`Refused`](IssuerError::Refused) and
/// [`Program`](IssuerError::Program); after any of these errors the credential counts as existing. An answer with a key
/// `error` is an error whatever its result is (decision W10).
pub fn decode_revoked(printed: &[u8], ended: Ended, profile: Profile) -> Result<(), IssuerError> {
    let mut answer = Answer::read(Action::Revoke, printed, ended, profile)?;
    let contradiction = answer.keys(&[]).open_text(&table::ERROR);
    if let (Some(error), "ok") = (contradiction, answer.result.as_str()) {
        return Err(answer.contradicted(&error));
    }
    if answer.is_ok(&["ok"])? && answer.found.is_empty() { Ok(()) } else { answer.violated(None) }
}

/// A plugin's answer while the host reads it.
struct Answer {
    action: Action,
    ended: Ended,
    profile: Profile,
    entries: JsonObject,
    result: String,
    found: Found,
}

impl Answer {
    /// Reads the JSON object and its key `result`.
    fn read(action: Action, printed: &[u8], ended: Ended, profile: Profile) -> Result<Self, IssuerError> {
        let violated = |violation: Violation| IssuerError::violation(action, violation);
        let entries = match whole(profile.reader(), printed).read(printed) {
            Ok(Json::Object(entries)) => entries,
            Ok(other) => {
                let rule = Rule::Type { expected: "an object", found: other.kind() };
                return Err(violated(Violation::new("", rule)));
            }
            Err(error) if error.fault == JsonFault::Empty && ended != Ended::SUCCESS => {
                let reason = format!("it printed nothing and ended with {ended}");
                return Err(IssuerError::Program { reason, note: String::new(), source: None });
            }
            Err(error) => {
                let orphan = if action == Action::Request { state_within(printed) } else { None };
                let violations = json_violation(&error).into();
                return Err(violated_with(action, violations, orphan));
            }
        };
        let mut answer =
            Self { action, ended, profile, entries, result: String::new(), found: Found::default() };
        match answer.keys(&[]).open_text(&table::RESULT) {
            Some(result) => answer.result = result,
            None => return answer.violated(None),
        }
        Ok(answer)
    }

    /// Returns a reader for the keys of the top-level object.
    fn keys<'a>(&'a mut self, indexes: &'a [usize]) -> Keys<'a> {
        Keys { entries: &mut self.entries, indexes, profile: self.profile, found: &mut self.found }
    }

    /// Tells whether the result is one of `allowed`, the results that mean success for this action. If the result is
    /// `error`, returns the error that the plugin reports, whatever the exit status is. Returns `false` for an unknown
    /// result, and for an `error` answer that breaks the contract; the violation is then in `found`.
    ///
    /// See decision W2.
    fn is_ok(&mut self, allowed: &[&str]) -> Result<bool, IssuerError> {
        if self.result == "error" {
            let user_message = self.keys(&[]).open_text(&table::USER_MSG);
            let log_message = self.keys(&[]).open_text(&table::LOG_MSG);
            let effect_unknown = self.keys(&[]).truth(&table::EFFECT_UNKNOWN).unwrap_or_default();
            return match user_message {
                Some(user_message) if self.found.is_empty() => {
                    let log_message = log_message.unwrap_or_else(|| {
                        format!("error response: {}", erlang::print_binary(&user_message))
                    });
                    Err(if effect_unknown {
                        IssuerError::Failed { user_message, log_message }
                    } else {
                        IssuerError::Refused { user_message, log_message }
                    })
                }
                _ => Ok(false),
            };
        }
        if !allowed.contains(&self.result.as_str()) {
            self.found.add(|| Violation::new("result", Rule::Word { allowed: "ok, error" }));
            return Ok(false);
        }
        if self.profile == Profile::Strict && self.ended != Ended::SUCCESS {
            self.found.add(|| Violation::new("", Rule::Ended { ended: self.ended }));
        }
        Ok(true)
    }

    /// Builds the refusal for an answer that says "ok" and has a key `error`.
    ///
    /// See decision W10.
    fn contradicted(&mut self, error: &str) -> IssuerError {
        let user_message = self.keys(&[]).open_text(&table::USER_MSG);
        let log_message = self.keys(&[]).open_text(&table::LOG_MSG);
        IssuerError::Refused {
            user_message: user_message.unwrap_or_else(|| "the credential could not be revoked".to_owned()),
            log_message: log_message.unwrap_or_else(|| {
                format!("the result is \"ok\" beside an error: {}", erlang::print_binary(error))
            }),
        }
    }

    /// Returns the error with all violations. `orphan` is the reference to a credential that exists although the answer
    /// is refused.
    fn violated<T>(&mut self, orphan: Option<CredentialRef>) -> Result<T, IssuerError> {
        match std::mem::take(&mut self.found).none_or(()) {
            Ok(()) => Err(IssuerError::violation(
                self.action,
                Violation::new("", Rule::Other { text: "the answer cannot be read" }),
            )),
            Err(violations) => Err(violated_with(self.action, violations, orphan)),
        }
    }

    /// Reads a part of a credential.
    fn part(&mut self, index: usize, value: Json) -> Option<CredentialPart> {
        let indexes = [index];
        let Some(Json::Object(mut entries)) =
            element(&table::PART, value, &indexes, self.profile, &mut self.found)
        else {
            return None;
        };
        let mut keys =
            Keys { entries: &mut entries, indexes: &indexes, profile: self.profile, found: &mut self.found };
        let name = keys.open_text(&table::PART_NAME);
        let kind = keys.open_text(&table::PART_TYPE);
        let is_file = kind.as_deref() == Some("textfile");
        let value = keys.value(&table::PART_VALUE, is_file);
        // The seed says: rows and cols are ignored for kinds that have no size.
        let mut size = FieldSize::default();
        if kind.as_deref() != Some("text") {
            size.rows = keys.count(&table::PART_ROWS);
            size.columns = keys.count(&table::PART_COLS);
        }
        let save_as = keys.open_text(&table::PART_SAVE_AS);
        let kind = match kind?.as_str() {
            "text" => PartKind::Text,
            "textarea" => PartKind::Textarea { size },
            _ => PartKind::Textfile { size, save_as },
        };
        Some(CredentialPart::new(name.unwrap_or_default(), kind, value?))
    }

    fn description(&mut self) -> Option<Description> {
        let version = self.keys(&[]).open_text(&table::VERSION);
        let email = self.keys(&[]).open_text(&table::EMAIL);
        let mut features = self.keys(&[]).object(&table::FEATURES).unwrap_or_default();
        let mut keys =
            Keys { entries: &mut features, indexes: &[], profile: self.profile, found: &mut self.found };
        let features = Features::NONE
            .stdin(keys.truth(&table::STDIN).unwrap_or_default())
            .idempotent(keys.truth(&table::IDEMPOTENT).unwrap_or_default());
        let mut builder = Description::builder(version.unwrap_or_default()).features(features);
        if let Some(email) = email {
            builder = builder.developer_email(email);
        }

        let configured = self.keys(&[]).array(&table::CONF_PARAMS).unwrap_or_default();
        let configured: Vec<_> =
            configured.into_iter().enumerate().map(|(index, each)| self.configured(index, each)).collect();
        let names = configured.iter().map(|(name, _)| name.as_deref());
        check_names(names, |index| format!("conf_params[{index}].name"), &mut self.found);
        for (name, default) in configured {
            if let (Some(name), Some(default)) = (name, default) {
                builder = builder.configuration(ConfigurationDescriptor::new(name, default));
            }
        }

        let sets = self.keys(&[]).array(&table::REQUEST_PARAMS).unwrap_or_default();
        for (set, value) in sets.into_iter().enumerate() {
            let list = element(&table::SET, value, &[set], self.profile, &mut self.found);
            let Some(Json::Array(list)) = list else { continue };
            let parameters: Vec<_> = list
                .into_iter()
                .enumerate()
                .map(|(index, each)| self.parameter([set, index], each))
                .collect();
            let keys = parameters.iter().map(|(key, _)| key.as_deref());
            check_names(keys, |index| format!("request_params[{set}][{index}].key"), &mut self.found);
            builder = builder.set(parameters.into_iter().filter_map(|(_, parameter)| parameter));
        }
        // The names are already checked, so the builder finds no further violation.
        if self.found.is_empty() { builder.build().ok() } else { None }
    }

    /// Reads a configuration parameter, and returns its name and its default value. The default value is `None` if it
    /// or the type is missing or invalid.
    fn configured(&mut self, index: usize, value: Json) -> (Option<String>, Option<ConfigurationValue>) {
        let indexes = [index];
        let Some(Json::Object(mut entries)) =
            element(&table::CONF, value, &indexes, self.profile, &mut self.found)
        else {
            return (None, None);
        };
        let mut keys =
            Keys { entries: &mut entries, indexes: &indexes, profile: self.profile, found: &mut self.found };
        let name = keys.open_text(&table::CONF_NAME);
        let kind = keys.open_text(&table::CONF_TYPE).map(|word| match word.as_str() {
            "boolean" => ConfigurationType::Boolean,
            _ => ConfigurationType::String,
        });
        let default = keys.any(&table::CONF_DEFAULT);
        let (Some(kind), Some(default)) = (kind, default) else { return (name, None) };
        let converted = kind.convert(&default);
        if converted.is_none() {
            keys.violation(&table::CONF_DEFAULT, Rule::Value { expected: kind.word() });
        }
        (name, converted)
    }

    /// Reads a parameter of a request: returns its key, and its descriptor if it is valid.
    fn parameter(
        &mut self,
        indexes: [usize; 2],
        value: Json,
    ) -> (Option<String>, Option<ParameterDescriptor>) {
        let Some(Json::Object(mut entries)) =
            element(&table::PARAM, value, &indexes, self.profile, &mut self.found)
        else {
            return (None, None);
        };
        let mut keys =
            Keys { entries: &mut entries, indexes: &indexes, profile: self.profile, found: &mut self.found };
        let key = keys.open_text(&table::PARAM_KEY);
        let name = keys.open_text(&table::PARAM_NAME);
        let description = keys.open_text(&table::PARAM_DESCRIPTION);
        let kind = keys.open_text(&table::PARAM_TYPE).map(|_| ParameterType::Textarea);
        // In the profile that allows the key to be missing, a missing key means optional.
        let mandatory = keys.truth(&table::PARAM_MANDATORY).unwrap_or_default();
        let parameter = match (&key, name, description, kind) {
            (Some(key), Some(name), Some(description), Some(kind)) => {
                Some(ParameterDescriptor { key: key.clone(), name, description, kind, mandatory })
            }
            _ => None,
        };
        (key, parameter)
    }
}

fn violated_with(action: Action, violations: Violations, orphan: Option<CredentialRef>) -> IssuerError {
    IssuerError::ContractViolation(Box::new(ContractViolation {
        action,
        violations,
        orphan,
        note: String::new(),
    }))
}

/// Returns a reader whose limit is at least the length of the output.
///
/// The code that runs the plugin has limited the output already. If the reader refused a long answer, the credential in
/// the answer would be lost.
///
/// See decision W7.
fn whole(reader: Reader, printed: &[u8]) -> Reader {
    Reader { max_bytes: reader.max_bytes.max(printed.len()), ..reader }
}

/// Finds the state of a credential in an answer that the strict profile refuses, because text follows the object or a
/// name occurs twice.
///
/// The plugin has made the credential, so the host needs the state to revoke it.
fn state_within(printed: &[u8]) -> Option<CredentialRef> {
    let reader = whole(Profile::Lenient.reader(), printed);
    let Ok(Json::Object(entries)) = reader.read(printed) else { return None };
    let text = |key| entries.get(key).and_then(Json::as_text);
    (text("result") == Some("ok")).then(|| text("state").map(CredentialRef::new)).flatten()
}

/// Converts an error of the JSON text to a violation. The violation names a duplicate key only if the table knows the
/// key: an unknown name may be a secret.
pub(in crate::wire) fn json_violation(error: &JsonError) -> Violation {
    let name = error.duplicate_name().filter(|name| table::is_known(name));
    Violation::new(name.unwrap_or_default(), Rule::Json { fault: error.fault, at: error.at })
}
