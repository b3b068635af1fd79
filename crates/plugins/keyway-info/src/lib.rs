//! Shows users the claims that an issuer receives about them. The issuer `info` creates and
//! destroys nothing, so an operator can offer it from the first day. It is a good first example for
//! plugin authors: this file holds everything that an issuer needs, and `main.rs` makes it an
//! executable in one line.
//!
//! ```
//! use keyway_info::Info;
//! use keyway_issuers::{Context, CredentialRequest, Issuer, RequestOutcome, UserInfo};
//!
//! # pollster::block_on(async {
//! let joe = UserInfo::new("https://issuer.example.com", "joe").with("groups", "admins\nusers");
//! let RequestOutcome::Issued(shown) = Info.request(&CredentialRequest::new(Context::new(joe))).await? else {
//!     panic!("`info` asks for no other login");
//! };
//! let names: Vec<_> = shown.credential.iter().map(|part| part.name.as_str()).collect();
//! assert_eq!(names, ["version", "user id", "decoded user id", "groups", "iss", "sub", "json object"]);
//! assert_eq!(shown.credential[5].expose_value(), "joe");
//! assert_eq!(shown.credential[3].kind.word(), "textarea");
//! # Ok::<(), keyway_issuers::IssuerError>(())
//! # }).unwrap();
//! ```
//!
//! # As an executable
//! `cargo build -p keyway-info` builds the executable `keyway-info`. The real WaTTS host can run it, and every host of
//! this project can run it through the plugin `process`.
//!
//! # Differences from the plugin of WaTTS
//! The plugin of WaTTS returns the same reference to the credential (`state` on the wire) for all users, so the WaTTS
//! host needs an exception for this plugin. Here each new request gets a reference of its own (decision W6). `version`
//! is the version of this plugin, because a linked plugin has no version of WaTTS. The JSON object holds only data
//! about the user. Tokens and configuration are left out, because they may be secret.

use std::sync::Arc;

use keyway_issuers::{
    Capabilities, Context, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError,
    IssuerPlugin, Json, JsonObject, OpenContext, RequestOutcome, Revocation, async_trait,
};

const VERSION: &str = "1.0.0";

/// The plugin in the registry. It has no configuration, so the default check of the trait, which accepts an empty
/// configuration, suffices.
#[derive(Clone, Copy, Debug, Default)]
pub struct InfoPlugin;

impl IssuerPlugin for InfoPlugin {
    fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        Ok(Arc::new(Info))
    }
}

/// The issuer. It keeps nothing between calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Info;

#[async_trait]
impl Issuer for Info {
    /// Declares the issuer idempotent: repeated requests with one intent get the same reference to the credential
    /// (`state` on the wire), and nothing outside the issuer changes.
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder(VERSION)
            .set([])
            .build()
            .map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let context = &request.context;
        let mut issued = Issued::new(state(context)?)
            .with(CredentialPart::text("version", VERSION))
            .with(CredentialPart::text("user id", context.requester.user.as_str()))
            .with(CredentialPart::text("decoded user id", decoded_user_id(context)));
        for (name, claim) in context.requester.user_info.claims() {
            issued = issued.with(match name.as_str() {
                // Many groups do not fit on one line.
                "groups" => CredentialPart::textarea(name, shown(claim)),
                _ => CredentialPart::text(name, shown(claim)),
            });
        }
        let json = CredentialPart::textfile("json object", json_object(context)?);
        Ok(issued.with(json.size(20, 50).save_as("info.json")).into())
    }

    /// Always succeeds, because no credential was created.
    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }
}

/// Returns the reference to the credential (`state` on the wire). It is derived from the intent of the request. A host
/// without intents, such as WaTTS itself, gets a random reference.
fn state(context: &Context) -> Result<String, IssuerError> {
    if let Some(intent) = &context.intent {
        return Ok(format!("info-{intent}"));
    }
    let number = getrandom::u64().map_err(|error| IssuerError::system("get random bytes", error))?;
    Ok(format!("info-{number:016x}"))
}

/// Decodes the user id to the JSON from which it was made.
fn decoded_user_id(context: &Context) -> String {
    match context.requester.user.parts() {
        Some((issuer, subject)) => serde_json::json!({ "issuer": issuer, "subject": subject }).to_string(),
        None => "this id is not made of issuer and subject".to_owned(),
    }
}

/// Returns the form of a claim that users see: a text is unchanged, anything else is JSON.
fn shown(claim: &Json) -> String {
    match claim {
        Json::Text(text) => text.expose().to_owned(),
        // JSON libraries limit integers to 64 bits, so an integer is written as its decimal digits.
        Json::Integer(integer) => integer.decimal().to_owned(),
        other => other.to_serde().to_string(),
    }
}

/// Returns all known data about the user, including further logins, without tokens.
fn json_object(context: &Context) -> Result<String, IssuerError> {
    let claims = |claims: &JsonObject| Json::Object(claims.clone());
    let logins =
        context.requester.additional_logins.iter().map(|login| claims(login.user_info.claims())).collect();
    let object = JsonObject::from([
        ("user_id".to_owned(), Json::text(context.requester.user.as_str())),
        ("user_info".to_owned(), claims(context.requester.user_info.claims())),
        ("additional_logins".to_owned(), Json::Array(logins)),
    ]);
    serde_json::to_string_pretty(&Json::Object(object).to_serde())
        .map_err(|error| IssuerError::system("write JSON", error))
}

keyway_issuers::register! {
    keyway_issuers::Issuers {
        id: "info",
        name: "Info",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        plugin: InfoPlugin,
    }
}

#[cfg(test)]
mod tests {
    use keyway_issuers::{IntentId, Login, PartKind, UserInfo};
    use pollster::block_on;

    use keyway_issuers::Requester;

    use super::*;

    fn context() -> Context {
        let user = UserInfo::new("https://issuer.example.com", "joe")
            .with("age", Json::from(serde_json::json!(41)))
            .with("groups", Json::from(serde_json::json!(["a", "b"])));
        let login =
            Login { user_info: UserInfo::new("https://other", "j"), access_token: Some("needle".into()) };
        Context::new(Requester::new(user).with_login(login).with_access_token("needle"))
    }

    fn request(context: Context) -> Issued {
        match block_on(Info.request(&CredentialRequest::new(context))).unwrap() {
            RequestOutcome::Issued(issued) => issued,
            RequestOutcome::LoginRequired(_) => panic!("it asks for no login"),
        }
    }

    #[test]
    fn all_claims_of_the_user_are_shown() {
        let issued = request(context());
        let part = |name: &str| issued.credential.iter().find(|part| part.name == name).unwrap();
        assert_eq!(part("version").expose_value(), VERSION);
        assert_eq!(part("user id").expose_value(), context().requester.user.as_str());
        let decoded = r#"{"issuer":"https://issuer.example.com","subject":"joe"}"#;
        assert_eq!(part("decoded user id").expose_value(), decoded);
        assert_eq!(part("age").expose_value(), "41");
        assert_eq!((part("groups").expose_value(), part("groups").kind.word()), (r#"["a","b"]"#, "textarea"));
        let json = part("json object");
        let PartKind::Textfile { size, save_as } = &json.kind else { panic!("{:?}", json.kind) };
        assert_eq!((size.rows, size.columns, save_as.as_deref()), (Some(20), Some(50), Some("info.json")));
        let object: serde_json::Value = serde_json::from_str(json.expose_value()).unwrap();
        assert_eq!(object["user_info"]["groups"][1], "b");
        assert_eq!(object["additional_logins"][0]["sub"], "j");
        issued.state.check_keeps_no_secret(&issued.credential).unwrap();
    }

    #[test]
    fn no_token_is_shown() {
        let issued = request(context());
        assert!(issued.credential.iter().all(|part| !part.expose_value().contains("needle")));
    }

    #[test]
    fn a_foreign_user_id_is_shown_as_it_is() {
        let mut context = context();
        context.requester.user = keyway_issuers::UserId::received("joe");
        let issued = request(context);
        assert_eq!(issued.credential[1].expose_value(), "joe");
        assert!(issued.credential[2].expose_value().contains("not made of"));
    }

    #[test]
    fn each_intent_has_a_state_of_its_own() {
        let intent = |id: &str| context().with_intent(IntentId::new(id).unwrap());
        assert_eq!(request(intent("a")), request(intent("a")));
        assert_ne!(request(intent("a")).state, request(intent("b")).state);
        assert_ne!(request(context()).state, request(context()).state);
    }

    /// Tests that a user cannot make the host refuse every answer by choosing the content of a claim.
    ///
    /// See decision W8.
    #[test]
    fn no_claim_is_in_the_state() {
        let known = request(context()).state;
        let known = known.as_str().trim_end_matches(|last: char| last.is_ascii_hexdigit());
        for claim in [known, "user_info", "user_info-"] {
            let user = UserInfo::new("https://issuer.example.com", "joe").with("nickname", claim);
            let issued = request(Context::new(user));
            issued.state.check_keeps_no_secret(&issued.credential).unwrap();
        }
    }

    #[test]
    fn revoking_succeeds_however_often() {
        let revocation = Revocation::new(context(), request(context()).state);
        for _ in 0..2 {
            block_on(Info.revoke(&revocation)).unwrap();
        }
    }
}
