//! The plugin's side: reads a host's input and writes a plugin's output.

mod input;

pub use input::{Input, InputError, decode_input, decode_json};

use keyway_core::Effect;
use keyway_core::PluginError as _;

use crate::{
    ConfigurationType, ConfigurationValue, Description, FieldSize, IssuerError, PartKind, RequestOutcome,
    SecretText,
};
use keyway_core::json::Writer;

/// Writes a plugin's description of itself.
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

/// Writes a plugin's answer to a request.
pub fn encode_outcome(outcome: &RequestOutcome) -> SecretText {
    let mut writer = Writer::with_capacity(512);
    match outcome {
        RequestOutcome::LoginRequired(login) => {
            writer.raw("{\"msg\":");
            writer.text(&login.message);
            writer.raw(",\"provider\":");
            writer.text(&login.provider);
            writer.raw(",\"result\":\"oidc_login\"}");
        }
        RequestOutcome::Issued(issued) => {
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

/// Writes a plugin's answer to a revocation.
pub fn encode_revoked() -> SecretText {
    SecretText::new("{\"result\":\"ok\"}")
}

/// Writes an error as the answer to any action, with one message for the user and one for the log.
///
/// For the real host an error means that nothing happened. If it is not [certain](keyway_core::PluginError::effect)
/// that nothing happened, the key `effect_unknown` tells hosts of this project to keep the intent; the real host
/// ignores the key (decision R2).
pub fn encode_error(error: &IssuerError) -> SecretText {
    let mut writer = Writer::with_capacity(256);
    writer.raw(if error.effect() == Effect::None {
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
