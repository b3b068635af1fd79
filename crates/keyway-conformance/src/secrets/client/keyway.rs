//! Adapts `keyway_client::Secrets` to the kit's types.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_client::{
    Access, Bundle, Change, Credentials, Draft, Error, PluginError, ResolvedSecret, Secrets,
};
use keyway_secrets::SecretStore;

use super::{
    Accessed, ApplicationClient, AuditHook, ClientFailure, ClientMaker, FileFormat, Found, GivenCredentials,
    Missing, Request, Response, Scope, TakenCredentials,
};

/// Makes clients of the type `keyway_client::Secrets`, which are tested by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeywayClient;

impl ClientMaker for KeywayClient {
    fn client(&self, store: Arc<dyn SecretStore>, audit: Option<AuditHook>) -> Arc<dyn ApplicationClient> {
        let builder = Secrets::builder(store);
        Arc::new(match audit {
            None => builder.build(),
            Some(hook) => builder.audit(move |access: &Access<'_>| hook(accessed(access))).build(),
        })
    }

    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        let GivenCredentials { access_key_id, secret_access_key, api_base, environment } = given.clone();
        let mut source = Credentials::source().home_file().environment(move |name| {
            environment.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone())
        });
        if let Some(id) = access_key_id {
            source = source.access_key_id(id);
        }
        if let Some(key) = secret_access_key {
            source = source.secret_access_key(key);
        }
        if let Some(base) = api_base {
            source = source.api_base(base);
        }
        Some(match source.resolve() {
            Ok(credentials) => Ok(TakenCredentials {
                access_key_id: credentials.access_key_id().expose().to_owned(),
                secret_access_key: credentials.secret_access_key().expose().to_owned(),
                api_base: credentials.api_base().to_owned(),
                shown: format!("{credentials:?} {credentials:#?}"),
            }),
            Err(error) => Err(failure(&error.into())),
        })
    }
}

fn accessed(access: &Access<'_>) -> Accessed {
    Accessed {
        requester: access.requester.map(str::to_owned),
        operation: access.operation,
        key: access.key.map(str::to_owned),
        environment: access.environment.map(str::to_owned),
        layer: access.layer,
        outcome: access.outcome,
        shown: format!("{access} {access:?} {access:#?}"),
    }
}

fn failure(error: &Error) -> ClientFailure {
    let mut shown = format!("{error} {error:?} {error:#?} {}", error.detail());
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(shown, " {error} {error:?}");
        cause = error.source();
    }
    let missing = if error.is_secret_not_found() {
        Some(Missing::Secret)
    } else if matches!(error, Error::EnvironmentNotFound { .. }) {
        Some(Missing::Environment)
    } else {
        None
    };
    ClientFailure {
        code: error.code().to_owned(),
        http_status: error.http_status(),
        user_message: error.user_message(),
        description: error.description().to_owned(),
        missing,
        shown,
    }
}

fn found(secret: &ResolvedSecret) -> Found {
    Found {
        key: secret.key().to_owned(),
        environment: secret.environment().map(str::to_owned),
        layer: secret.layer,
        id: secret.header.id.clone(),
        description: secret.header.description.clone(),
        value: secret.value.clone(),
        shown: format!("{secret:?} {secret:#?}"),
    }
}

#[async_trait]
impl ApplicationClient for Secrets {
    fn in_scope(&self, scope: &Scope) -> Arc<dyn ApplicationClient> {
        let client = match &scope.environment {
            None => self.shared(),
            Some(environment) => self.in_environment(environment),
        };
        let client = client.with_resolution(scope.resolution);
        Arc::new(match &scope.requester {
            None => client,
            Some(requester) => client.on_behalf_of(requester),
        })
    }

    async fn call(&self, request: Request) -> Result<Response, ClientFailure> {
        answer(self, request).await.map_err(|error| failure(&error))
    }
}

/// Carries out a request. Fails with the client's own type of error.
async fn answer(client: &Secrets, request: Request) -> Result<Response, Error> {
    Ok(match request {
        Request::Get(key) => Response::Text(client.get(&key).await?),
        Request::GetOr { key, default } => Response::Text(Some(client.get_or(&key, default).await?)),
        Request::GetRequired(key) => Response::Text(Some(client.get_required(&key).await?)),
        Request::Find(key) => Response::Secret(client.find(&key).await?.as_ref().map(found)),
        Request::Retrieve(key) => Response::Secret(Some(found(&client.retrieve(&key).await?))),
        Request::List => Response::Secrets(client.list().await?.iter().map(found).collect()),
        Request::ListNames => {
            let names = client.list_names().await?;
            Response::Names(names.iter().map(|name| (name.as_str().to_owned(), name.layer)).collect())
        }
        Request::Create { key, value } => {
            client.create(&key, Draft::new(value)).await?;
            Response::Done
        }
        Request::Modify { key, value } => {
            client.modify(&key, Change::value(value)).await?;
            Response::Done
        }
        Request::Delete(key) => {
            client.delete(&key).await?;
            Response::Done
        }
        Request::ListEnvironments => Response::Environments(client.list_environments().await?),
        Request::RetrieveEnvironment(name) => {
            Response::Environments(vec![client.retrieve_environment(&name).await?])
        }
        Request::GetEnvironment(name) => {
            #[expect(deprecated, reason = "decision L11 keeps it, so it is tested")]
            let environment = client.get_environment(&name).await?;
            Response::Environments(environment.into_iter().collect())
        }
        Request::CreateEnvironment { name, external_url } => {
            Response::Environments(vec![client.create_environment(&name, external_url.as_deref()).await?])
        }
        Request::ModifyEnvironment { name, external_url } => {
            Response::Environments(vec![client.modify_environment(&name, external_url.as_deref()).await?])
        }
        Request::Export(format) => {
            let bundle = client.export().await?;
            Response::File(match format {
                FileFormat::Dotenv => bundle.to_dotenv()?,
                FileFormat::Json => bundle.to_json(),
            })
        }
        Request::Import { format, text } => {
            let bundle = match format {
                FileFormat::Dotenv => Bundle::from_dotenv(text.expose())?,
                FileFormat::Json => Bundle::from_json(text.expose())?,
            };
            let plan = client.import(&bundle).await?;
            let [created, changed, unchanged] =
                [plan.created.len(), plan.changed.len(), plan.unchanged.len()];
            Response::Imported { created, changed, unchanged }
        }
    })
}
