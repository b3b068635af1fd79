//! Client mutants with faults in errors, audit reports, traces or `Debug` texts.

use keyway_client::AccessOutcome;

use super::{ClientNotes, ClientResult, MutatedClient, SecretStoreSubject, client_mutant, mutants};
use crate::lock::locked;
use crate::secrets::client::{Accessed, Missing, Request, Response};

mutants! {
    for SecretStoreSubject, by client_mutant;
    ConflictIsOutage breaks ["SEC-230"] "calls a conflict an outage, as Locker's service did"
        (failure |failure| if failure.code == "conflict" {
            "http_error".clone_into(&mut failure.code);
            failure.http_status = Some(503);
        })
    OutageIsServerError breaks ["SEC-231"] "gives an outage the row of a server error"
        (failure |failure| if failure.code == "http_error" {
            "server_error".clone_into(&mut failure.code);
            failure.http_status = Some(500);
        })
    MessageNamesNothing breaks ["SEC-232"] "has the same message for all errors of a row"
        (failure |failure| if failure.missing == Some(Missing::Secret) {
            failure.user_message.clone_from(&failure.description);
        })
    ErrorShowsWhatWasWritten breaks ["SEC-232"] "names the value that it could not write"
        (call |client, request| {
            let written = match &request {
                Request::Create { value, .. } | Request::Modify { value, .. } => value.expose_text(),
                _ => None,
            };
            let written = written.unwrap_or_default().to_owned();
            client.inner.call(request).await.map_err(|mut failure| {
                failure.shown.push_str(&written);
                failure
            })
        })
    AuditForgetsRequester breaks ["SEC-240"] "does not tell the audit who asked"
        (told |accessed| vec![Accessed { requester: None, ..accessed }])
    AuditTellsTwice breaks ["SEC-240"] "tells the audit of each read twice"
        (told |accessed| vec![accessed.clone(); if accessed.layer.is_some() { 2 } else { 1 }])
    AuditForgetsLayer breaks ["SEC-240"] "does not tell the audit which layer gave the secret"
        (told |accessed| vec![Accessed { layer: None, ..accessed }])
    AuditMissesFailures breaks ["SEC-241"] "does not tell the audit of what failed"
        (told |accessed| {
            if matches!(accessed.outcome, AccessOutcome::Failed(_)) { Vec::new() } else { vec![accessed] }
        })
    AuditMissesDropped breaks ["SEC-242"] "does not tell the audit of what was dropped"
        (told |accessed| if accessed.outcome == AccessOutcome::Cancelled { Vec::new() } else { vec![accessed] })
    AuditShowsValues breaks ["SEC-243"] "tells the audit what was written" {
        async fn call(&self, client: &MutatedClient, request: Request) -> ClientResult {
            if let Request::Create { value, .. } = &request {
                value.expose_text().unwrap_or_default().clone_into(&mut locked(&client.notes.text));
            }
            client.inner.call(request).await
        }

        fn told(&self, notes: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
            let shown = format!("{} value={}", accessed.shown, locked(&notes.text));
            vec![Accessed { shown, ..accessed }]
        }
    }
    ClientTraces breaks ["SEC-245"] "traces what it reads"
        (call |client, request| {
            let answer = client.inner.call(request).await;
            if let Ok(Response::Text(Some(text))) = &answer {
                tracing::trace!(value = text.expose(), "read");
            }
            answer
        })
    AnswersShowValues breaks ["SEC-246"] "shows values in the debugging text of what it answers"
        (call |client, request| {
            let mut answer = client.inner.call(request).await?;
            if let Response::Secret(Some(found)) = &mut answer {
                found.shown = format!("{} {}", found.shown, found.value.expose_text().unwrap_or_default());
            }
            Ok(answer)
        })
}
