//! Answers with its own input, and fails on demand. The issuer is the same in this process and as
//! an executable (`src/bin/echo-issuer.rs`), so that the two can be compared.

use std::sync::Arc;

use keyway_issuers::{
    Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerPlugin,
    Json, LoginRequired, OpenContext, ParameterDescriptor, RequestOutcome, Revocation, async_trait,
};

/// The plugin `echo`.
#[derive(Debug)]
pub struct EchoPlugin;

impl IssuerPlugin for EchoPlugin {
    fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        Ok(Arc::new(Echo))
    }
}

/// The issuer. It keeps nothing.
#[derive(Debug)]
pub struct Echo;

#[async_trait]
impl Issuer for Echo {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1.0.0")
            .text("prefix", "echo/")
            .boolean("loud", false)
            .set([])
            .set([
                ParameterDescriptor::mandatory("say", "say", "what to say back"),
                ParameterDescriptor::optional("then", "then", "refuse, login, fail, panic or print"),
            ])
            .build()
            .map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let context = &request.context;
        let say = request.parameters.text("say").unwrap_or_default();
        match request.parameters.text("then") {
            Some("refuse") => return Err(IssuerError::refused(format!("no: {say}"), format!("log: {say}"))),
            Some("login") => {
                let login = LoginRequired { provider: "elsewhere".to_owned(), message: say.to_owned() };
                return Ok(RequestOutcome::LoginRequired(login));
            }
            Some("fail") => return Err(IssuerError::system("echo", "it was told to fail")),
            Some("panic") => panic!("{say}"),
            #[expect(clippy::print_stdout, reason = "this is what must not reach the host")]
            Some("print") => println!("{say}"),
            _ => {}
        }
        let tokens = context.requester.additional_logins.iter().map(|login| login.access_token.as_ref());
        let tokens = tokens
            .chain([context.requester.access_token.as_ref()])
            .map(|token| Json::Text(token.cloned().unwrap_or_default()));
        let logins = context.requester.additional_logins.iter();
        let logins = logins.map(|login| Json::Object(login.user_info.claims().clone())).collect();
        let json = |value: Json| value.to_ascii().to_string();
        let prefix = context.configuration.text("prefix").unwrap_or_default();
        let intent = context.intent.as_ref().map(ToString::to_string).unwrap_or_default();
        Ok(Issued::new(format!("{prefix}{}", context.requester.user))
            .with(CredentialPart::text("say", say))
            .with(CredentialPart::text("intent", intent))
            .with(CredentialPart::text("loud", format!("{:?}", context.configuration.boolean("loud"))))
            .with(
                CredentialPart::textarea(
                    "user",
                    json(Json::Object(context.requester.user_info.claims().clone())),
                )
                .size(3, 7),
            )
            .with(CredentialPart::textarea("logins", json(Json::Array(logins))))
            .with(
                CredentialPart::textfile("tokens", json(Json::Array(tokens.collect())))
                    .size(1, 2)
                    .save_as("t"),
            )
            .into())
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        if revocation.state.as_str().contains("stays") {
            return Err(IssuerError::refused("It stays.", format!("{} stays", revocation.state.as_str())));
        }
        Ok(())
    }
}

keyway_issuers::register! {
    keyway_issuers::Issuers {
        id: "echo",
        name: "Echo",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        description: "Says back what it was asked",
        plugin: EchoPlugin,
    }
}
