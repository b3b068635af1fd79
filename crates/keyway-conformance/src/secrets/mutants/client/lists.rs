//! Client mutants with faults in lists.

use keyway_client::Resolution;
use keyway_secrets::ListQuery;

use super::{SecretStoreSubject, client_mutant, mutants};
use crate::lock::locked;
use crate::secrets::client::{Request, Response};

mutants! {
    for SecretStoreSubject, by client_mutant;
    ListIsNotMerged breaks ["SEC-210"] "lists the environment alone under the policy that falls back"
        (call |client, request| match request {
            Request::List | Request::ListNames => client.by(Resolution::Exact).call(request).await,
            other => client.inner.call(other).await,
        })
    ListsBothLayers breaks ["SEC-210"] "lists a secret twice that both layers have"
        (call |client, request| {
            if !client.falls_back() || !matches!(request, Request::List) {
                return client.inner.call(request).await;
            }
            let own = client.by(Resolution::Exact).call(Request::List).await?;
            match (own, client.shared().call(Request::List).await?) {
                (Response::Secrets(mut own), Response::Secrets(shared)) => {
                    own.extend(shared);
                    Ok(Response::Secrets(own))
                }
                (other, _) => Ok(other),
            }
        })
    NamesOfOneLayer breaks ["SEC-211"] "names the keys of the environment alone under the policy that falls back"
        (call |client, request| match request {
            Request::ListNames => client.by(Resolution::Exact).call(request).await,
            other => client.inner.call(other).await,
        })
    ListsOneByOne breaks ["SEC-212"] "lists names, and then reads each secret"
        (call |client, request| {
            if !matches!(request, Request::List) {
                return client.inner.call(request).await;
            }
            let mut all = Vec::new();
            if let Response::Names(names) = client.inner.call(Request::ListNames).await? {
                for (key, _) in names {
                    if let Response::Secret(found) = client.inner.call(Request::Retrieve(key)).await? {
                        all.extend(found);
                    }
                }
            }
            Ok(Response::Secrets(all))
        })
    ListsTheFirstPage breaks ["SEC-212"] "lists one page of the store"
        (call |client, request| {
            let mut answer = client.inner.call(request).await?;
            if let Response::Secrets(all) = &mut answer
                && let Ok(page) = client.store.list(&ListQuery::all().with_values().limit(1000)).await
            {
                // Keeps as many entries as the first page of the store has.
                all.truncate(page.secrets.len());
            }
            Ok(answer)
        })
    ListsFromMemory breaks ["SEC-213"] "answers every list as its first one"
        (call |client, request| {
            if !matches!(request, Request::List) {
                return client.inner.call(request).await;
            }
            if locked(&client.notes.scope).as_ref() == Some(&client.scope)
                && let Some(answer) = locked(&client.notes.answer).clone()
            {
                return Ok(answer);
            }
            let answer = client.inner.call(request).await?;
            *locked(&client.notes.answer) = Some(answer.clone());
            *locked(&client.notes.scope) = Some(client.scope.clone());
            Ok(answer)
        })
    ListsItAll breaks ["SEC-214"] "lists the whole store to find the secrets of one place"
        (call |client, request| {
            if matches!(request, Request::List) {
                let _ = client.store.list(&ListQuery::all().with_values()).await;
            }
            client.inner.call(request).await
        })
    FirstPageOfEnvironments breaks ["SEC-208"] "lists one page of environments"
        (call |client, request| {
            if matches!(request, Request::ListEnvironments)
                && let Ok(page) = client.store.list_environments(None, 1000).await
            {
                return Ok(Response::Environments(page.environments));
            }
            client.inner.call(request).await
        })
}
