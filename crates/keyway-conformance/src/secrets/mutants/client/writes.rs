//! Mutants that write elsewhere or something else.

use async_trait::async_trait;
use keyway_client::Resolution;
use keyway_core::SecretValue;

use super::{Answered, Twist, Twisted, client_mutants};
use crate::secrets::client::{Missing, Request, Response};

client_mutants! {
    ModifyFallsThrough "changes the shared secret when the environment has none";
    CreatesShared "creates in the shared layer under the policy that falls back";
    DeletesBothLayers "deletes the shared secret with the environment's";
    TrimsWhatItWrites "cuts white space off what it writes";
    CreateReplaces "replaces the environment that it should create";
    ModifyMakesEnvironment "creates the environment that it should change";
    ClientKeepsUrls "takes no URL away";
}

#[async_trait]
impl Twist for ModifyFallsThrough {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match (&request, it.inner.call(request.clone()).await) {
            (Request::Modify { .. }, Err(failure))
                if failure.missing == Some(Missing::Secret) && it.falls_back() =>
            {
                it.shared().call(request).await
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl Twist for CreatesShared {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if matches!(request, Request::Create { .. }) && it.falls_back() {
            let environment = it.standing.environment.as_deref();
            // It does look whether the environment is there.
            it.at(environment, Resolution::Exact).call(Request::ListNames).await?;
            return it.shared().call(request).await;
        }
        it.inner.call(request).await
    }
}

#[async_trait]
impl Twist for DeletesBothLayers {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let answer = it.inner.call(request.clone()).await?;
        if matches!(request, Request::Delete { .. }) && it.standing.environment.is_some() {
            let _ = it.shared().call(request).await;
        }
        Ok(answer)
    }
}

#[async_trait]
impl Twist for TrimsWhatItWrites {
    async fn call(&self, it: &Twisted, mut request: Request) -> Answered {
        if let Request::Create { value, .. } | Request::Modify { value, .. } = &mut request
            && let Some(text) = value.expose_text()
        {
            *value = SecretValue::text(text.trim());
        }
        it.inner.call(request).await
    }
}

#[async_trait]
impl Twist for CreateReplaces {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match (request.clone(), it.inner.call(request).await) {
            (Request::CreateEnvironment { name, external_url }, Err(failure))
                if failure.code == "conflict" =>
            {
                it.inner.call(Request::ModifyEnvironment { name, external_url }).await
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl Twist for ModifyMakesEnvironment {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match (request.clone(), it.inner.call(request).await) {
            (Request::ModifyEnvironment { name, external_url }, Err(failure))
                if failure.missing == Some(Missing::Environment) =>
            {
                it.inner.call(Request::CreateEnvironment { name, external_url }).await
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl Twist for ClientKeepsUrls {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match request {
            Request::ModifyEnvironment { name, external_url: None } => {
                match it.inner.call(Request::RetrieveEnvironment { name }).await? {
                    Response::Environments(environments) => Ok(Response::Environments(environments)),
                    other => Ok(other),
                }
            }
            other => it.inner.call(other).await,
        }
    }
}
