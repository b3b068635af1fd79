//! Tests the newest certificate of a chain of orders while another host stores a newer one.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use keyway_core::{PluginMetadata, Resources};
use keyway_generic::GenericPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    Call, Capabilities, Layered, OpenContext, Secret, SecretStoreLayer, SecretStorePlugin as _,
};
use keyway_storage::{Memory, Storage};
use proptest::prelude::*;

use super::*;

const STORE: &str = "certificates";
/// The number of parts that are read before they are written.
const READS: usize = 4;

/// A store to which another host writes a newer certificate, after a number of reads by this host.
#[derive(Debug)]
struct Overtaken {
    inner: Arc<dyn SecretStore>,
    reads_left: AtomicUsize,
    has_versions: bool,
}

impl SecretStoreLayer for Overtaken {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let mut read = self.inner.get(address).await;
        if self.reads_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            keep(Arc::clone(&self.inner), 2, None).await.unwrap();
        }
        if let (Ok(read), false) = (&mut read, self.has_versions) {
            read.header.version = None;
        }
        read
    }
}

/// Returns an empty store in memory.
async fn empty() -> Arc<dyn SecretStore> {
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Keyway Generic", "type": "Secret", "description": "d"}}"#,
    );
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let context = OpenContext::new(StoreName::new(STORE).unwrap(), metadata.unwrap(), keys)
        .with_resources(Resources::new().with(storage));
    let store = GenericPlugin.open(&context).unwrap();
    store.initialize().await.unwrap();
    store
}

fn first() -> OrderId {
    OrderId::new("first").unwrap()
}

/// Stores the certificate of the order with this age as the newest of its chain.
async fn keep(store: Arc<dyn SecretStore>, age: u64, chain: Option<&str>) -> Result<(), StoreError> {
    let name = StoreName::new(STORE).unwrap();
    let stores = Arc::new(std::collections::BTreeMap::from([(name.clone(), store)]));
    let mut issued = IssuedCertificate::new(Pem::new(format!("certificate {age}")).unwrap());
    issued.intermediates = chain.map(|chain| Pem::new(chain).unwrap());
    let (made, order) = (Timestamp::from_milliseconds(age), OrderId::new(format!("order{age}")).unwrap());
    CertificateStore { name, stores }.keep_newest(&first(), made, &order, &issued, Some("vault/key")).await
}

#[tokio::test]
async fn an_older_certificate_does_not_replace_one_that_another_host_stores_meanwhile() {
    for (has_versions, moments) in [(true, 1..=READS), (false, 1..=READS - 1)] {
        for reads in moments {
            let inner = empty().await;
            keep(Arc::clone(&inner), 0, Some("chain 0")).await.unwrap();
            let reads_left = AtomicUsize::new(reads);
            let overtaken = Overtaken { inner: Arc::clone(&inner), reads_left, has_versions };
            let _ = keep(Arc::new(Layered(overtaken)), 1, Some("chain 1")).await;
            for (part, expected) in [("certificate", "certificate 2"), ("intermediates", "")] {
                let at = address(&format!("{}.{part}", newest(&first()))).unwrap();
                let kept = inner.get(&at).await.unwrap().value;
                assert_eq!(kept.expose_text(), Some(expected), "{has_versions} {reads}");
            }
        }
    }
}

/// A store without bulk writes that makes a host wait for its turn before each operation.
#[derive(Debug)]
struct InTurn(Arc<dyn SecretStore>);

impl SecretStoreLayer for InTurn {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.0
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.bulk = None;
        capabilities
    }

    async fn around<T, F>(&self, _: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        tokio::task::yield_now().await;
        next.await
    }
}

/// Lets a host for each chain store its certificate in a store without bulk writes, the oldest one first in the list,
/// each until it succeeds. `turns` names the host of each next operation. Returns the certificate and the chain under
/// the stable name.
async fn raced(chains: &[Option<&str>], turns: impl IntoIterator<Item = usize>) -> [String; 2] {
    let inner = empty().await;
    let store: Arc<dyn SecretStore> = Arc::new(Layered(InTurn(Arc::clone(&inner))));
    let mut hosts = Vec::new();
    for (age, chain) in (0..).zip(chains) {
        let store = Arc::clone(&store);
        let stored = async move { while keep(Arc::clone(&store), age, *chain).await.is_err() {} };
        hosts.push(Some(Box::pin(stored) as Pin<Box<dyn Future<Output = ()> + '_>>));
    }
    let rest = (0..hosts.len()).cycle();
    for turn in turns.into_iter().chain(rest) {
        if let Some(host) = &mut hosts[turn]
            && host.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            hosts[turn] = None;
        }
        if hosts.iter().all(Option::is_none) {
            break;
        }
    }
    let mut parts = [const { String::new() }; 2];
    for (part, kept) in ["certificate", "intermediates"].into_iter().zip(&mut parts) {
        let at = address(&format!("{}.{part}", newest(&first()))).unwrap();
        *kept = match inner.get(&at).await {
            Err(StoreError::SecretNotFound { .. }) => String::new(),
            secret => secret.unwrap().value.expose_text().unwrap().to_owned(),
        };
    }
    parts
}

/// Stops the host of an older certificate after each operation until a newer one is stored.
#[tokio::test]
async fn an_older_chain_is_not_left_beside_the_newest_certificate_without_bulk_writes() {
    const ENOUGH: usize = 50;
    for case in 0..8_u8 {
        let chains = [(1, "chain 0"), (2, "chain 1"), (4, "chain 2")];
        let chains = chains.map(|(bit, chain)| (case & bit != 0).then_some(chain));
        for operations in 0..10 {
            let turns = [(0, ENOUGH), (1, operations), (2, ENOUGH), (1, ENOUGH)];
            let turns = turns.into_iter().flat_map(|(host, times)| std::iter::repeat_n(host, times));
            let expected = ["certificate 2", chains[2].unwrap_or_default()];
            assert_eq!(raced(&chains, turns).await, expected, "{chains:?} {operations}");
        }
    }
}

proptest! {
    #[test]
    fn hosts_that_store_at_once_leave_the_newest_certificate_with_its_chain(
        has_chain: [bool; 4], turns in prop::collection::vec(0..4_usize, 0..80),
    ) {
        let chains = ["chain 0", "chain 1", "chain 2", "chain 3"];
        let chains: Vec<_> = chains.into_iter().zip(has_chain).map(|(chain, has)| has.then_some(chain)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let kept = runtime.block_on(raced(&chains, turns));
        prop_assert_eq!(kept, ["certificate 3", chains[3].unwrap_or_default()]);
    }
}
