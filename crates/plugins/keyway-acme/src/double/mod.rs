//! A test double of an ACME server, on a loopback address.

mod certifier;
mod exchange;
mod key_change;
mod operations;
mod order_operations;
mod settings;
mod signed;
mod state;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyway_certificates::{CertificateError, async_trait};

pub use settings::DoubleSettings;

use crate::responder::{Proof, Responder, Visibility};
use state::{OrderEntry, OrderStage, State};

/// An ACME server for tests. It runs on a loopback address, with plain HTTP, and has faults that a test can switch on.
///
/// It checks every signature and nonce. It does not fetch proofs, but looks for them at its own
/// [responder](Self::responder). Its certificates are from an authority that it makes when it starts. The server ends
/// when it is dropped.
///
/// ```
/// use keyway_acme::AcmeDouble;
///
/// let server = AcmeDouble::start();
/// server.set(|settings| settings.bad_nonce_every = 3);
/// assert!(server.directory().starts_with("http://127.0.0.1:"));
/// assert_eq!(server.count("newOrder"), 0);
/// ```
#[derive(Debug)]
pub struct AcmeDouble {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

/// The state of the server that all its connections share. A thread that needs several locks takes them in this order:
/// state, settings, proofs.
#[derive(Debug)]
struct Shared {
    base: String,
    state: Mutex<State>,
    settings: Mutex<DoubleSettings>,
    proofs: Mutex<Vec<Proof>>,
    counts: Mutex<BTreeMap<String, u32>>,
    is_ended: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AcmeDouble {
    /// Starts a server.
    ///
    /// # Panics
    /// If the system gives no port or no random numbers.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system gives a port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            base: format!("http://{address}"),
            state: Mutex::new(State::new()),
            settings: Mutex::default(),
            proofs: Mutex::default(),
            counts: Mutex::default(),
            is_ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_ended.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let serving = Arc::clone(&serving);
                    std::thread::spawn(move || exchange::serve(&serving, stream));
                }
            }
        });
        Self { shared, address, accepting: Some(accepting) }
    }

    /// Returns the URL of the directory, for the configuration of the plugin.
    pub fn directory(&self) -> String {
        format!("{}/directory", self.shared.base)
    }

    /// Returns the responder that the server checks for proofs, for the resources of the plugin.
    pub fn responder(&self) -> Arc<dyn Responder> {
        Arc::new(DoubleResponder(Arc::clone(&self.shared)))
    }

    /// Changes the settings.
    pub fn set(&self, change: impl FnOnce(&mut DoubleSettings)) {
        change(&mut locked(&self.shared.settings));
    }

    /// Returns the proofs that are shown.
    pub fn proofs(&self) -> Vec<Proof> {
        locked(&self.shared.proofs).clone()
    }

    /// Returns the number of requests for an operation. The operation is a name in the directory, or one of `order`,
    /// `finalize`, `authorization`, `deactivate`, `challenge`, `certificate`, `account` and `orders`. Requests whose
    /// nonce was refused do not count.
    pub fn count(&self, operation: &str) -> u32 {
        locked(&self.shared.counts).get(operation).copied().unwrap_or_default()
    }

    /// Returns the number of all requests. Requests whose nonce was refused do not count.
    pub fn count_all(&self) -> u32 {
        locked(&self.shared.counts).values().sum()
    }

    /// Returns the number of successful finalizations of each order, the oldest order first.
    pub fn finalizations(&self) -> Vec<u32> {
        locked(&self.shared.state).orders.iter().map(|order| order.finalizations).collect()
    }

    /// Returns the first name of each order, repeated for each successful finalization.
    pub fn issued(&self) -> Vec<String> {
        let state = locked(&self.shared.state);
        let names = |order: &OrderEntry| vec![order.names[0].value.clone(); order.finalizations as usize];
        state.orders.iter().flat_map(names).collect()
    }

    /// Returns the first name of each order whose certificate was revoked.
    pub fn revoked(&self) -> Vec<String> {
        let state = locked(&self.shared.state);
        let is_revoked =
            |order: &&OrderEntry| order.certificate().is_some_and(|der| state.revoked.contains(&der));
        state.orders.iter().filter(is_revoked).map(|order| order.names[0].value.clone()).collect()
    }

    /// Returns the number of accounts.
    pub fn accounts(&self) -> usize {
        locked(&self.shared.state).accounts.len()
    }

    /// Forgets all accounts.
    pub fn forget_accounts(&self) {
        locked(&self.shared.state).accounts.clear();
    }

    /// Returns the public keys of all accounts as JSON web keys.
    pub fn account_keys(&self) -> Vec<String> {
        locked(&self.shared.state).accounts.iter().map(|account| account.key.to_string()).collect()
    }

    /// Returns the number of orders that replace a certificate.
    pub fn replacements(&self) -> usize {
        locked(&self.shared.state).orders.iter().filter(|order| order.replaces.is_some()).count()
    }

    /// Returns a line for each order, each canceled order and each revoked certificate.
    pub fn effects(&self) -> Vec<String> {
        let state = locked(&self.shared.state);
        let orders = (0..state.orders.len()).map(|number| format!("order {number}"));
        let canceled = state.orders.iter().enumerate();
        let canceled = canceled.filter(|(_, order)| state.stage(order) == OrderStage::Canceled);
        let canceled = canceled.map(|(number, _)| format!("canceled {number}"));
        let revoked = state.revoked.iter().map(|certificate| format!("revoked {certificate}"));
        orders.chain(canceled).chain(revoked).collect()
    }
}

impl Drop for AcmeDouble {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts connections. Other threads end with their clients.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

/// The responder of the server for tests.
#[derive(Debug)]
struct DoubleResponder(Arc<Shared>);

#[async_trait]
impl Responder for DoubleResponder {
    async fn put(&self, proof: &Proof) -> Result<Visibility, CertificateError> {
        self.perform("put")?;
        let mut settings = locked(&self.0.settings);
        let mut proofs = locked(&self.0.proofs);
        if !proofs.contains(proof) {
            proofs.push(proof.clone());
        }
        Ok(settings.hidden_for.take().map_or(Visibility::Now, Visibility::After))
    }

    async fn remove(&self, proof: &Proof) -> Result<(), CertificateError> {
        self.perform("remove")?;
        locked(&self.0.proofs).retain(|shown| shown != proof);
        Ok(())
    }
}

impl DoubleResponder {
    /// Takes the time of an operation, and fails if the settings say so.
    fn perform(&self, operation: &str) -> Result<(), CertificateError> {
        exchange::delay(&self.0, operation);
        let settings = locked(&self.0.settings);
        if settings.responder_fails {
            let retry_after = Some(Duration::from_secs(11));
            return Err(CertificateError::Unavailable { what: "the responder", retry_after, source: None });
        }
        if settings.broken.as_deref() == Some(operation) {
            return Err(CertificateError::not_ready("the responder", "its place for proofs is gone"));
        }
        Ok(())
    }
}
