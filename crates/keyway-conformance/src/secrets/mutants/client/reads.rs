//! Client mutants that read from the wrong layer, or return wrong defaults.

use keyway_client::{Layer, Resolution};

use super::{ClientResult, MutatedClient, SecretStoreSubject, client_mutant, mutants};
use crate::lock::locked;
use crate::secrets::client::{ClientFailure, Missing, Request, Response};
use crate::secrets::samples::at;

mutants! {
    for SecretStoreSubject, by client_mutant;
    ClientAlwaysFallsBack breaks ["SEC-200"] "falls back where it must resolve exactly"
        (call |client, request| match read_key(&request) {
            Some(_) => client.by(Resolution::SharedFallback).call(request).await,
            None => client.inner.call(request).await,
        })
    SharedFirst breaks ["SEC-201"] "looks into the shared layer first"
        (call |client, request| {
            if let Some(key) = read_key(&request).filter(|_| client.falls_back()) {
                let key = key.to_owned();
                if let Ok(Response::Secret(Some(_))) = client.shared().call(Request::Find(key)).await {
                    return client.shared().call(request).await;
                }
            }
            client.inner.call(request).await
        })
    SaysWhereItStands breaks ["SEC-201"] "names its own layer, whichever layer gave the secret"
        (call |client, request| {
            let mut answer = client.inner.call(request).await?;
            if let (Response::Secret(Some(found)), true) = (&mut answer, client.falls_back()) {
                found.layer = Layer::Environment;
            }
            Ok(answer)
        })
    ReadsBothLayers breaks ["SEC-202"] "reads the shared layer even if the environment has the secret"
        (call |client, request| {
            let key = read_key(&request).filter(|_| client.falls_back()).map(str::to_owned);
            let answer = client.inner.call(request).await;
            if let (Some(key), Ok(_)) = (key, &answer) {
                let _ = client.store.get(&at(&key)).await;
            }
            answer
        })
    UnknownEnvironmentFallsBack breaks ["SEC-203"] "reads the shared layer when the environment is unknown"
        (call |client, request| match client.inner.call(request.clone()).await {
            Err(failure) if failure.missing == Some(Missing::Environment) && client.falls_back() => {
                client.shared().call(request).await
            }
            other => other,
        })
    DefaultForUnknownEnvironment breaks ["SEC-203"] "gives the default when the environment is unknown"
        (call |client, request| {
            with_default(client, request, |failure| failure.missing == Some(Missing::Environment)).await
        })
    EmptyIsMissing breaks ["SEC-220"] "gives the default for an empty value"
        (call |client, request| match (request.clone(), client.inner.call(request).await) {
            (Request::GetOr { default, .. }, Ok(Response::Text(Some(text)))) if text.expose().is_empty() => {
                Ok(Response::Text(Some(default)))
            }
            (_, answer) => answer,
        })
    DefaultOnOutage breaks ["SEC-221"] "gives the default when the store cannot be reached"
        (call |client, request| with_default(client, request, |failure| failure.code == "http_error").await)
    FallsBackOnFailure breaks ["SEC-222"] "falls back on any failure of the environment's layer"
        (call |client, request| match client.inner.call(request.clone()).await {
            Err(failure) if failure.missing.is_none() && client.falls_back() => {
                client.shared().call(request).await
            }
            other => other,
        })
    NotFoundByCode breaks ["SEC-223"] "takes every failure with the code not_found for a missing secret"
        (call |client, request| match (&request, client.inner.call(request.clone()).await) {
            (Request::Get(_), Err(failure)) if failure.code == "not_found" => Ok(Response::Text(None)),
            (_, answer) => answer,
        })
    MovesItsClones breaks ["SEC-260"] "moves to the scope of its youngest clone"
        (call |client, request| {
            let scope = locked(&client.notes.scope).clone().unwrap_or_else(|| client.scope.clone());
            client.inner.in_scope(&scope).call(request).await
        })
}

/// Returns the key of a request that reads one secret.
fn read_key(request: &Request) -> Option<&str> {
    match request {
        Request::Get(key)
        | Request::GetOr { key, .. }
        | Request::GetRequired(key)
        | Request::Find(key)
        | Request::Retrieve(key) => Some(key),
        _ => None,
    }
}

/// Carries out a request. If the request has a default, returns this default instead of a failure that `gives` accepts.
async fn with_default(
    client: &MutatedClient,
    request: Request,
    gives: impl Fn(&ClientFailure) -> bool + Send,
) -> ClientResult {
    match (request.clone(), client.inner.call(request).await) {
        (Request::GetOr { default, .. }, Err(failure)) if gives(&failure) => {
            Ok(Response::Text(Some(default)))
        }
        (_, answer) => answer,
    }
}
