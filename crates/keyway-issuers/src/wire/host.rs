//! The host's side: writes a plugin's input and reads its output.

mod answer;

pub(super) use answer::json_violation;
pub use answer::{decode_description, decode_outcome, decode_revoked};

use super::{NO_STATE, WireOptions, base64};
use keyway_core::json::Writer;

use crate::{Action, ConfigurationValue, Context, CredentialRequest, JsonObject, Revocation, SecretText};

/// Writes the input that asks a plugin to describe itself.
///
/// The input carries no secret, and is always passed as an argument (decision W1).
pub fn encode_parameter(options: &WireOptions) -> SecretText {
    let mut writer = Writer::with_capacity(96 + options.watts_version.len());
    writer.raw("{\"action\":\"parameter\",\"cred_state\":\"undefined\",\"watts_version\":");
    writer.text(&options.watts_version);
    writer.raw("}");
    base64::encode(writer.finish().as_bytes(), options.alphabet)
}

/// Writes the input that asks a plugin to make a credential.
pub fn encode_request(request: &CredentialRequest, options: &WireOptions) -> SecretText {
    let parameters = request.parameters.values();
    encode(Action::Request, &request.context, NO_STATE, parameters, options)
}

/// Writes the input that asks a plugin to destroy a credential.
pub fn encode_revoke(revocation: &Revocation, options: &WireOptions) -> SecretText {
    encode(Action::Revoke, &revocation.context, revocation.state.as_str(), &JsonObject::new(), options)
}

fn encode(
    action: Action,
    context: &Context,
    state: &str,
    parameters: &JsonObject,
    options: &WireOptions,
) -> SecretText {
    let mut writer = Writer::with_capacity(1024);
    writer.raw("{");
    if let Some(token) = &context.requester.access_token {
        writer.raw("\"access_token\":");
        writer.text(token.expose());
        writer.raw(",");
    }
    writer.raw("\"action\":");
    writer.text(action.word());
    writer.raw(",\"additional_logins\":[");
    for (index, login) in context.requester.additional_logins.iter().enumerate() {
        writer.raw(if index > 0 { ",{" } else { "{" });
        if let Some(token) = &login.access_token {
            writer.raw("\"access_token\":");
            writer.text(token.expose());
            writer.raw(",");
        }
        writer.raw("\"user_info\":");
        writer.object(login.user_info.claims());
        writer.raw("}");
    }
    writer.raw("],\"conf_params\":{");
    for (index, (name, value)) in context.configuration.iter().enumerate() {
        if index > 0 {
            writer.raw(",");
        }
        writer.text(name);
        match value {
            ConfigurationValue::Text(text) => {
                writer.raw(":");
                writer.text(text.expose());
            }
            ConfigurationValue::Boolean(true) => writer.raw(":true"),
            ConfigurationValue::Boolean(false) => writer.raw(":false"),
        }
    }
    writer.raw("},\"cred_state\":");
    writer.text(state);
    if let (Some(intent), true) = (&context.intent, options.intent_id) {
        writer.raw(",\"intent_id\":");
        writer.text(intent.as_str());
    }
    writer.raw(",\"params\":");
    writer.object(parameters);
    writer.raw(",\"user_info\":");
    writer.object(context.requester.user_info.claims());
    writer.raw(",\"watts_userid\":");
    writer.text(context.requester.user.as_str());
    writer.raw(",\"watts_version\":");
    writer.text(&options.watts_version);
    writer.raw("}");
    base64::encode(writer.finish().as_bytes(), options.alphabet)
}
