//! Client mutants that write to the wrong layer, or write wrong content.

use keyway_client::Resolution;
use keyway_core::SecretValue;

use super::{SecretStoreSubject, client_mutant, mutants};
use crate::secrets::client::{Missing, Request};

mutants! {
    for SecretStoreSubject, by client_mutant;
    ModifyFallsThrough breaks ["SEC-205"] "changes the shared secret when the environment has none"
        (call |client, request| match (&request, client.inner.call(request.clone()).await) {
            (Request::Modify { .. }, Err(failure))
                if failure.missing == Some(Missing::Secret) && client.falls_back() =>
            {
                client.shared().call(request).await
            }
            (_, answer) => answer,
        })
    CreatesShared breaks ["SEC-206"] "creates in the shared layer under the policy that falls back"
        (call |client, request| {
            if matches!(request, Request::Create { .. }) && client.falls_back() {
                // The mutant still checks that the environment exists.
                client.by(Resolution::Exact).call(Request::ListNames).await?;
                return client.shared().call(request).await;
            }
            client.inner.call(request).await
        })
    DeletesBothLayers breaks ["SEC-206"] "deletes the shared secret with the environment's"
        (call |client, request| {
            let answer = client.inner.call(request.clone()).await?;
            if matches!(request, Request::Delete(_)) && client.scope.environment.is_some() {
                let _ = client.shared().call(request).await;
            }
            Ok(answer)
        })
    TrimsWhatItWrites breaks ["SEC-207"] "cuts white space off what it writes"
        (call |client, request| {
            let mut request = request;
            if let Request::Create { value, .. } | Request::Modify { value, .. } = &mut request
                && let Some(text) = value.expose_text()
            {
                *value = SecretValue::text(text.trim());
            }
            client.inner.call(request).await
        })
    CreateReplaces breaks ["SEC-233"] "replaces the environment that it should create"
        (call |client, request| match (request.clone(), client.inner.call(request).await) {
            (Request::CreateEnvironment { name, external_url }, Err(failure)) if failure.code == "conflict" => {
                client.inner.call(Request::ModifyEnvironment { name, external_url }).await
            }
            (_, answer) => answer,
        })
    ModifyMakesEnvironment breaks ["SEC-209"] "creates the environment that it should change"
        (call |client, request| match (request.clone(), client.inner.call(request).await) {
            (Request::ModifyEnvironment { name, external_url }, Err(failure))
                if failure.missing == Some(Missing::Environment) =>
            {
                client.inner.call(Request::CreateEnvironment { name, external_url }).await
            }
            (_, answer) => answer,
        })
    ClientKeepsUrls breaks ["SEC-208"] "takes no URL away"
        (call |client, request| match request {
            Request::ModifyEnvironment { name, external_url: None } => {
                client.inner.call(Request::RetrieveEnvironment(name)).await
            }
            other => client.inner.call(other).await,
        })
}
