//! A store whose calls go into the history of the rule.

use std::any::Any;
use std::sync::Arc;

use keyway_core::{Table, WrittenBy};
use keyway_secrets::{
    Call, EnvironmentFilter, EnvironmentPage, Layered, ListQuery, Secret, SecretAddress, SecretHeader,
    SecretPage, SecretRevision, SecretStore, SecretStoreLayer, StoreError, StoreInfo,
};

use super::expected_error::ExpectedError;
use crate::History;

/// A handle to the store under test, with a [`Recorder`].
pub(super) type Recorded<'a> = Layered<Recorder<'a>>;

/// Records each call with its arguments and the kind of its outcome, and never a value.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    pub(super) label: String,
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) history: &'a History,
}

/// A call under way. It is recorded when it is dropped, whether it ended or not.
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
        let call = format!("{}.{}", self.label, described(call));
        let mut entry = Entry { history: self.history, call, outcome: "dropped".to_owned() };
        let answer = next.await;
        entry.outcome = match &answer {
            Ok(value) => summary(value),
            Err(error) => format!("{:?}", ExpectedError::of(error)),
        };
        answer
    }
}

fn described(call: Call<'_>) -> String {
    match call {
        Call::WrittenBy => "written_by()".to_owned(),
        Call::Initialize => "initialize()".to_owned(),
        Call::Rotate { new, .. } => format!("rotate({new:?})"),
        Call::Create { address, kind, .. } => format!("create({}, {kind})", shown(address)),
        Call::Destroy { address, expected, .. } => {
            format!("destroy({}{})", shown(address), if_unchanged(expected))
        }
        Call::Get { address, .. } => format!("get({})", shown(address)),
        Call::Modify { address, kind, describes, expected, .. } => {
            let what = match (kind, describes) {
                (Some(kind), false) => format!(", {kind}"),
                (Some(kind), true) => format!(", {kind} and description"),
                (None, true) => ", description".to_owned(),
                (None, false) => ", nothing".to_owned(),
            };
            format!("modify({}{what}{})", shown(address), if_unchanged(expected))
        }
        Call::List { query, .. } => listing(query),
        Call::Configure { written: None, .. } => "configure(read)".to_owned(),
        Call::Configure { written: Some(number), .. } => format!("configure(write {number} settings)"),
        Call::Info => "info()".to_owned(),
        Call::MarkedForDelete => "marked_for_delete()".to_owned(),
        Call::ListEnvironments { after, limit, .. } => {
            format!("list_environments({}at most {limit})", after.map_or("", |_| "after a cursor, "))
        }
        Call::RetrieveEnvironment { name, .. } => format!("retrieve_environment({name})"),
        Call::CreateEnvironment { name, .. } => format!("create_environment({name})"),
        Call::ModifyEnvironment { name, .. } => format!("modify_environment({name})"),
        other => format!("{other:?}"),
    }
}

fn if_unchanged(expected: Option<&SecretRevision>) -> String {
    match expected.map(|expected| expected.version) {
        None => String::new(),
        Some(Some(version)) => format!(" if version {version}"),
        Some(None) => " if unchanged".to_owned(),
    }
}

/// Writes a name as the history shows it: hostile ones and long ones too.
fn shown(address: &SecretAddress) -> String {
    let text = address.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    let beginning: String = text.chars().take(40).collect();
    format!("{beginning}... ({} bytes)", text.len())
}

fn listing(query: &ListQuery) -> String {
    let of = match &query.environment {
        EnvironmentFilter::All => "all".to_owned(),
        EnvironmentFilter::Shared => "shared".to_owned(),
        EnvironmentFilter::In(environment) => format!("of {:?}", environment.as_str()),
    };
    let values = if query.with_values { " with values" } else { "" };
    let after = if query.after.is_some() { " after a cursor" } else { "" };
    format!("list({of}{values}{after}, at most {})", query.limit)
}

/// Sums up what an operation answered.
fn summary(answer: &dyn Any) -> String {
    let header = answer.downcast_ref().or(answer.downcast_ref().map(|secret: &Secret| &secret.header));
    if let Some(SecretHeader { version: Some(version), .. }) = header {
        format!("Ok, version {version}")
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
