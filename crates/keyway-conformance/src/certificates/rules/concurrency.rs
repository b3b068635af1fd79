//! Rules about concurrent calls, and about the time that calls take.

use std::sync::Arc;

use keyway_certificates::RetryMethod;

use super::{Broken, CertificateFixture, Checked, LISTING, NOT_BLOCKING, PROMPT, broken, ensure, rules};
use crate::callers::begun_together;
use crate::certificates::handle::{call, name};
use crate::certificates::tested_order::TestedOrder;
use crate::polled::{Attempts, CALLERS_TASK, HOST_THREAD, Promptness};

rules! {
    in CertificateFixture;
    "CER-090" Must from ["R1", "Barbican/issue", "Barbican/check"]
        "The authority works on as many calls at once as it declares: each order ends in a certificate."
        together;
    "CER-091" Must needs LISTING from ["R1", "R3"]
        "Orders that are placed at once are all at the authority, each once."
        together_exact;
    "CER-092" Must needs NOT_BLOCKING from ["R1"]
        "A call of an authority that does not declare `blocking` leaves its thread within 50 ms, each time that it is polled."
        leaves_its_thread(HOST_THREAD);
    "CER-093" Must from ["Barbican/statuses", "Barbican/unavailable", "R1"]
        "Each call for an order ends within 30 seconds, as a host demands: an authority that takes longer answers that the order waits."
        in_time;
    "CER-094" Must needs PROMPT from ["R1"]
        "A call of an authority that declares `prompt` leaves its thread at once, each time that it is polled."
        leaves_its_thread(CALLERS_TASK);
}

/// The number of concurrent calls if the authority declares a larger number or no limit.
const MOST: usize = 8;

/// Places orders concurrently.
async fn placed(fixture: &CertificateFixture<'_>) -> Result<Vec<TestedOrder>, Broken> {
    let handle = fixture.handle()?;
    let declared = handle.authority.capabilities().max_concurrency;
    let calls = declared.map_or(MOST, |calls| calls.get().min(MOST));
    // If the authority declares a limit of at most `MOST`, there is one order more than the limit, and it waits for a
    // permit.
    let orders = (0..=calls).map(|_| fixture.order()).collect::<Result<Vec<_>, _>>()?;
    let jobs = orders.iter().map(|order| {
        let (permit, authority, order) = (handle.permit(), Arc::clone(&handle.authority), order.clone());
        move || async move {
            let _permit = permit.await;
            call(&*authority, RetryMethod::Issue, &order).await
        }
    });
    let answers = begun_together(jobs.collect()).await;
    for (order, answer) in orders.iter().zip(answers) {
        let answer = answer?;
        handle.keep(RetryMethod::Issue, order, &answer);
        let outcome = answer.map_err(|error| fixture.unexpected("an order among others at once", &error))?;
        handle.certified_after(&mut order.clone(), RetryMethod::Issue, outcome).await?;
    }
    Ok(orders)
}

async fn together(fixture: &CertificateFixture<'_>) -> Checked {
    placed(fixture).await.map(drop)
}

async fn together_exact(fixture: &CertificateFixture<'_>) -> Checked {
    let before = fixture.listed()?.len();
    let orders = placed(fixture).await?.len();
    let made = fixture.listed()?.len().saturating_sub(before);
    ensure(made == orders, format!("{orders} orders at the authority"), made.to_string())
}

async fn leaves_its_thread(fixture: &CertificateFixture<'_>, demanded: Promptness) -> Checked {
    let (handle, example) = (fixture.handle()?, fixture.example().request()?);
    let authority = &handle.authority;
    let mut supports = Attempts::of("`supports`", demanded);
    while supports.another() {
        drop(supports.timed(authority.supports(&example)).await);
    }
    supports.judged()?;
    let mut information = Attempts::of("`ca_information`", demanded);
    while information.another() {
        drop(information.timed(authority.ca_information()).await);
    }
    information.judged()?;
    // Each attempt has an order of its own.
    let mut issue = Attempts::of("`issue`", demanded);
    while issue.another() {
        let order = fixture.order()?;
        drop(issue.timed(handle.ask(RetryMethod::Issue, &order)).await);
    }
    issue.judged()?;
    let mut check = Attempts::of("`check`", demanded);
    while check.another() {
        let order = fixture.order()?;
        drop(handle.ask(RetryMethod::Issue, &order).await);
        drop(check.timed(handle.ask(RetryMethod::Check, &order)).await);
    }
    check.judged()
}

async fn in_time(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, order) = (fixture.handle()?, fixture.order()?);
    for method in [RetryMethod::Issue, RetryMethod::Check] {
        let in_time = fixture.in_time();
        let answer = tokio::time::timeout(in_time, handle.ask(method, &order)).await;
        let late =
            |_| broken(format!("an end of `{}` within {in_time:?}", name(method)), "it is still running");
        // Other rules check whether the call works.
        drop(answer.map_err(late)?);
    }
    Ok(())
}
