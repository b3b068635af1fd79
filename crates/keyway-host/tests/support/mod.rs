//! Provides misbehaving plugins, and opens them.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{PluginMetadata, SecretValue, Table, WrittenBy};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    Capabilities, Configure, Count, Cursor, Json, ListQuery, ListedSecret, NewSecret, OpenContext, Progress,
    RotationListener, Secret, SecretAddress, SecretChange, SecretHeader, SecretName, SecretPage,
    SecretRevision, SecretStore, SecretStorePlugin, SecretVersion, StoreError, StoreInfo,
};

/// A misbehaving store. The name of the requested secret chooses its behaviour.
#[derive(Debug)]
pub struct Misbehaving {
    pub blocking: bool,
}

/// Stores that the plugin refuses to open at present.
pub static CLOSED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The number of opened instances, by the name of the store.
pub static OPENED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

impl SecretStorePlugin for Misbehaving {
    fn check_configuration(&self, _: &Json) -> Result<(), StoreError> {
        Ok(())
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        assert!(context.store.as_str() != "panics-on-open", "in open");
        if CLOSED.lock().unwrap().contains(context.store.as_str()) {
            return Err(StoreError::invalid("the configuration", "closed by the test"));
        }
        *OPENED.lock().unwrap().entry(context.store.to_string()).or_default() += 1;
        Ok(Arc::new(Store {
            blocking: self.blocking,
            is_foreign: context.store.as_str() == "foreign",
            panics_in_rotate: context.store.as_str() == "panics-in-rotate",
            metadata: context.metadata.clone(),
            calls: AtomicU32::new(0),
        }))
    }
}

#[derive(Debug)]
struct Store {
    blocking: bool,
    is_foreign: bool,
    panics_in_rotate: bool,
    metadata: PluginMetadata,
    calls: AtomicU32,
}

fn header(address: &SecretAddress) -> SecretHeader {
    SecretHeader::new("1", address.clone())
}

#[async_trait]
impl SecretStore for Store {
    fn capabilities(&self) -> Capabilities {
        let least = Capabilities::MINIMAL;
        if self.is_foreign {
            return least
                .destroys(false)
                .rotates(false)
                .configures(false)
                .deletable(false)
                .tracks_writer(false);
        }
        if self.blocking { least.blocking() } else { least }
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        Ok(Some(self.metadata.written_by()))
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn rotate(&self, _: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        assert!(!self.panics_in_rotate, "in rotate");
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            listener.progressed(Progress { done: 2, total: 3 });
            listener.progressed(Progress { done: 1, total: 3 });
            std::future::pending::<()>().await;
        }
        loop {
            listener.progressed(Progress { done: 1, total: 3 });
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        Ok(header(&secret.address).with_version(SecretVersion::FIRST))
    }

    async fn destroy(&self, _: &SecretAddress, _: Option<SecretRevision>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let value = SecretValue::text("fine");
        match address.name.as_str() {
            "panics" => panic!("needle-in-a-panic"),
            "panics-later" => {
                tokio::task::yield_now().await;
                panic!("needle-in-a-panic")
            }
            "never-answers" => std::future::pending().await,
            "hangs" => {
                std::thread::sleep(Duration::from_millis(600));
                Ok(Secret { header: header(address), value })
            }
            "panics-late" => {
                std::thread::sleep(Duration::from_millis(500));
                panic!("needle-in-a-panic")
            }
            "slow" => {
                self.calls.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(400));
                Ok(Secret { header: header(address), value })
            }
            "another" => {
                let another = SecretAddress::shared(SecretName::new("b").unwrap());
                Ok(Secret { header: header(&another), value })
            }
            "bytes" => Ok(Secret { header: header(address), value: SecretValue::bytes([1]) }),
            _ => Ok(Secret { header: header(address), value }),
        }
    }

    async fn modify(&self, address: &SecretAddress, _: SecretChange) -> Result<SecretHeader, StoreError> {
        Ok(header(address))
    }

    async fn list(&self, _: &ListQuery) -> Result<SecretPage, StoreError> {
        let address = SecretAddress::shared(SecretName::new("a").unwrap());
        let entry = ListedSecret { header: header(&address), value: None };
        Ok(SecretPage { secrets: vec![entry.clone(), entry], next: Some(Cursor::from_bytes("x")) })
    }

    async fn configure(&self, _: Configure) -> Result<Table, StoreError> {
        Ok(Table::new())
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        Ok(StoreInfo::new(self.metadata.clone(), Some(self.metadata.written_by()), Count::exact(0)))
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

pub fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

pub fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::new(name).unwrap())
}

pub fn silent(_: Progress) {}
