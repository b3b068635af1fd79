//! Several listeners to the events of orders.

use std::sync::Arc;

use async_trait::async_trait;
use keyway_certificates::{CaUnavailable, CertificateError, CertificateEvents, CertificateReady};
use keyway_core::CallError;
use tokio::task::JoinSet;
use tracing::warn;

use crate::plugin::Contained;

/// Tells several listeners of each event, all at the same time.
///
/// Each learns of it, also when another one fails, panics or never returns (decisions B3 and B13). It needs a tokio
/// runtime. Dropping a call drops those that still run.
#[derive(Clone, Debug, Default)]
pub struct Listeners(Vec<Arc<dyn CertificateEvents>>);

impl Listeners {
    /// Creates an empty list: without listeners, each event counts as delivered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a listener.
    #[must_use]
    pub fn with(mut self, listener: Arc<dyn CertificateEvents>) -> Self {
        self.0.push(listener);
        self
    }

    /// Tells all, and returns the first error.
    async fn tell(&self, event: Event) -> Result<(), CertificateError> {
        let mut told = JoinSet::new();
        for listener in self.0.iter().cloned() {
            let event = event.clone();
            told.spawn(Contained::new(async move {
                match event {
                    Event::Ready(event) => listener.certificate_is_ready(&event).await,
                    Event::Unavailable(event) => listener.ca_is_unavailable(&event).await,
                }
            }));
        }
        let mut outcome = Ok(());
        while let Some(done) = told.join_next().await {
            let failed = match done {
                Ok(Ok(Ok(()))) => continue,
                Ok(Ok(Err(error))) => error,
                Ok(Err(_)) | Err(_) => CallError::Panicked { operation: "learn of an event" }.into(),
            };
            warn!(error = %failed, "a listener did not take an event of an order");
            outcome = outcome.and(Err(failed));
        }
        outcome
    }
}

#[derive(Clone)]
enum Event {
    Ready(CertificateReady),
    Unavailable(CaUnavailable),
}

#[async_trait]
impl CertificateEvents for Listeners {
    async fn certificate_is_ready(&self, event: &CertificateReady) -> Result<(), CertificateError> {
        self.tell(Event::Ready(event.clone())).await
    }

    async fn ca_is_unavailable(&self, event: &CaUnavailable) -> Result<(), CertificateError> {
        self.tell(Event::Unavailable(event.clone())).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use keyway_certificates::{ClientMessage, OrderId, Owner};

    use super::*;

    #[derive(Debug)]
    enum Does {
        Nothing,
        Fail,
        Panic,
        Hang,
    }

    #[derive(Debug)]
    struct Scripted(Does, Arc<Mutex<Vec<&'static str>>>);

    impl Scripted {
        async fn learn(&self, event: &'static str) -> Result<(), CertificateError> {
            self.1.lock().unwrap().push(event);
            match self.0 {
                Does::Nothing => Ok(()),
                Does::Fail => Err(CertificateError::Unsupported { what: "events" }),
                Does::Panic => panic!("as asked for"),
                Does::Hang => std::future::pending().await,
            }
        }
    }

    #[async_trait]
    impl CertificateEvents for Scripted {
        async fn certificate_is_ready(&self, _: &CertificateReady) -> Result<(), CertificateError> {
            self.learn("ready").await
        }

        async fn ca_is_unavailable(&self, _: &CaUnavailable) -> Result<(), CertificateError> {
            self.learn("unavailable").await
        }
    }

    fn listeners(all: impl IntoIterator<Item = Does>) -> (Listeners, Arc<Mutex<Vec<&'static str>>>) {
        let learned = Arc::default();
        let listener = |does| Arc::new(Scripted(does, Arc::clone(&learned))) as Arc<dyn CertificateEvents>;
        (Listeners(all.into_iter().map(listener).collect()), learned)
    }

    fn ready() -> CertificateReady {
        CertificateReady::new(Owner::new("joe").unwrap(), OrderId::new("1").unwrap(), "vault/1")
    }

    #[tokio::test]
    async fn each_listener_learns_of_an_event_whatever_another_one_does() {
        let (listeners, learned) = listeners([Does::Fail, Does::Panic, Does::Nothing]);
        assert!(listeners.certificate_is_ready(&ready()).await.is_err());
        assert_eq!(*learned.lock().unwrap(), ["ready"; 3]);
        let event = CaUnavailable::new(ready().owner, ready().order, ClientMessage::new("down"));
        assert!(listeners.ca_is_unavailable(&event).await.is_err());
        assert_eq!(learned.lock().unwrap()[3..], ["unavailable"; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_that_hangs_keeps_no_other_waiting() {
        let (listeners, learned) = listeners([Does::Hang, Does::Nothing]);
        let told =
            tokio::time::timeout(Duration::from_secs(60), listeners.certificate_is_ready(&ready())).await;
        assert!(told.is_err(), "the caller has a deadline");
        assert_eq!(*learned.lock().unwrap(), ["ready"; 2]);
    }

    #[tokio::test]
    async fn an_event_without_listeners_is_delivered() {
        assert!(Listeners::new().certificate_is_ready(&ready()).await.is_ok());
    }
}
