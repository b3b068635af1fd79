//! Mutants that read in another place, or give a default where they must not.

use async_trait::async_trait;
use keyway_client::{Layer, Resolution};
use secrecy::ExposeSecret as _;

use super::{Answered, Twist, Twisted, client_mutants, read_key};
use crate::secrets::client::{Missing, Request, Response};
use crate::secrets::samples::at;

client_mutants! {
    ClientAlwaysFallsBack "falls back where it must resolve exactly";
    SharedFirst "looks into the shared layer first";
    SaysWhereItStands "names the layer that it stands in, whichever gave the secret";
    ReadsBothLayers "reads the shared layer even if the environment has the secret";
    UnknownEnvironmentFallsBack "reads the shared layer when the environment is unknown";
    DefaultForUnknownEnvironment "gives the default when the environment is unknown";
    EmptyIsMissing "gives the default for an empty value";
    DefaultOnOutage "gives the default when the store cannot be reached";
    FallsBackOnFailure "falls back on any failure of the environment's layer";
    NotFoundByCode "takes every failure with the code not_found for a missing secret";
    MovesItsClones "stands where its youngest clone stands";
}

#[async_trait]
impl Twist for ClientAlwaysFallsBack {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if read_key(&request).is_some() {
            let environment = it.standing.environment.as_deref();
            return it.at(environment, Resolution::SharedFallback).call(request).await;
        }
        it.inner.call(request).await
    }
}

#[async_trait]
impl Twist for SharedFirst {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if let Some(key) = read_key(&request).filter(|_| it.falls_back()) {
            let key = key.to_owned();
            if let Ok(Response::Secret(Some(_))) = it.shared().call(Request::Find { key }).await {
                return it.shared().call(request).await;
            }
        }
        it.inner.call(request).await
    }
}

#[async_trait]
impl Twist for SaysWhereItStands {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let mut answer = it.inner.call(request).await?;
        if let (Response::Secret(Some(found)), true) = (&mut answer, it.falls_back()) {
            found.layer = Layer::Environment;
        }
        Ok(answer)
    }
}

#[async_trait]
impl Twist for ReadsBothLayers {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let key = read_key(&request).filter(|_| it.falls_back()).map(str::to_owned);
        let answer = it.inner.call(request).await;
        if let (Some(key), Ok(_)) = (key, &answer) {
            let _ = it.store.get(&at(&key)).await;
        }
        answer
    }
}

#[async_trait]
impl Twist for UnknownEnvironmentFallsBack {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match it.inner.call(request.clone()).await {
            Err(failure) if failure.missing == Some(Missing::Environment) && it.falls_back() => {
                it.shared().call(request).await
            }
            other => other,
        }
    }
}

/// Gives the default instead of some failures.
async fn with_default(
    it: &Twisted,
    request: Request,
    gives: impl Fn(&crate::secrets::client::ClientFailure) -> bool + Send,
) -> Answered {
    match (request.clone(), it.inner.call(request).await) {
        (Request::GetOr { default, .. }, Err(failure)) if gives(&failure) => {
            Ok(Response::Text(Some(default)))
        }
        (_, answer) => answer,
    }
}

#[async_trait]
impl Twist for DefaultForUnknownEnvironment {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        with_default(it, request, |failure| failure.missing == Some(Missing::Environment)).await
    }
}

#[async_trait]
impl Twist for EmptyIsMissing {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match (request.clone(), it.inner.call(request).await) {
            (Request::GetOr { default, .. }, Ok(Response::Text(Some(text))))
                if text.expose_secret().is_empty() =>
            {
                Ok(Response::Text(Some(default)))
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl Twist for DefaultOnOutage {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        with_default(it, request, |failure| failure.code == "http_error").await
    }
}

#[async_trait]
impl Twist for FallsBackOnFailure {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match it.inner.call(request.clone()).await {
            Err(failure) if failure.missing.is_none() && it.falls_back() => it.shared().call(request).await,
            other => other,
        }
    }
}

#[async_trait]
impl Twist for NotFoundByCode {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        match (&request, it.inner.call(request.clone()).await) {
            (Request::Get { .. }, Err(failure)) if failure.code == "not_found" => Ok(Response::Text(None)),
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl Twist for MovesItsClones {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let standing = it.notes.place().clone().unwrap_or_else(|| it.standing.clone());
        it.inner.standing(&standing).call(request).await
    }
}
