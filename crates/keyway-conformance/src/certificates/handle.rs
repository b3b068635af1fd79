//! A handle of the authority under test. The handle makes calls as a host does.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_certificates::{
    CertificateAuthority, CertificateError, IssuedCertificate, OrderOutcome, RetryMethod,
};
use keyway_core::PluginError as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fixture::CertificateFixture;
use super::tested_order::TestedOrder;
use crate::lock::locked;
use crate::{Broken, broken, ensure};

/// The number of calls after which an open order counts as stuck, if the [time](crate::Trial::in_time) of a call has
/// passed, too (decision H370).
const CALLS: usize = 25;
/// The delay before the next call when the authority does not choose one.
const USUAL_DELAY: Duration = Duration::from_secs(60);
/// The longest real time that the kit waits between two calls. The kit first waits a millisecond, and then doubles the
/// wait from call to call, but never waits longer than the delay. The kit's clock advances by the full delay: the one
/// that the authority chose, or else [`USUAL_DELAY`].
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// A handle. It makes calls as a host does, and records their outcomes.
#[derive(Debug)]
pub(super) struct Handle<'f, 'a> {
    fixture: &'f CertificateFixture<'a>,
    pub(super) authority: Arc<dyn CertificateAuthority>,
    permits: Option<Arc<Semaphore>>,
}

impl<'a> Deref for Handle<'_, 'a> {
    type Target = CertificateFixture<'a>;

    fn deref(&self) -> &Self::Target {
        self.fixture
    }
}

impl<'f, 'a> Handle<'f, 'a> {
    pub(super) fn new(fixture: &'f CertificateFixture<'a>, authority: Arc<dyn CertificateAuthority>) -> Self {
        // Limits the number to the maximum of a semaphore. No host makes more calls at a time.
        let most = |calls: usize| Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS)));
        let permits = authority.capabilities().max_concurrency.map(|calls| most(calls.get()));
        Self { fixture, authority, permits }
    }

    /// Waits, as a host does, until fewer calls are running than the authority declares as its limit. The caller holds
    /// the permit until its call has ended. There is no wait and no permit if the authority declares no limit.
    pub(super) fn permit(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + 'static {
        let permits = self.permits.clone();
        // The semaphore is never closed, so a permit is always given.
        async move { permits?.acquire_owned().await.ok() }
    }

    /// Makes a call for an order.
    pub(super) async fn ask(
        &self,
        method: RetryMethod,
        order: &TestedOrder,
    ) -> Result<OrderOutcome, CertificateError> {
        let begun = Instant::now();
        let outcome = call(&*self.authority, method, order).await;
        self.history().took(name(method), begun.elapsed());
        self.keep(method, order, &outcome);
        outcome
    }

    /// Records the outcome of a call for an order, and keeps the order for the clean-up if it is still open.
    pub(super) fn keep(
        &self,
        method: RetryMethod,
        order: &TestedOrder,
        outcome: &Result<OrderOutcome, CertificateError>,
    ) {
        let shown = outcome.as_ref().map(|outcome| outcome.status().as_str());
        self.record(name(method), &shown);
        let mut left = locked(&self.left);
        left.retain(|left| left.order.id != order.order.id);
        if !outcome.as_ref().is_ok_and(|outcome| outcome.status().is_final()) {
            left.push(order.clone());
        }
    }

    /// Makes a call for an order. The call must not fail.
    pub(super) async fn must(
        &self,
        method: RetryMethod,
        order: &TestedOrder,
    ) -> Result<OrderOutcome, Broken> {
        self.ask(method, order).await.map_err(|error| self.unexpected(name(method), &error))
    }

    /// Continues an order, as a host does, until the order is finished. Each outcome decides the next method and the
    /// delay. With `restarts`, each call uses a new handle and only the stored plugin metadata.
    pub(super) async fn finish(
        &self,
        order: &mut TestedOrder,
        method: RetryMethod,
        outcome: OrderOutcome,
        restarts: bool,
    ) -> Result<OrderOutcome, Broken> {
        let outcome = self.go_on(order, method, outcome, restarts).await?;
        let status = outcome.status();
        let expected = format!("an end of the order within {CALLS} calls, or {:?}", self.in_time());
        ensure(status.is_final(), expected, format!("it still answers `{status}`"))?;
        Ok(outcome)
    }

    /// Continues an order as [`finish`](Self::finish) does. Returns the last outcome, even if the order is still open.
    pub(super) async fn go_on(
        &self,
        order: &mut TestedOrder,
        method: RetryMethod,
        outcome: OrderOutcome,
        restarts: bool,
    ) -> Result<OrderOutcome, Broken> {
        let (mut answered, mut outcome, mut wait) = (method, outcome, Duration::from_millis(1));
        let (begun, mut calls) = (Instant::now(), 0);
        while calls < CALLS || begun.elapsed() < self.in_time() {
            calls += 1;
            let Some(next) = outcome.next_method(answered) else { return Ok(outcome) };
            let delay = outcome.waiting().and_then(|waiting| waiting.retry_after).unwrap_or(USUAL_DELAY);
            self.clock.advance(delay);
            tokio::time::sleep(delay.min(wait)).await;
            wait = (2 * wait).min(LONGEST_WAIT);
            outcome = if restarts {
                *order = order.stored()?;
                self.fixture.handle()?.must(next, order).await?
            } else {
                self.must(next, order).await?
            };
            answered = next;
        }
        Ok(outcome)
    }

    /// Places an order, and continues it until there is a certificate.
    pub(super) async fn certified(&self, order: &mut TestedOrder) -> Result<IssuedCertificate, Broken> {
        let outcome = self.must(RetryMethod::Issue, order).await?;
        self.certified_after(order, RetryMethod::Issue, outcome).await
    }

    /// Continues an order until there is a certificate.
    pub(super) async fn certified_after(
        &self,
        order: &mut TestedOrder,
        method: RetryMethod,
        outcome: OrderOutcome,
    ) -> Result<IssuedCertificate, Broken> {
        match self.finish(order, method, outcome, false).await? {
            OrderOutcome::Generated(issued) => Ok(issued),
            other => {
                let observed = format!("`{}`: {}", other.status(), self.clean(other.message().as_str()));
                Err(broken("a certificate", observed))
            }
        }
    }

    /// Orders the certificate of the example. Returns the order and the certificate.
    pub(super) async fn issued(&self) -> Result<(TestedOrder, IssuedCertificate), Broken> {
        let mut order = self.order()?;
        let issued = self.certified(&mut order).await?;
        Ok((order, issued))
    }

    /// Places the order of the example. The order must stay open.
    pub(super) async fn open_order(&self) -> Result<(TestedOrder, OrderOutcome), Broken> {
        let order = self.order()?;
        let outcome = self.must(RetryMethod::Issue, &order).await?;
        if outcome.status().is_final() {
            return Err(Broken::Missing { capability: "an order that stays open" });
        }
        Ok((order, outcome))
    }

    /// Records the kind of an answer, without its values.
    pub(super) fn record<T>(&self, call: &str, answer: &Result<T, &CertificateError>)
    where
        T: std::fmt::Debug,
    {
        let kind = match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{:?}", error.kind()),
        };
        self.history().record(format!("{call}: {kind}"));
    }
}

/// Returns the name of a method, for messages.
pub(super) const fn name(method: RetryMethod) -> &'static str {
    match method {
        RetryMethod::Issue => "issue",
        RetryMethod::Check => "check",
        RetryMethod::Modify => "modify",
        RetryMethod::Cancel => "cancel",
    }
}

/// Makes a call for an order, and records nothing.
pub(super) async fn call(
    authority: &dyn CertificateAuthority,
    method: RetryMethod,
    order: &TestedOrder,
) -> Result<OrderOutcome, CertificateError> {
    match method {
        RetryMethod::Issue => authority.issue(&order.order).await,
        RetryMethod::Check => authority.check(&order.order).await,
        RetryMethod::Modify => authority.modify(&order.order).await,
        RetryMethod::Cancel => authority.cancel(&order.order).await,
    }
}
