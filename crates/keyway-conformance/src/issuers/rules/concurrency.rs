//! Several calls at once, and calls that are dropped.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::time::Duration;

use keyway_issuers::{CredentialRequest, IssuerError, Outcome, State};

use super::rules;
use crate::issuers::place::Place;
use crate::{Broken, broken, ensure};

rules! {
    "ISS-080" Must from ["W7", "WaTTS/request"]
        "Several requests at once, from several threads, are all answered with a credential."
        together;
    "ISS-081" Must needs LISTING from ["W7", "WaTTS/state"]
        "What is made at once is all there, each under its own state, and what is revoked at once is all gone."
        together_exact;
    "ISS-082" Must from ["R1"]
        "After a request that was dropped, wherever it waited, the next is answered."
        dropped;
}

/// How many at once.
const CALLERS: usize = 4;

/// Asks on threads of their own, each with an intent of its own.
async fn ask_together(place: &Place<'_>) -> Result<Vec<(CredentialRequest, State)>, Broken> {
    let desk = place.desk().await?;
    let (together, mut answers) = (Arc::new(Barrier::new(CALLERS)), Vec::new());
    for _ in 0..CALLERS {
        let request = desk.example()?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (issuer, asked) = (Arc::clone(&desk.issuer), request.clone());
        let together = Arc::clone(&together);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            together.wait();
            // Nobody waits any more when another failed first.
            let _ = sender.send(runtime.map(|runtime| runtime.block_on(issuer.request(&asked))));
        });
        answers.push((request, receiver));
    }
    let mut made = Vec::new();
    for (number, (request, answer)) in answers.into_iter().enumerate() {
        let answer: Result<Outcome, IssuerError> = answer
            .await
            .map_err(|_| broken("an answer", format!("caller {number} panicked")))?
            .map_err(|error| broken("a runtime to run on", error.to_string()))?;
        desk.keep(&request, &answer);
        match answer {
            Ok(Outcome::Issued(issued)) => made.push((request, issued.state)),
            Ok(Outcome::LoginRequired(_)) => {
                return Err(broken("a credential", "it asked for another login"));
            }
            Err(error) => {
                return Err(place.unexpected(&format!("request {number} of {CALLERS} at once"), &error));
            }
        }
    }
    Ok(made)
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
