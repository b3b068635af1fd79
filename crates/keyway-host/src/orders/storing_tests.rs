//! Tests the newest certificate of a chain of orders while another host stores a newer one.

use std::sync::atomic::{AtomicUsize, Ordering};

use keyway_core::{PluginMetadata, Resources};
use keyway_generic::GenericPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{Layered, OpenContext, Secret, SecretStoreLayer, SecretStorePlugin as _};
use keyway_storage::{Memory, Storage};

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
