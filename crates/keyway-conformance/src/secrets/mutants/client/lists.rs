//! Mutants whose lists are wrong.

use async_trait::async_trait;
use keyway_client::Resolution;
use keyway_secrets::ListQuery;

use super::{Answered, Twist, Twisted, client_mutants};
use crate::secrets::client::{Request, Response};

client_mutants! {
    ListIsNotMerged "lists the environment alone under the policy that falls back";
    ListsBothLayers "lists a secret twice that both layers have";
    NamesOfOneLayer "names the keys of the environment alone under the policy that falls back";
    ListsOneByOne "lists names, and then reads each secret";
    ListsTheFirstPage "lists one page of the store";
    ListsFromMemory "answers every list as its first one";
    ListsItAll "lists the whole store to find the secrets of one place";
    FirstPageOfEnvironments "lists one page of environments";
}

/// The sound client in the same place, exactly.
async fn exactly(it: &Twisted, request: Request) -> Answered {
    it.at(it.standing.environment.as_deref(), Resolution::Exact).call(request).await
}

#[async_trait]
impl Twist for ListIsNotMerged {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match request {
            Request::List | Request::ListNames => exactly(it, request).await,
            other => it.inner.call(other).await,
        }
    }
}

#[async_trait]
impl Twist for ListsBothLayers {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if !it.falls_back() {
            return it.inner.call(request).await;
        }
        match request {
            Request::List => {
                match (exactly(it, Request::List).await?, it.shared().call(Request::List).await?) {
                    (Response::Secrets(mut own), Response::Secrets(shared)) => {
                        own.extend(shared);
                        Ok(Response::Secrets(own))
                    }
                    (other, _) => Ok(other),
                }
            }
            other => it.inner.call(other).await,
        }
    }
}

#[async_trait]
impl Twist for NamesOfOneLayer {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match request {
            Request::ListNames => exactly(it, request).await,
            other => it.inner.call(other).await,
        }
    }
}

#[async_trait]
impl Twist for ListsOneByOne {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if !matches!(request, Request::List) {
            return it.inner.call(request).await;
        }
        let mut all = Vec::new();
        if let Response::Names(names) = it.inner.call(Request::ListNames).await? {
            for (key, _) in names {
                if let Response::Secret(Some(found)) = it.inner.call(Request::Retrieve { key }).await? {
                    all.push(found);
                }
            }
        }
        Ok(Response::Secrets(all))
    }
}

#[async_trait]
impl Twist for ListsTheFirstPage {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let answer = it.inner.call(request).await?;
        let Response::Secrets(mut all) = answer else { return Ok(answer) };
        // As many as one page of the store has.
        if let Ok(page) = it.store.list(&ListQuery::all().with_values().limit(1000)).await {
            all.truncate(page.secrets.len());
        }
        Ok(Response::Secrets(all))
    }
}

#[async_trait]
impl Twist for ListsFromMemory {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if !matches!(request, Request::List) {
            return it.inner.call(request).await;
        }
        let place = it.standing.clone();
        if it.notes.place().as_ref() == Some(&place)
            && let Some(answer) = it.notes.answer().clone()
        {
            return Ok(answer);
        }
        let answer = it.inner.call(request).await?;
        *it.notes.answer() = Some(answer.clone());
        *it.notes.place() = Some(place);
        Ok(answer)
    }
}

#[async_trait]
impl Twist for ListsItAll {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if matches!(request, Request::List) {
            let _ = it.store.list(&ListQuery::all().with_values()).await;
        }
        it.inner.call(request).await
    }
}

#[async_trait]
impl Twist for FirstPageOfEnvironments {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if !matches!(request, Request::ListEnvironments) {
            return it.inner.call(request).await;
        }
        match it.store.list_environments(None, 1000).await {
            Ok(page) => Ok(Response::Environments(page.environments)),
            Err(_) => it.inner.call(request).await,
        }
    }
}
