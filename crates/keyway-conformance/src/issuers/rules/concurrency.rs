//! Several calls at once, and calls that are dropped.
//!
//! An issuer that declares how many calls it works on at a time is never asked more (decision H48): what is
//! one too many waits for its turn, as it does in a host.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::time::Duration;

use keyway_issuers::{CredentialRef, CredentialRequest, IssuerError, RequestOutcome};

use super::rules;
use crate::issuers::place::{Desk, Place, word};
use crate::{Broken, broken, ensure};

rules! {
    "ISS-080" Must from ["W7", "WaTTS/request"]
        "Several requests at once, from several threads, are all answered with a credential; what is more than the issuer declares to work on waits."
        together;
    "ISS-081" Must needs LISTING from ["W7", "WaTTS/state"]
        "What is made at once is all there, each under its own state, and what is revoked at once is all gone."
        together_exact;
    "ISS-082" Must from ["R1"]
        "After a request that was dropped, wherever it waited, the next is answered."
        dropped;
    "ISS-083" Must from ["W7", "WaTTS/request", "WaTTS/revoke", "WaTTS/state"]
        "The issuer works on as many calls at once as it declares, requests and revocations among each other: all succeed, states differ as they do one by one, and each credential can be revoked."
        as_many_as_declared;
}

/// How many ask at once.
const CALLERS: usize = 4;

/// A call that runs on a thread of its own.
type Job<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs calls on threads of their own, all begun at the same time, and waits for the end of each.
async fn begun_together<T: Send + 'static>(jobs: Vec<Job<T>>) -> Vec<Result<T, Broken>> {
    let (together, mut answers) = (Arc::new(Barrier::new(jobs.len())), Vec::new());
    for job in jobs {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let together = Arc::clone(&together);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            together.wait();
            // Nobody waits any more when the rule's time is up.
            let _ = sender.send(runtime.map(|runtime| runtime.block_on(job)));
        });
        answers.push(receiver);
    }
    let mut done = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        done.push(match answer.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(broken("a runtime to run on", error.to_string())),
            Err(_) => Err(broken("an answer", format!("caller {number} panicked"))),
        });
    }
    done
}

/// A request in its turn.
fn request_job(desk: &Desk<'_, '_>, request: &CredentialRequest) -> Job<Result<RequestOutcome, IssuerError>> {
    let (turn, issuer, request) = (desk.turn(), Arc::clone(&desk.issuer), request.clone());
    Box::pin(async move {
        let _turn = turn.await;
        issuer.request(&request).await
    })
}

/// Keeps in mind what was made by requests at once, and demands that each made something.
fn all_made(
    desk: &Desk<'_, '_>,
    asked: Vec<CredentialRequest>,
    answers: Vec<Result<Result<RequestOutcome, IssuerError>, Broken>>,
) -> Result<Vec<(CredentialRequest, CredentialRef)>, Broken> {
    let (mut made, mut failed, callers) = (Vec::new(), None, asked.len());
    for (number, (request, answer)) in asked.into_iter().zip(answers).enumerate() {
        if let Ok(answer) = &answer {
            desk.keep(&request, answer);
        }
        match answer {
            Ok(Ok(RequestOutcome::Issued(issued))) => made.push((request, issued.state)),
            Ok(Ok(RequestOutcome::LoginRequired(_))) => {
                failed.get_or_insert_with(|| broken("a credential", "it asked for another login"));
            }
            Ok(Err(error)) => {
                let what = format!("request {number} of {callers} at once");
                failed.get_or_insert_with(|| desk.place.unexpected(&what, &error));
            }
            Err(broken) => {
                failed.get_or_insert(broken);
            }
        }
    }
    failed.map_or(Ok(made), Err)
}

/// Asks on threads of their own, each with an intent of its own.
async fn ask_together(place: &Place<'_>) -> Result<Vec<(CredentialRequest, CredentialRef)>, Broken> {
    let desk = place.desk().await?;
    let asked = (0..CALLERS).map(|_| desk.example()).collect::<Result<Vec<_>, _>>()?;
    let answers = begun_together(asked.iter().map(|request| request_job(&desk, request)).collect()).await;
    all_made(&desk, asked, answers)
}

async fn together(place: &Place<'_>) -> Result<(), Broken> {
    ask_together(place).await.map(drop)
}

async fn together_exact(place: &Place<'_>) -> Result<(), Broken> {
    // An issuer that gives a user the same credential again may do so at once, too.
    let tells_apart = {
        let desk = place.desk().await?;
        desk.made().await?.1.state != desk.made().await?.1.state
    };
    let made = ask_together(place).await?;
    let states: BTreeSet<_> = made.iter().map(|(_, state)| state.clone()).collect();
    if tells_apart {
        let (asked, found) = (made.len(), states.len());
        ensure(found == asked, format!("{asked} states, as there are one by one"), found.to_string())?;
    }
    let listed: BTreeSet<_> = place.listed()?.into_iter().collect();
    let missing = states.difference(&listed).count();
    ensure(missing == 0, format!("all of {} credentials", states.len()), format!("{missing} are missing"))?;
    let desk = place.desk().await?;
    let mut revocations: Vec<_> = made
        .iter()
        .map(|(request, state)| {
            Box::pin(desk.revoked(&request.context, state)) as Pin<Box<dyn Future<Output = _> + Send + '_>>
        })
        .collect();
    let mut failed = Ok(());
    poll_fn(|context| {
        revocations.retain_mut(|revocation| match revocation.as_mut().poll(context) {
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(broken)) => {
                failed = Err(broken);
                false
            }
            Poll::Pending => true,
        });
        if revocations.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    failed?;
    let left = place.listed()?.iter().filter(|state| states.contains(state)).count();
    ensure(left == 0, "all of them gone", format!("{left} are still there"))
}

/// How often a request is dropped, each time one poll later.
const POLLS: usize = 8;

async fn dropped(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    for polls in 1..=POLLS {
        let request = desk.example()?;
        let done = {
            let mut future = pin!(desk.request(&request));
            let mut left = polls;
            // A program needs its time between two polls.
            tokio::time::timeout(
                Duration::from_secs(5),
                poll_fn(|context| {
                    left -= 1;
                    match future.as_mut().poll(context) {
                        Poll::Ready(_) => Poll::Ready(true),
                        Poll::Pending if left == 0 => Poll::Ready(false),
                        Poll::Pending => Poll::Pending,
                    }
                }),
            )
            .await
            .unwrap_or(false)
        };
        place.record(format!("dropped after {polls} polls"));
        let next = desk.example()?;
        let answer = tokio::time::timeout(Duration::from_secs(20), desk.issued(&next)).await;
        answer.map_err(|_| broken("the next request to be answered", "it waited for 20 s"))??;
        if done {
            break;
        }
    }
    Ok(())
}

/// How many at once where the issuer declares a larger number, or none, which is any.
const MOST: usize = 16;

/// What came of one of several calls at once.
enum Done {
    Requested(Result<RequestOutcome, IssuerError>),
    Revoked(Result<(), IssuerError>),
}

/// Asks so often and revokes these, all at once; answers what was made.
async fn at_once(
    desk: &Desk<'_, '_>,
    requests: usize,
    revoked: &[(CredentialRequest, CredentialRef)],
) -> Result<Vec<(CredentialRequest, CredentialRef)>, Broken> {
    let asked = (0..requests).map(|_| desk.example()).collect::<Result<Vec<_>, _>>()?;
    let mut jobs: Vec<Job<Done>> = Vec::new();
    for request in &asked {
        let job = request_job(desk, request);
        jobs.push(Box::pin(async move { Done::Requested(job.await) }));
    }
    for (request, state) in revoked {
        let (turn, issuer) = (desk.turn(), Arc::clone(&desk.issuer));
        let revocation = desk.revocation(&request.context, state);
        jobs.push(Box::pin(async move {
            let _turn = turn.await;
            Done::Revoked(issuer.revoke(&revocation).await)
        }));
    }
    let (mut answers, mut revocations) = (Vec::new(), Vec::new());
    for (number, done) in begun_together(jobs).await.into_iter().enumerate() {
        match done {
            Ok(Done::Requested(answer)) => answers.push(Ok(answer)),
            Ok(Done::Revoked(answer)) => revocations.push(Ok(answer)),
            Err(broken) if number < requests => answers.push(Err(broken)),
            Err(broken) => revocations.push(Err(broken)),
        }
    }
    let made = all_made(desk, asked, answers)?;
    let what = format!("a revocation among {requests} requests and {} revocations at once", revoked.len());
    for ((_, state), answer) in revoked.iter().zip(revocations) {
        let answer = answer?;
        desk.place.record(format!("revoke: {}", word(&answer)));
        answer.map_err(|error| desk.place.unexpected(&what, &error))?;
        desk.forget(state);
    }
    Ok(made)
}

async fn as_many_as_declared(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let calls = desk.issuer.capabilities().max_concurrency.map_or(MOST, |calls| calls.get().min(MOST));
    // An issuer that gives a user the same credential again may do so at once, too.
    let tells_apart = desk.made().await?.1.state != desk.made().await?.1.state;
    let mut made = at_once(&desk, calls, &[]).await?;
    let revoked = made.split_off(calls - calls / 2);
    made.extend(at_once(&desk, calls - calls / 2, &revoked).await?);
    if tells_apart {
        let states: BTreeSet<_> = made.iter().map(|(_, state)| state).collect();
        let (wanted, found) = (made.len(), states.len());
        ensure(found == wanted, format!("{wanted} states, as there are one by one"), found.to_string())?;
    }
    for some in made.chunks(calls) {
        at_once(&desk, 0, some).await?;
    }
    Ok(())
}
