//! A layer that records calls in the history of the rule.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use keyway_core::{Table, WrittenBy};
use keyway_secrets::{
    Call, EnvironmentPage, Layered, Secret, SecretHeader, SecretPage, SecretStore, SecretStoreLayer,
    StoreError, StoreInfo,
};

use super::expected_error::ExpectedError;
use crate::History;

/// A handle to the store under test, with a [`Recorder`].
pub(super) type Recorded<'a> = Layered<Recorder<'a>>;

/// Records each call with its arguments and the kind of its outcome, but never a value.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    pub(super) label: String,
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) history: &'a History,
}

/// An entry of the history. Dropping it records the call, whether or not the call has ended.
struct Entry<'a> {
    history: &'a History,
    call: String,
    outcome: String,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.history.record(format!("{} -> {}", self.call, self.outcome));
    }
}

impl SecretStoreLayer for Recorder<'_> {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.store
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let text = call.to_string();
        let operation = text.split('(').next().unwrap_or_default();
        let call = format!("{}.{}", self.label, shortened(&text));
        let mut entry = Entry { history: self.history, call, outcome: "dropped".to_owned() };
        let begun = Instant::now();
        let answer = next.await;
        self.history.took(operation, begun.elapsed());
        entry.outcome = match &answer {
            Ok(value) => summary(value),
            Err(error) => format!("{:?}", ExpectedError::of(error)),
        };
        answer
    }
}

/// Shortens the text of a call with a long name.
fn shortened(call: &str) -> String {
    if call.chars().count() <= 120 {
        return call.to_owned();
    }
    let beginning: String = call.chars().take(80).collect();
    format!("{beginning}... ({} bytes)", call.len())
}

/// Summarizes the answer of an operation.
fn summary(answer: &dyn Any) -> String {
    let header = answer.downcast_ref().or(answer.downcast_ref().map(|secret: &Secret| &secret.header));
    if let Some(SecretHeader { version: Some(version), .. }) = header {
        format!("Ok, version {version}")
    } else if let Some(headers) = answer.downcast_ref::<Vec<SecretHeader>>() {
        format!("{} headers", headers.len())
    } else if let Some(by) = answer.downcast_ref::<Option<WrittenBy>>() {
        by.as_ref().map_or("nobody".to_owned(), ToString::to_string)
    } else if let Some(page) = answer.downcast_ref::<SecretPage>() {
        format!("{} secrets{}", page.secrets.len(), if page.next.is_some() { ", more" } else { "" })
    } else if let Some(settings) = answer.downcast_ref::<Table>() {
        format!("{} settings", settings.len())
    } else if let Some(info) = answer.downcast_ref::<StoreInfo>() {
        let about = if info.secrets.exact { "" } else { "about " };
        format!("{about}{} secrets, {} reads, {} writes", info.secrets.number, info.reads, info.writes)
    } else if let Some(page) = answer.downcast_ref::<EnvironmentPage>() {
        format!("{} environments", page.environments.len())
    } else {
        "Ok".to_owned()
    }
}
