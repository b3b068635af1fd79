//! The answer of an issuer to a host's input.

use keyway_core::{Effect, PluginError};
use keyway_issuers::wire::plugin::{self, Input};
use keyway_issuers::{
    Configuration, ConfigurationValue, Description, Features, Issuer, IssuerError, Json, SecretText,
};

/// Answers the input of a host, and returns exactly one JSON object to print.
///
/// Every failure becomes an error object, and so does an unknown action (decision W1).
///
/// The contract promises an issuer that every configuration name in its description has a value, and that the
/// parameters of a request fit one of the sets in the description. Hosts of this project ensure both. This function
/// checks both again, because the executable may run under a different host.
///
/// This function does not block unless the issuer does.
///
/// # Cancel safety
/// The cancel safety depends on the issuer.
pub async fn answer(issuer: &dyn Issuer, written: &[u8]) -> SecretText {
    match try_answer(issuer, written).await {
        Ok(printed) => printed,
        Err(error) => plugin::encode_error(&error),
    }
}

async fn try_answer(issuer: &dyn Issuer, written: &[u8]) -> Result<SecretText, IssuerError> {
    match plugin::decode_input(written)? {
        Input::Parameter => {
            // The description of every issuer declares the feature `stdin`, because this crate reads standard input for
            // the issuer.
            let features = Features::NONE.stdin(true).idempotent(issuer.capabilities().idempotent);
            let description = issuer.describe().await?.with_features(features);
            Ok(plugin::encode_description(&description))
        }
        Input::Request(mut request) => {
            let description = described(issuer).await?;
            resolve(&description, &mut request.context.configuration)?;
            description
                .fitting_set(&request.parameters)
                .map_err(|violation| IssuerError::invalid("what was entered", violation.to_string()))?;
            Ok(plugin::encode_outcome(&issuer.request(&request).await?))
        }
        Input::Revoke(mut revocation) => {
            resolve(&described(issuer).await?, &mut revocation.context.configuration)?;
            issuer.revoke(&revocation).await?;
            Ok(plugin::encode_revoked())
        }
    }
}

/// Returns the description, which every call to the issuer needs. An error always says that nothing has happened,
/// because a description has no effect.
async fn described(issuer: &dyn Issuer) -> Result<Description, IssuerError> {
    issuer.describe().await.map_err(|error| without_effect("the description of the issuer", error))
}

/// Makes the error of a step without an effect, such as one before the issuer is asked, say that nothing has happened.
pub(crate) fn without_effect(what: &'static str, error: IssuerError) -> IssuerError {
    match error.effect() {
        Effect::None => error,
        Effect::Unknown => IssuerError::Unavailable { what, retry_after: None, source: Some(error.into()) },
    }
}

/// Gives every configuration name of the description its value, converted to the type in the description.
fn resolve(description: &Description, configuration: &mut Configuration) -> Result<(), IssuerError> {
    let received: Vec<(&str, Json)> = configuration
        .iter()
        .map(|(name, value)| {
            let truth = matches!(value, ConfigurationValue::Boolean(true));
            (name, configuration.text(name).map_or(Json::Boolean(truth), Json::text))
        })
        .collect();
    *configuration =
        description.resolve_configuration(received.iter().map(|(name, value)| (*name, value))).map_err(
            |violations| IssuerError::invalid("the configuration of the service", violations.to_string()),
        )?;
    Ok(())
}
