//! Measures the wire of issuers: the work of a host and a plugin on one request, without the transport.

use keyway_issuers::{
    Configuration, ConfigurationValue, Context, CredentialPart, CredentialRequest, IntentId, Issued, Json,
    Parameters, RequestOutcome, Requester, UserInfo,
    wire::{self, Ended, Profile, WireOptions, host, plugin},
};

use super::{BenchError, executables};
use crate::{
    measure::{Compared, Plan, compare},
    row::{Row, Target},
};

/// A request and its answer.
#[derive(Debug)]
pub struct Setup {
    /// The request.
    pub request: CredentialRequest,
    /// The host's options for writing.
    pub options: WireOptions,
    /// The answer.
    pub outcome: RequestOutcome,
}

impl Setup {
    /// Returns the example of the WaTTS seed ("Plugin Input") with a public key. The answer has a login name and a
    /// host.
    ///
    /// # Errors
    /// When the request or the answer does not survive a round trip.
    pub fn seed() -> Result<Self, BenchError> {
        let key = format!("ssh-ed25519 {} max@laptop", "AAAAC3NzaC1lZDI1NTE5".repeat(3));
        let context = Context::new(Self::user_info())
            .with_configuration(Configuration::new().with("state_prefix", ConfigurationValue::text("TTS_")));
        let request = CredentialRequest::new(context).with_parameters(Parameters::new().with("pub_key", key));
        let outcome = Issued::new("TTS_12345678")
            .with(CredentialPart::text("username", "kw001"))
            .with(CredentialPart::text("host", "login1.example.com"));
        Self::checked(request, WireOptions::new("1.0.0"), outcome.into())
    }

    /// Returns a larger example: with groups, an access token, an RSA key, and a private key in the answer.
    ///
    /// # Errors
    /// When the request or the answer does not survive a round trip.
    pub fn large() -> Result<Self, BenchError> {
        let key = format!("ssh-rsa {} max@laptop", "AAAAB3NzaC1yc2EAAAADAQAB".repeat(15));
        let user_info = Self::user_info()
            .with("email", "max@example.com")
            .with("email_verified", true)
            .with("groups", Json::from(serde_json::json!(["users", "cluster/login", "cluster/admin"])))
            .with("updated_at", Json::from(serde_json::json!(1_763_776_000)));
        let requester = Requester::new(user_info).with_access_token("eyJhbGciOiJSUzI1NiJ9".repeat(12));
        let context = Context::new(requester)
            .with_intent(IntentId::new("0f8fad5b-d9cb-469f-a165-70867728950e").ok_or("no id")?)
            .with_configuration(
                Configuration::new()
                    .with("state_prefix", ConfigurationValue::text("KEYWAY_"))
                    .with("host_list", ConfigurationValue::text("login1.example.com login2.example.com"))
                    .with("create_user", ConfigurationValue::Boolean(false)),
            );
        let request = CredentialRequest::new(context).with_parameters(Parameters::new().with("pub_key", key));
        let outcome = Issued::new("KEYWAY_12345678")
            .with(CredentialPart::text("username", "kw001"))
            .with(CredentialPart::text("host", "login1.example.com"))
            .with(CredentialPart::textfile("private key", "b3BlbnNzaC1rZXktdjEA\n".repeat(20)).size(30, 70));
        Self::checked(request, WireOptions::new("1.6.1").with_intent_id(true), outcome.into())
    }

    fn user_info() -> UserInfo {
        UserInfo::new("https://issuer.example.com", "12345678")
            .with("family_name", "Mustermann")
            .with("gender", "male")
            .with("given_name", "Max")
            .with("name", "Max Mustermann")
    }

    fn checked(
        request: CredentialRequest,
        options: WireOptions,
        outcome: RequestOutcome,
    ) -> Result<Self, BenchError> {
        let setup = Self { request, options, outcome };
        let plugin::Input::Request(received) = setup.request_there()? else {
            return Err("no request".into());
        };
        if *received != setup.request || setup.outcome_back()? != setup.outcome {
            return Err("the message read differs from the one written".into());
        }
        Ok(setup)
    }

    /// Writes the request as a host does, and reads it as a plugin does.
    ///
    /// # Errors
    /// When the plugin cannot read the request.
    pub fn request_there(&self) -> Result<plugin::Input, BenchError> {
        let sent = host::encode_request(&self.request, &self.options);
        Ok(plugin::decode_input(sent.expose().as_bytes())?)
    }

    /// Writes the answer as a plugin does, and reads it as a host does.
    ///
    /// # Errors
    /// When the host cannot read the answer.
    pub fn outcome_back(&self) -> Result<RequestOutcome, BenchError> {
        let printed = plugin::encode_outcome(&self.outcome);
        Ok(host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict)?)
    }
}

/// Does the work of the peer: reads and writes the same JSON and base64 with the crates `serde_json` and `base64`,
/// without checks, types and wiping.
fn plain(json: &serde_json::Value) -> Result<serde_json::Value, BenchError> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let sent = URL_SAFE_NO_PAD.encode(serde_json::to_vec(json)?);
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(sent)?)?)
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    for (name, setup, target) in
        [("the seed's request", Setup::seed()?, Some(5.0)), ("a large request", Setup::large()?, None)]
    {
        // The unit is always microseconds, because the target is in microseconds.
        let row = |what: String, compared: Compared| Row::compared_in(area, what, compared, "us", 1e3);
        let sent = host::encode_request(&setup.request, &setup.options);
        let json = wire::base64::decode(sent.expose().as_bytes())?;
        let size = format!("{} bytes of JSON", json.len());
        let json: serde_json::Value = serde_json::from_slice(&json)?;
        let there = compare(Plan::COMPUTATION, || setup.request_there(), || plain(&json));
        let there = row(format!("encode and decode {name}, peer serde_json and base64"), there).noting(size);
        rows.push(match target {
            Some(limit) => there.must(Target::ValueAtMost(limit)),
            None => there,
        });
        let printed = plugin::encode_outcome(&setup.outcome);
        let size = format!("{} bytes of JSON", printed.expose().len());
        let json: serde_json::Value = serde_json::from_str(printed.expose())?;
        let peer = || -> Result<serde_json::Value, serde_json::Error> {
            serde_json::from_slice(&serde_json::to_vec(&json)?)
        };
        let back = compare(Plan::COMPUTATION, || setup.outcome_back(), peer);
        rows.push(row(format!("encode and decode its answer ({name}), peer serde_json"), back).noting(size));
    }
    rows.extend(executables::rows(area, &Setup::seed()?.request)?);
    Ok(rows)
}
