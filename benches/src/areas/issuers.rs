//! The wire of issuers: what a host and a plugin do with one request, without the way between them.

use keyway_issuers::{
    Configuration, ConfigurationValue, Context, CredentialPart, CredentialRequest, IntentId, Issued, Json,
    Outcome, Parameters, UserInfo,
    wire::{Ended, Profile, WireOptions, host, plugin},
};

use super::Trouble;
use crate::{
    measure::{Compared, Plan, compare},
    row::{Row, Target},
};

/// A request and its answer.
#[derive(Debug)]
pub struct Setup {
    /// As one to a plugin that uploads a public key: claims as a provider sends them, and an RSA key.
    pub request: CredentialRequest,
    /// What the host writes.
    pub options: WireOptions,
    /// A key pair.
    pub outcome: Outcome,
}

impl Setup {
    /// A request and an answer of common size.
    ///
    /// # Errors
    /// When they do not survive the wire.
    pub fn new() -> Result<Self, Trouble> {
        let user_info = UserInfo::new("https://issuer.example.com", "7c1d2a3e-52bb-4e7d-9d0d-0f3f0d4e2b11")
            .with("name", "Max Mustermann")
            .with("given_name", "Max")
            .with("family_name", "Mustermann")
            .with("email", "max@example.com")
            .with("email_verified", true)
            .with("groups", Json::from(serde_json::json!(["users", "cluster/login", "cluster/admin"])))
            .with("updated_at", Json::from(serde_json::json!(1_763_776_000)));
        let key = format!("ssh-rsa {} max@laptop", "AAAAB3NzaC1yc2EAAAADAQAB".repeat(15));
        let context = Context::new(user_info)
            .with_intent(IntentId::new("0f8fad5b-d9cb-469f-a165-70867728950e").ok_or("no id")?)
            .with_configuration(
                Configuration::new()
                    .with("state_prefix", ConfigurationValue::text("KEYWAY_"))
                    .with("host_list", ConfigurationValue::text("login1.example.com login2.example.com"))
                    .with("create_user", ConfigurationValue::Boolean(false)),
            )
            .with_access_token("eyJhbGciOiJSUzI1NiJ9".repeat(12));
        let request = CredentialRequest::new(context).with_parameters(Parameters::new().with("pub_key", key));
        let outcome = Issued::new("KEYWAY_7c1d2a3e")
            .with(CredentialPart::text("username", "kw001"))
            .with(CredentialPart::text("host", "login1.example.com"))
            .with(CredentialPart::textfile("private key", "b3BlbnNzaC1rZXktdjEA\n".repeat(20)).size(30, 70))
            .into();
        let setup = Self { request, options: WireOptions::new("1.6.1").with_intent_id(true), outcome };
        let plugin::Input::Request(received) = setup.request_there()? else {
            return Err("no request".into());
        };
        if *received != setup.request || setup.outcome_back()? != setup.outcome {
            return Err("what was written is not what was read".into());
        }
        Ok(setup)
    }

    /// The host writes the request, the plugin reads it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn request_there(&self) -> Result<plugin::Input, Trouble> {
        let sent = host::encode_request(&self.request, &self.options);
        Ok(plugin::decode_input(sent.expose().as_bytes())?)
    }

    /// The plugin writes the answer, the host reads it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn outcome_back(&self) -> Result<Outcome, Trouble> {
        let printed = plugin::encode_outcome(&self.outcome);
        Ok(host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict)?)
    }
}

/// The peer: the same JSON and base64 by `serde_json` and `base64`, unchecked, untyped and not wiped.
fn plain(json: &serde_json::Value) -> Result<serde_json::Value, Trouble> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let sent = URL_SAFE_NO_PAD.encode(serde_json::to_vec(json)?);
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(sent)?)?)
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, Trouble> {
    let setup = Setup::new()?;
    let sent = host::encode_request(&setup.request, &setup.options);
    let json = keyway_issuers::wire::base64::decode(sent.expose().as_bytes())?;
    let json: serde_json::Value = serde_json::from_slice(&json)?;
    let there = compare(Plan::COMPUTATION, || setup.request_there(), || plain(&json));
    let back = plugin::encode_outcome(&setup.outcome);
    let answer: serde_json::Value = serde_json::from_str(back.expose())?;
    let plain_answer = || -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_slice(&serde_json::to_vec(&answer)?)
    };
    let back_again = compare(Plan::COMPUTATION, || setup.outcome_back(), plain_answer);
    // In microseconds however fast it is, because the target is.
    let row = |name, compared: Compared| Row {
        peer_value: Some(compared.peer / 1e3),
        ..Row::alone(area, name, compared.ours / 1e3, "us")
    };
    Ok(vec![
        row("encode and decode a request, peer serde_json and base64", there)
            .must(Target::ValueAtMost(5.0))
            .noting(format!("{} bytes of base64", sent.expose().len())),
        row("encode and decode its answer, peer serde_json", back_again)
            .noting(format!("{} bytes of JSON", back.expose().len())),
    ])
}
