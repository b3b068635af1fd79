//! Tests concurrent calls, and dropped calls.
//!
//! An issuer never gets more concurrent calls than it declares: a further call waits for a permit, as it does in a host
//! (decision H48).

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use keyway_issuers::{CredentialRef, CredentialRequest, IssuerError, RequestOutcome};

use super::{Broken, Checked, Handle, IssuerFixture, LISTING, NOT_BLOCKING, PROMPT, broken, ensure, rules};
use crate::callers::begun_together;
use crate::issuers::handle::revocation;
use crate::polled::{Attempts, CALLERS_TASK, HOST_THREAD, Promptness, answered, polled};

rules! {
    in IssuerFixture;
    "ISS-080" Must from ["W7", "WaTTS/request"]
        "Several requests at once, from several threads, are all answered with a credential; requests beyond the issuer's declared limit wait."
        together;
    "ISS-081" Must needs LISTING from ["W7", "WaTTS/state"]
        "Credentials made at once all exist, each under its own state, and credentials revoked at once are all gone."
        together_exact;
    "ISS-082" Must from ["R1"]
        "After a request is dropped at any await point, the next request is answered."
        dropped;
    "ISS-083" Must from ["W7", "WaTTS/request", "WaTTS/revoke", "WaTTS/state"]
        "The issuer works on as many calls at once as it declares, with requests and revocations mixed: all succeed, states differ as they do one by one, and each credential can be revoked."
        as_many_as_declared;
    "ISS-084" Must needs NOT_BLOCKING from ["R1"]
        "A call of an issuer that does not declare `blocking` returns from every poll within 50 ms."
        leaves_its_thread(HOST_THREAD);
    "ISS-085" Must needs PROMPT from ["R1"]
        "A call of an issuer that declares `prompt` returns from every poll at once."
        leaves_its_thread(CALLERS_TASK);
}

/// The number of concurrent callers.
const CALLERS: usize = 4;

/// The number of concurrent calls for issuers that declare a higher limit or none.
const MOST: usize = 16;

/// The maximum number of dropped requests. Each one is dropped one poll later than the one before.
const POLLS: usize = 8;

/// A call that runs on its own thread.
type Job<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The outcome of one of several concurrent calls.
enum Done {
    Requested(Result<RequestOutcome, IssuerError>),
    Revoked(Result<(), IssuerError>),
}

/// A request, and the reference (`state` on the wire) to the credential that it made.
type Made = (CredentialRequest, CredentialRef);

/// Sends some requests and revokes some credentials, all concurrently. Returns the new credentials. Records each new
/// credential, even if other calls fail.
async fn at_once(handle: &Handle<'_, '_>, requests: usize, revoked: &[Made]) -> Result<Vec<Made>, Broken> {
    let asked = (0..requests).map(|_| handle.example_request()).collect::<Result<Vec<_>, _>>()?;
    let mut jobs: Vec<Job<Done>> = Vec::new();
    for request in &asked {
        let (permit, issuer, request) = (handle.permit(), Arc::clone(&handle.issuer), request.clone());
        jobs.push(Box::pin(async move {
            let _permit = permit.await;
            Done::Requested(issuer.request(&request).await)
        }));
    }
    for (request, state) in revoked {
        let (permit, issuer) = (handle.permit(), Arc::clone(&handle.issuer));
        let revocation = revocation(&request.context, state);
        jobs.push(Box::pin(async move {
            let _permit = permit.await;
            Done::Revoked(issuer.revoke(&revocation).await)
        }));
    }
    let mut done = begun_together(jobs.into_iter().map(|job| || job).collect()).await;
    let revocations = done.split_off(requests);
    let made = all_made(handle, asked, done)?;
    let what = format!("a revocation among {requests} requests and {} revocations at once", revoked.len());
    for ((_, state), done) in revoked.iter().zip(revocations) {
        if let Done::Revoked(answer) = done? {
            handle.record("revoke", &answer);
            answer.map_err(|error| handle.unexpected(&what, &error))?;
            handle.forget(state);
        }
    }
    Ok(made)
}

/// Records the credentials of concurrent requests. Demands that each request made one.
fn all_made(
    handle: &Handle<'_, '_>,
    asked: Vec<CredentialRequest>,
    done: Vec<Result<Done, Broken>>,
) -> Result<Vec<Made>, Broken> {
    let (mut made, mut failed, callers) = (Vec::new(), None, asked.len());
    for (number, (request, done)) in asked.into_iter().zip(done).enumerate() {
        if let Ok(Done::Requested(answer)) = &done {
            handle.keep(&request, answer);
        }
        let broken = match done {
            Ok(Done::Requested(Ok(RequestOutcome::Issued(issued)))) => {
                made.push((request, issued.state));
                continue;
            }
            Ok(Done::Requested(Err(error))) => {
                handle.unexpected(&format!("request {number} of {callers} at once"), &error)
            }
            Ok(_) => broken("a credential", "it asked for another login"),
            Err(broken) => broken,
        };
        failed.get_or_insert(broken);
    }
    failed.map_or(Ok(made), Err)
}

async fn together(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    tells_apart(&handle).await?;
    at_once(&handle, CALLERS, &[]).await.map(drop)
}

/// Tells whether the issuer gives the same user a different credential for each request. If two requests in sequence
/// get the same credential, concurrent requests may also get the same one. Fails with `Missing` if the issuer refuses a
/// second credential.
async fn tells_apart(handle: &Handle<'_, '_>) -> Result<bool, Broken> {
    Ok(handle.made().await?.1.state != handle.made_beside().await?.1.state)
}

/// Demands that all references differ, as the references from requests in sequence do.
fn all_apart(made: &[Made]) -> Checked {
    let states: BTreeSet<_> = made.iter().map(|(_, state)| state).collect();
    let (wanted, found) = (made.len(), states.len());
    ensure(found == wanted, format!("{wanted} states, as there are one by one"), found.to_string())
}

async fn together_exact(fixture: &IssuerFixture<'_>) -> Checked {
    let tells_apart = tells_apart(&fixture.handle().await?).await?;
    let made = at_once(&fixture.handle().await?, CALLERS, &[]).await?;
    if tells_apart {
        all_apart(&made)?;
    }
    let states: BTreeSet<_> = made.iter().map(|(_, state)| state.clone()).collect();
    let listed: BTreeSet<_> = fixture.listed()?.into_iter().collect();
    let missing = states.difference(&listed).count();
    ensure(missing == 0, format!("all of {} credentials", states.len()), format!("{missing} are missing"))?;
    let handle = fixture.handle().await?;
    let revocations = made.iter().map(|(request, state)| Box::pin(handle.revoked(&request.context, state)));
    let mut revocations: Vec<_> = revocations.collect();
    let mut failed = Ok(());
    poll_fn(|context| {
        revocations.retain_mut(|revocation| match revocation.as_mut().poll(context) {
            Poll::Ready(done) => {
                failed = done.and(failed.clone());
                false
            }
            Poll::Pending => true,
        });
        if revocations.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    failed?;
    let left = fixture.listed()?.iter().filter(|state| states.contains(state)).count();
    ensure(left == 0, "all of them gone", format!("{left} are still there"))
}

async fn dropped(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let only_one = matches!(tells_apart(&handle).await, Err(Broken::Missing { .. }));
    handle.revoke_all().await;
    for polls in 1..=POLLS {
        let request = handle.example_request()?;
        // The timeout allows for an executable, which needs some time between two polls.
        let dropped = tokio::time::timeout(Duration::from_secs(5), polled(polls, handle.request(&request)));
        let is_done = dropped.await.is_ok_and(|answer| answer.is_some());
        fixture.history().record(format!("dropped after {polls} polls"));
        if only_one {
            // A credential of the dropped request would be a reason to refuse the next request.
            handle.settle_dropped(&request).await?;
            handle.revoke_all().await;
        }
        let next = handle.example_request()?;
        let what = "a new intent after a dropped request";
        answered(handle.issued(&next), fixture.in_time(), "request", what).await??;
        if !only_one {
            let _ = handle.settle_dropped(&request).await;
        }
        handle.revoke_all().await;
        if is_done {
            break;
        }
    }
    Ok(())
}

async fn as_many_as_declared(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let calls = handle.issuer.capabilities().max_concurrency.map_or(MOST, |calls| calls.get().min(MOST));
    let tells_apart = tells_apart(&handle).await?;
    let mut made = at_once(&handle, calls, &[]).await?;
    let revoked = made.split_off(calls - calls / 2);
    made.extend(at_once(&handle, calls - calls / 2, &revoked).await?);
    if tells_apart {
        all_apart(&made)?;
    }
    for some in made.chunks(calls) {
        at_once(&handle, 0, some).await?;
    }
    Ok(())
}

async fn leaves_its_thread(fixture: &IssuerFixture<'_>, demanded: Promptness) -> Checked {
    let handle = fixture.handle().await?;
    let mut describe = Attempts::of("`describe`", demanded);
    while describe.another() {
        drop(describe.timed(handle.issuer.describe()).await);
    }
    describe.judged()?;
    // Each request has an intent of its own, and each revocation has a credential to revoke.
    let mut request = Attempts::of("`request`", demanded);
    while request.another() {
        let asked = handle.example_request()?;
        drop(request.timed(handle.request(&asked)).await);
        handle.revoke_all().await;
    }
    request.judged()?;
    let mut revoke = Attempts::of("`revoke`", demanded);
    while revoke.another() {
        let (context, issued) = handle.made().await?;
        let revoked = revoke.timed(handle.revoke(&context, &issued.state)).await;
        if revoked.is_ok() {
            handle.forget(&issued.state);
        }
    }
    revoke.judged()
}
