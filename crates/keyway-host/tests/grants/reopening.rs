//! Tests a plugin that panics and then cannot be reopened.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{CallError, ErrorKind, PluginError, Registry, Resources};
use keyway_host::Host;
use keyway_host::WorkOutcome;
use keyway_host::grants::{GrantsError, Phase, Service};
use keyway_issuers::{
    Capabilities, CredentialRef, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerPlugin,
    Issuers, OpenContext, Reconciled, Reconciliation, RequestOutcome, Revocation,
};

use super::world::*;

keyway_issuers::register! {
    Issuers {
        id: "reopening",
        name: "Reopening",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        description: "cannot always be opened",
        plugin: Reopening,
    }
}

#[derive(Debug)]
struct Reopening;

/// The state that the test shares with the plugin.
#[derive(Debug, Default)]
struct Desk {
    closed: bool,
    /// The number of instances that were made.
    instances: usize,
    /// For each call, the number of the instance that handled it.
    calls: Vec<usize>,
    /// The intents of the credentials.
    made: Vec<String>,
}

#[derive(Debug)]
struct Instance {
    number: usize,
    desk: Arc<Mutex<Desk>>,
}

impl IssuerPlugin for Reopening {
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        let desk = Arc::clone(context.resources.require::<Arc<Mutex<Desk>>>()?);
        let number = {
            let mut desk = desk.lock().unwrap();
            if desk.closed {
                return Err(IssuerError::system("open the desk", std::io::Error::other("closed")));
            }
            desk.instances += 1;
            desk.instances
        };
        Ok(Arc::new(Instance { number, desk }))
    }
}

impl Instance {
    fn called(&self) -> std::sync::MutexGuard<'_, Desk> {
        let mut desk = self.desk.lock().unwrap();
        desk.calls.push(self.number);
        desk
    }
}

#[async_trait]
impl Issuer for Instance {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.reconciles(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let intent = request.context.intent.as_ref().unwrap().as_str().to_owned();
        self.called().made.push(intent.clone());
        assert!(request.context.requester.user_info.subject() != "joe", "in a request");
        Ok(Issued::new(intent).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        drop(self.called());
        Ok(())
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        let intent = question.context.intent.as_ref().unwrap().as_str();
        let made = self.called().made.iter().any(|made| made == intent);
        Ok(if made { Reconciled::Made(CredentialRef::new(intent)) } else { Reconciled::NothingHappened })
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_until_it_can_be_opened_and_nothing_is_lost_meanwhile() {
    let (desk, clock) = (Arc::new(Mutex::new(Desk::default())), Arc::new(TestClock::default()));
    let grants = Host::builder(Registry::builder().with(register).build().unwrap(), memory(), ring())
        .resources(Resources::new().with(Arc::clone(&desk)))
        .service(Service::new(svc(), "reopening").allow_everybody())
        .grant_limits(limits())
        .clock(Arc::clone(&clock) as _)
        .started()
        .await;
    let handed = granted(grants.request(&svc(), plain_request("ann")).await);

    desk.lock().unwrap().closed = true;
    let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
    assert!(matches!(error, GrantsError::Uncertain { .. }), "{error}");
    let listed = grants.list(&user("joe").user).await.unwrap();
    assert_eq!(listed[0].state.phase, Phase::Intended, "the plugin can tell when it is back");
    let calls = desk.lock().unwrap().calls.len();
    for _ in 0..3 {
        let error = grants.request(&svc(), plain_request("eve")).await.unwrap_err();
        assert!(
            matches!(error, GrantsError::Issuer(IssuerError::Call(CallError::NotReopened { .. }))),
            "{error}"
        );
        assert!(matches!(error.kind(), ErrorKind::Unavailable { retry_after: Some(_) }), "{error}");
        assert!(error.detail().contains("open the desk"), "{}", error.detail());
        assert!(grants.list(&user("eve").user).await.unwrap().is_empty(), "nothing was asked of the plugin");
        let error = grants.revoke(handed.grant, user("ann")).await.unwrap_err();
        assert!(matches!(error, GrantsError::NotRevoked { retry_at: Some(_), .. }), "{error}");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(desk.lock().unwrap().calls.len(), calls, "the instance that panicked is not called");

    desk.lock().unwrap().closed = false;
    let worked = grants.run_due(clock.advance(Duration::from_secs(300))).await.unwrap();
    assert_eq!(worked.len(), 2);
    for done in worked {
        if done.record == listed[0].id.to_string() {
            assert!(matches!(done.outcome, WorkOutcome::Settled), "{done:?}");
        } else {
            assert!(matches!(done.outcome, WorkOutcome::Gone), "{done:?}");
        }
    }
    granted(grants.request(&svc(), plain_request("eve")).await);
    assert_eq!(desk.lock().unwrap().calls[calls..], [2, 2, 2]);
}
