//! Client mutants with faults in export, import or credentials.
use keyway_core::SecretText;

use super::{SecretStoreSubject, client_mutant, mutants};
use crate::secrets::client::{
    ClientMaker as _, FileFormat, KeywayClient, Request, Response, TakenCredentials,
};

mutants! {
    for SecretStoreSubject, by client_mutant;
    ExportChangesLineEnds breaks ["SEC-250"] "writes every line end as a line feed"
        (call |client, request| match client.inner.call(request).await? {
            Response::File(text) => Ok(Response::File(text.expose().replace("\r\n", "\n").into())),
            other => Ok(other),
        })
    ImportReplacesAll breaks ["SEC-251"] "deletes what does not stand in the file that it imports"
        (call |client, request| {
            let answer = client.inner.call(request.clone()).await?;
            if let (Request::Import { text, .. }, Response::Names(names)) =
                (request, client.inner.call(Request::ListNames).await?)
            {
                let is_gone = |key: &String| !text.expose().contains(key.as_str());
                for (key, _) in names.into_iter().filter(|(key, _)| is_gone(key)) {
                    client.inner.call(Request::Delete(key)).await?;
                }
            }
            Ok(answer)
        })
    ImportsLineByLine breaks ["SEC-252"] "imports the lines before a faulty one"
        (call |client, request| {
            if let Request::Import { format: FileFormat::Dotenv, text } = &request {
                for line in text.expose().lines() {
                    let text = SecretText::from(format!("{line}\n"));
                    let import = Request::Import { format: FileFormat::Dotenv, text };
                    if client.inner.call(import).await.is_err() {
                        break;
                    }
                }
            }
            client.inner.call(request).await
        })
    ImportsIntoShared breaks ["SEC-253"] "imports into the shared layer"
        (call |client, request| match request {
            Request::Import { .. } => client.shared().call(request).await,
            other => client.inner.call(other).await,
        })
    OnlyLockerNames breaks ["SEC-270"] "knows no name of the environment but those that begin with LOCKER_"
        (credentials |given| {
            let mut given = given.clone();
            given.environment.retain(|(name, _)| name == "HOME" || name.starts_with("LOCKER_"));
            KeywayClient.credentials(&given)
        })
    ReadsPublicFiles breaks ["SEC-271"] "reads credentials that others can read, too"
        (credentials |given| {
            let home = given.environment.iter().find(|(name, _)| name == "HOME");
            #[cfg(unix)]
            if let Some((_, home)) = home {
                use std::os::unix::fs::PermissionsExt as _;
                let file = std::path::Path::new(home).join(".locker").join("credentials");
                let _ = std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
            }
            let _ = home;
            KeywayClient.credentials(given)
        })
    CredentialsShowKeys breaks ["SEC-271"] "shows the access key ID in a debugging text"
        (credentials |given| Some(KeywayClient.credentials(given)?.map(|taken| {
            let shown = format!("{} {}", taken.shown, taken.access_key_id);
            TakenCredentials { shown, ..taken }
        })))
}
