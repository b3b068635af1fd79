//! Mutants that say the wrong thing: in errors, to the audit, in traces, in debugging texts.

use async_trait::async_trait;
use keyway_client::AccessOutcome;
use secrecy::ExposeSecret as _;

use super::{Answered, ClientNotes, Twist, Twisted, client_mutants};
use crate::secrets::client::{Accessed, ClientFailure, Missing, Request, Response};

client_mutants! {
    ConflictIsOutage "calls a conflict an outage, as Locker's service did";
    OutageIsServerError "gives an outage the row of a server error";
    MessageNamesNothing "has one message for all errors of a row";
    ErrorShowsWhatWasWritten "names the value that it could not write";
    AuditForgetsRequester "does not tell the audit who asked";
    AuditTellsTwice "tells the audit of each read twice";
    AuditForgetsLayer "does not tell the audit which layer gave the secret";
    AuditMissesFailures "does not tell the audit of what failed";
    AuditMissesDropped "does not tell the audit of what was dropped";
    AuditShowsValues "tells the audit what was written";
    ClientTraces "traces what it reads";
    AnswersShowValues "shows values in the debugging text of what it answers";
}

/// Changes failures.
async fn failing(it: &Twisted, request: Request, change: impl Fn(&mut ClientFailure) + Send) -> Answered {
    it.inner.call(request).await.map_err(|mut failure| {
        change(&mut failure);
        failure
    })
}

#[async_trait]
impl Twist for ConflictIsOutage {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        failing(it, request, |failure| {
            if failure.code == "conflict" {
                "http_error".clone_into(&mut failure.code);
                failure.http_status = Some(503);
            }
        })
        .await
    }
}

#[async_trait]
impl Twist for OutageIsServerError {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        failing(it, request, |failure| {
            if failure.code == "http_error" {
                "server_error".clone_into(&mut failure.code);
                failure.http_status = Some(500);
            }
        })
        .await
    }
}

#[async_trait]
impl Twist for MessageNamesNothing {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        failing(it, request, |failure| {
            if failure.missing == Some(Missing::Secret) {
                failure.user_message.clone_from(&failure.description);
            }
        })
        .await
    }
}

#[async_trait]
impl Twist for ErrorShowsWhatWasWritten {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let written = match &request {
            Request::Create { value, .. } | Request::Modify { value, .. } => {
                value.expose_text().map(str::to_owned)
            }
            _ => None,
        };
        failing(it, request, |failure| {
            if let Some(written) = &written {
                failure.shown.push_str(written);
            }
        })
        .await
    }
}

impl Twist for AuditForgetsRequester {
    fn told(&self, _: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        vec![Accessed { requester: None, ..accessed }]
    }
}

impl Twist for AuditTellsTwice {
    fn told(&self, _: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        match accessed.layer {
            Some(_) => vec![accessed.clone(), accessed],
            None => vec![accessed],
        }
    }
}

impl Twist for AuditForgetsLayer {
    fn told(&self, _: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        vec![Accessed { layer: None, ..accessed }]
    }
}

impl Twist for AuditMissesFailures {
    fn told(&self, _: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        if matches!(accessed.outcome, AccessOutcome::Failed(_)) { Vec::new() } else { vec![accessed] }
    }
}

impl Twist for AuditMissesDropped {
    fn told(&self, _: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        if accessed.outcome == AccessOutcome::Cancelled { Vec::new() } else { vec![accessed] }
    }
}

#[async_trait]
impl Twist for AuditShowsValues {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        if let Request::Create { value, .. } = &request {
            value.expose_text().unwrap_or_default().clone_into(&mut it.notes.text());
        }
        it.inner.call(request).await
    }

    fn told(&self, it: &ClientNotes, accessed: Accessed) -> Vec<Accessed> {
        let shown = format!("{} value={}", accessed.shown, it.text());
        vec![Accessed { shown, ..accessed }]
    }
}

#[async_trait]
impl Twist for ClientTraces {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let answer = it.inner.call(request).await;
        if let Ok(Response::Text(Some(text))) = &answer {
            tracing::trace!(value = text.expose_secret(), "read");
        }
        answer
    }
}

#[async_trait]
impl Twist for AnswersShowValues {
    async fn call(&self, it: &Twisted, request: Request) -> Answered {
        let mut answer = it.inner.call(request).await?;
        if let Response::Secret(Some(found)) = &mut answer {
            found.shown = format!("{} {}", found.shown, found.value.expose_text().unwrap_or_default());
        }
        Ok(answer)
    }
}
