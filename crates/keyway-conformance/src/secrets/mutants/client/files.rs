//! Mutants in export, import and credentials.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Answered, Twist, Twisted, client_mutants};
use crate::secrets::client::{
    ClientFailure, ClientMaker as _, FileFormat, GivenCredentials, KeywayClient, Request, Response,
    TakenCredentials,
};

client_mutants! {
    ExportChangesLineEnds "writes every line end as a line feed";
    ImportReplacesAll "deletes what does not stand in the file that it imports";
    ImportsLineByLine "imports the lines before a faulty one";
    ImportsIntoShared "imports into the shared layer";
    OnlyLockerNames "knows no name of the environment but those that begin with LOCKER_";
    ReadsPublicFiles "reads credentials that others can read, too";
    CredentialsShowKeys "shows the access key ID in a debugging text";
}

#[async_trait]
impl Twist for ExportChangesLineEnds {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match it.inner.call(request).await? {
            Response::File(text) => Ok(Response::File(text.expose_secret().replace("\r\n", "\n").into())),
            other => Ok(other),
        }
    }
}

#[async_trait]
impl Twist for ImportReplacesAll {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let answer = it.inner.call(request.clone()).await?;
        if let (Request::Import { text, .. }, Response::Names(names)) =
            (request, it.inner.call(Request::ListNames).await?)
        {
            for (key, _) in names.into_iter().filter(|(key, _)| !text.expose_secret().contains(key.as_str()))
            {
                it.inner.call(Request::Delete { key }).await?;
            }
        }
        Ok(answer)
    }
}

#[async_trait]
impl Twist for ImportsLineByLine {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if let Request::Import { format: FileFormat::Dotenv, text } = &request {
            for line in text.expose_secret().lines() {
                let text = SecretString::from(format!("{line}\n"));
                if it.inner.call(Request::Import { format: FileFormat::Dotenv, text }).await.is_err() {
                    break;
                }
            }
        }
        it.inner.call(request).await
    }
}

#[async_trait]
impl Twist for ImportsIntoShared {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match request {
            Request::Import { .. } => it.shared().call(request).await,
            other => it.inner.call(other).await,
        }
    }
}

impl Twist for OnlyLockerNames {
    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        let mut given = given.clone();
        given.environment.retain(|(name, _)| name == "HOME" || name.starts_with("LOCKER_"));
        KeywayClient.credentials(&given)
    }
}

impl Twist for ReadsPublicFiles {
    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        let home = given.environment.iter().find(|(name, _)| name == "HOME");
        #[cfg(unix)]
        if let Some((_, home)) = home {
            use std::os::unix::fs::PermissionsExt as _;
            let file = std::path::Path::new(home).join(".locker").join("credentials");
            let _ = std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
        }
        let _ = home;
        KeywayClient.credentials(given)
    }
}

impl Twist for CredentialsShowKeys {
    fn credentials(&self, given: &GivenCredentials) -> Option<Result<TakenCredentials, ClientFailure>> {
        let taken = KeywayClient.credentials(given)?;
        Some(taken.map(|taken| TakenCredentials {
            shown: format!("{} {}", taken.shown, taken.access_key_id),
            ..taken
        }))
    }
}
