//! A store whose calls go into the history of the rule.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress,
    SecretChange, SecretHeader, SecretPage, SecretRevision, SecretStore, StoreError, StoreInfo,
};

use super::refusal::Refusal;
use crate::trial::History;

/// A handle to the store under test. It records each call with its arguments and the kind
/// of its outcome, and never a value.
pub(super) struct Recorded<'a> {
    label: String,
    store: Arc<dyn SecretStore>,
    history: &'a History,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(label: String, store: Arc<dyn SecretStore>, history: &'a History) -> Self {
        Self { label, store, history }
    }

    /// The store itself.
    pub(super) fn inner(&self) -> &Arc<dyn SecretStore> {
        &self.store
    }

    async fn call<T>(
        &self,
        text: impl fmt::Display + Send,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
        summary: impl Fn(&T) -> String + Send,
    ) -> Result<T, StoreError> {
        let mut call = Call { history: self.history, text: format!("{}.{text}", self.label), ended: false };
        let answer = answer.await;
        call.end(match &answer {
            Ok(value) => summary(value),
            Err(error) => format!("{:?}", Refusal::of(error)),
        });
        answer
    }
}

/// A call under way: it is recorded when it ends, and when it is dropped before.
struct Call<'a> {
    history: &'a History,
    text: String,
    ended: bool,
}

impl Call<'_> {
    fn end(&mut self, outcome: impl fmt::Display) {
        self.ended = true;
        self.history.record(format!("{} -> {outcome}", self.text));
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end("dropped");
        }
    }
}

impl fmt::Debug for Recorded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

fn ok<T>(_: &T) -> String {
    "Ok".to_owned()
}

fn versioned(header: &SecretHeader) -> String {
    header.version.map_or_else(|| "Ok".to_owned(), |version| format!("Ok, version {version}"))
}

fn if_unchanged(expected: Option<&SecretRevision>) -> String {
    let version = expected.and_then(|expected| expected.version);
    match (expected, version) {
        (None, _) => String::new(),
        (Some(_), Some(version)) => format!(" if version {version}"),
        (Some(_), None) => " if unchanged".to_owned(),
    }
}

/// A name as the history shows it: hostile ones and long ones too.
fn shown(address: &SecretAddress) -> String {
    let text = address.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    let beginning: String = text.chars().take(40).collect();
    format!("{beginning}... ({} bytes)", text.len())
}

fn described(query: &ListQuery) -> String {
    let of = match &query.environment {
        EnvironmentFilter::All => "all".to_owned(),
        EnvironmentFilter::Shared => "shared".to_owned(),
        EnvironmentFilter::In(environment) => format!("of {:?}", environment.as_str()),
    };
    let values = if query.with_values { " with values" } else { "" };
    let after = if query.after.is_some() { " after a cursor" } else { "" };
    format!("list({of}{values}{after}, at most {})", query.limit)
}

#[async_trait]
impl SecretStore for Recorded<'_> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        let summary = |by: &Option<WrittenBy>| by.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        self.call("written_by()", self.store.written_by(), summary).await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.call("initialize()", self.store.initialize(), ok).await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.call(format!("rotate({new:?})"), self.store.rotate(new, listener), ok).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let text = format!("create({}, {})", shown(&secret.address), secret.value.kind());
        self.call(text, self.store.create(secret), versioned).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        let text = format!("destroy({}{})", shown(address), if_unchanged(expected.as_ref()));
        self.call(text, self.store.destroy(address, expected), ok).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let summary = |secret: &Secret| versioned(&secret.header);
        self.call(format!("get({})", shown(address)), self.store.get(address), summary).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let what = match (&change.value, &change.description) {
            (Some(value), None) => format!(", {}", value.kind()),
            (None, Some(_)) => ", description".to_owned(),
            (Some(value), Some(_)) => format!(", {} and description", value.kind()),
            (None, None) => ", nothing".to_owned(),
        };
        let text = format!("modify({}{what}{})", shown(address), if_unchanged(change.expected.as_ref()));
        self.call(text, self.store.modify(address, change), versioned).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let summary = |page: &SecretPage| {
            format!("{} secrets{}", page.secrets.len(), if page.next.is_some() { ", more" } else { "" })
        };
        self.call(described(query), self.store.list(query), summary).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        let text = match &request {
            Configure::Read => "configure(read)".to_owned(),
            Configure::Write(settings) => format!("configure(write {} settings)", settings.len()),
        };
        self.call(text, self.store.configure(request), |settings| format!("{} settings", settings.len()))
            .await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        let summary = |info: &StoreInfo| {
            let about = if info.secrets.exact { "" } else { "about " };
            format!("{about}{} secrets, {} reads, {} writes", info.secrets.number, info.reads, info.writes)
        };
        self.call("info()", self.store.info(), summary).await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.call("marked_for_delete()", self.store.marked_for_delete(), ok).await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let text = format!("list_environments({}at most {limit})", after.map_or("", |_| "after a cursor, "));
        let summary = |page: &EnvironmentPage| format!("{} environments", page.environments.len());
        self.call(text, self.store.list_environments(after, limit), summary).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.call(format!("retrieve_environment({name})"), self.store.retrieve_environment(name), ok).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        let text = format!("create_environment({})", environment.name);
        self.call(text, self.store.create_environment(environment), ok).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        let answer = self.store.modify_environment(name, change);
        self.call(format!("modify_environment({name})"), answer, ok).await
    }
}
