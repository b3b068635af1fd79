//! Replays the vectors `lifecycle_generic` and `lifecycle_passdb`: a store from its first operation to its last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::Future;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use keyway_core::{SecretValue, Table};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    Configure, ListQuery, NewSecret, NewValue, Progress, Recipe, SecretAddress, SecretChange, SecretName,
    SecretStore, StoreError,
};
use pollster::block_on;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::call::{Call, SetKey, key_set};
use super::model::{Model, projected};
use super::node::{Node, answered, bytes, table_json};
use super::subject::{Plugin, files};
use super::upstream_error;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Lifecycle;

impl Adapter for Lifecycle {
    fn run(&self, input: &Input) -> Observed {
        let Some(mut fixture) = Fixture::new(input) else {
            return Observed::one("the plugin", StepOutcome::Refused(Class::Unsupported));
        };
        let step = |operation: &Value| (operation.to_string(), fixture.step(Call::read(operation)));
        Observed::steps(operations(input).iter().map(step))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let plugin = input.text("plugin");
        let folder = if plugin == "passdb" { "passdb" } else { "secrets" };
        let mut model = Model::new(plugin, folder, input.text("store_name"));
        operations(input).iter().map(|operation| model.step(Call::read(operation))).collect()
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let answers = expected.value().as_array().ok_or("not a list")?;
        operations(input)
            .iter()
            .zip(answers)
            .map(|(operation, answer)| demand(Call::read(operation), answer))
            .collect()
    }
}

fn operations(input: &Input) -> &[Value] {
    input.get("ops").as_array().map_or(&[], Vec::as_slice)
}

fn demand(call: Call<'_>, answer: &Value) -> Result<UpstreamStep, String> {
    Ok(match (answer.get("ok"), upstream_error(answer)) {
        // If upstream could not change or show the file, its answer says nothing about the plugin.
        (None, Some(_)) if is_outside(call.operation) => Demand::Nothing.into(),
        (Some(file), None) if call.operation == "file" && file.get("content").is_none() => {
            let wanted = ["exists", "empty", "mode"].map(|key| (key, file.get(key).cloned()));
            let holds =
                move |file: &Value| wanted.iter().all(|(key, value)| file.get(*key) == value.as_ref());
            Demand::answer(format!("like {file}"), holds).into()
        }
        (None, Some(error)) => Demand::Refused(classes_of(error, call.operation)).into(),
        // The operation reads private fields of upstream's handle. Keyway's handle has no such fields.
        (Some(_), None) if call.operation == "internal" => Demand::Nothing.into(),
        (Some(value), None) => {
            let mut value = value.clone();
            for pointer in ["/metadata", "/content/metadata"] {
                // Author, date and description are different for each plugin, so metadata is compared without them.
                let is_answer = matches!(
                    (call.operation, pointer),
                    ("info", "/metadata") | ("file", "/content/metadata")
                );
                if let Some(metadata) = value.pointer_mut(pointer).filter(|_| is_answer) {
                    *metadata = projected(metadata);
                }
            }
            Demand::Exactly(value).into()
        }
        _ => return Err(format!("{answer} has neither `ok` nor `error`")),
    })
}

/// Tells whether an operation acts on the file and not on the plugin.
fn is_outside(operation: &str) -> bool {
    ["file", "raw_write", "truncate", "remove_file", "patch_doc", "put_doc"].contains(&operation)
}

/// Returns the classes that an upstream error may stand for.
///
/// The name of the error is ambiguous. For example, a `KeyError` may mean that a secret exists already, that a secret
/// is missing, or that the file lacks an entry.
pub(super) fn classes_of(error: &str, operation: &str) -> &'static [Class] {
    match (error, operation) {
        ("FileNotFoundError", _) => &[Class::NotInitialized],
        ("InvalidToken", _) => &[Class::WrongKey, Class::Corrupt],
        ("VersionCompatibilityError", _) => &[Class::Incompatible],
        ("KeyError", "create") => &[Class::AlreadyExists, Class::Corrupt, Class::NoHandle],
        ("KeyError", _) => &[Class::NotFound, Class::Corrupt, Class::NoHandle],
        ("ValueError", "configure") => &[Class::NotFound, Class::Invalid],
        ("SyntaxError" | "AttributeError" | "TypeError", "open") | ("PathOutsideStoragePath", _) => {
            &[Class::Invalid]
        }
        ("AttributeError" | "TypeError" | "ValueError", _) => &[Class::Corrupt, Class::Invalid],
        ("RuntimeError" | "IncompleteError", _) => &[Class::Invalid, Class::Unsupported],
        (error, _) if error.ends_with("OSError") || error == "IsADirectoryError" => {
            &[Class::Internal, Class::Invalid]
        }
        // All other errors come from the TOML reader, from invalid UTF-8, or from the settings.
        _ => &[Class::Corrupt],
    }
}

/// A folder with one store, and the open handles of the store.
struct Fixture {
    plugin: Plugin,
    plugin_name: String,
    store_name: String,
    root: TempDir,
    handles: BTreeMap<String, Arc<dyn SecretStore>>,
    current: String,
}

type Answer = Result<Value, Class>;

impl Fixture {
    fn new(input: &Input) -> Option<Self> {
        Some(Self {
            plugin: Plugin::named(input.text("plugin"))?,
            plugin_name: input.text("plugin").to_owned(),
            store_name: input.text("store_name").to_owned(),
            root: tempfile::tempdir().ok()?,
            handles: BTreeMap::new(),
            current: String::new(),
        })
    }

    fn step(&mut self, call: Call<'_>) -> StepOutcome {
        match self.answer(call) {
            Ok(value) => StepOutcome::Ok(value),
            Err(class) => StepOutcome::Refused(class),
        }
    }

    fn answer(&mut self, call: Call<'_>) -> Answer {
        match call.operation {
            "open" => return self.open(call),
            "use" => {
                call.text(0).unwrap_or_default().clone_into(&mut self.current);
                return Ok(Value::Null);
            }
            _ => {}
        }
        let store = self.handles.get(&self.current).cloned().ok_or(Class::NoHandle)?;
        match call.operation {
            "rotate" => {
                let keys = ring(call.arguments.first().unwrap_or(&Value::Null))?;
                // The vectors do not record the progress.
                block_on(store.rotate(&keys, &|_: Progress| {})).map_err(|error| Class::of(&error))?;
                Ok(true.into())
            }
            "ls" => Ok(files(self.root.path()).into()),
            "file" => Ok(self.file()),
            "internal" => Ok(Value::Null),
            "locked" => Ok(is_busy(store.written_by()).into()),
            "raw_write" | "truncate" | "remove_file" | "patch_doc" | "put_doc" => self.outside(call),
            operation => {
                let arguments = call.bound(&self.plugin_name).ok_or(Class::Invalid)?;
                block_on(ask(&*store, operation, &arguments))
            }
        }
    }

    fn open(&mut self, call: Call<'_>) -> Answer {
        let name = call.text(0).unwrap_or_default().to_owned();
        self.current.clone_from(&name);
        let keys = ring(call.key_set_to_open())?;
        let settings = call.arguments.get(2).filter(|settings| !settings.is_null());
        let store = self
            .plugin
            .open(self.root.path(), &self.store_name, &keys, settings)
            .map_err(|error| Class::of(&error))?;
        self.handles.insert(name, store);
        Ok(Value::Null)
    }

    fn path(&self) -> PathBuf {
        self.root.path().join(self.plugin.folder).join(&self.store_name)
    }

    fn bytes(&self) -> Result<Vec<u8>, Class> {
        fs::read(self.path()).map_err(|_| Class::NotInitialized)
    }

    /// Returns the document, and the set of keys that sealed it.
    fn document(&self) -> Result<(Node, &'static str), Class> {
        let token = self.bytes()?;
        for set in ["old", "new"] {
            if let Ok(text) = ring(&set.into())?.open(&token) {
                let node = std::str::from_utf8(&text).ok().and_then(Node::from_toml);
                return node.map(|node| (node, set)).ok_or(Class::Corrupt);
            }
        }
        Err(Class::WrongKey)
    }

    fn file(&self) -> Value {
        let path = self.path();
        let Ok(metadata) = fs::metadata(&path) else { return json!({ "exists": false }) };
        let mode = format!("0o{:o}", metadata.permissions().mode() & 0o777);
        let is_empty = metadata.len() == 0;
        let mut file = json!({ "exists": true, "empty": is_empty, "mode": mode });
        if !is_empty {
            match self.document() {
                Ok((node, set)) => {
                    file["decrypts_with"] = set.into();
                    file["content"] = node.to_json();
                    file["content"]["metadata"] = projected(&file["content"]["metadata"]);
                }
                Err(_) => file["decrypts_with"] = Value::Null,
            }
        }
        file
    }

    /// Changes the file without the plugin.
    fn outside(&self, call: Call<'_>) -> Answer {
        let first = call.arguments.first().unwrap_or(&Value::Null);
        let content = match call.operation {
            "raw_write" => bytes(first).ok_or(Class::Invalid)?,
            "truncate" => {
                let bytes = self.bytes()?;
                let length = first.as_i64().ok_or(Class::Invalid)?;
                let length = if length < 0 {
                    bytes.len().saturating_sub(usize::try_from(-length).unwrap_or(0))
                } else {
                    usize::try_from(length).unwrap_or(0)
                };
                bytes[..length.min(bytes.len())].to_vec()
            }
            "remove_file" => {
                fs::remove_file(self.path()).map_err(|_| Class::NotInitialized)?;
                return Ok(Value::Null);
            }
            "put_doc" => sealed(&Node::from_input(first).ok_or(Class::Invalid)?, "old")?,
            _ => {
                let (mut node, set) = self.document()?;
                let path: Vec<_> = first.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                node.set(&path, call.arguments.get(1).and_then(Node::from_input));
                sealed(&node, set)?
            }
        };
        // Upstream creates the folder as soon as a handle is opened, so the folder is created here if it is missing.
        let folder = self.root.path().join(self.plugin.folder);
        // A missing file gets the mode that the plugin uses, because the model knows no other mode.
        let write = || {
            fs::create_dir_all(&folder)?;
            let options =
                File::options().write(true).create(true).truncate(true).mode(0o600).open(self.path());
            options?.write_all(&content)
        };
        write().map_err(|_| Class::Internal)?;
        Ok(Value::Null)
    }
}

/// Performs an operation on any store.
async fn ask(store: &dyn SecretStore, operation: &str, arguments: &[Value]) -> Answer {
    let class = |error: StoreError| Class::of(&error);
    match operation {
        "initialize" => store.initialize().await.map(|()| Value::Null).map_err(class),
        "create" => {
            let (at, value) = (address(&arguments[0])?, given(arguments)?);
            let new = match value {
                NewValue::Given(value) => NewSecret::new(at, value),
                NewValue::Generated(recipe) => NewSecret::generated(at, recipe),
            };
            store.create(new).await.map(|_| true.into()).map_err(class)
        }
        "modify" => {
            let (at, value) = (address(&arguments[0])?, given(arguments)?);
            let change = match value {
                NewValue::Given(value) => SecretChange::value(value),
                NewValue::Generated(recipe) => SecretChange::generated(recipe),
            };
            store.modify(&at, change).await.map(|_| true.into()).map_err(class)
        }
        "destroy" => store.destroy(&address(&arguments[0])?, None).await.map(|()| true.into()).map_err(class),
        "get" => {
            store.get(&address(&arguments[0])?).await.map(|secret| answered(&secret.value)).map_err(class)
        }
        "list" => {
            let page = store.list(&ListQuery::all().limit(usize::MAX)).await.map_err(class)?;
            Ok(page.secrets.iter().map(|listed| Value::from(listed.header.address.name.as_str())).collect())
        }
        "info" => {
            let info = store.info().await.map_err(class)?;
            let metadata = serde_json::to_value(&info.plugin).map_err(|_| Class::Internal)?;
            Ok(json!({
                "metadata": projected(&metadata),
                "stats": { "secret_count": info.secrets.number, "reads": info.reads, "writes": info.writes },
            }))
        }
        "configure" => configure(store, &arguments[0], &arguments[1]).await,
        "marked_for_delete" => store.marked_for_delete().await.map(|()| Value::Null).map_err(class),
        _ => Err(Class::Unsupported),
    }
}

/// Performs upstream's `configure(name, value)`.
///
/// Keyway reads and writes the settings as a whole. So this function itself finds the value under a dotted name, and
/// returns or replaces the value.
async fn configure(store: &dyn SecretStore, name: &Value, value: &Value) -> Answer {
    let class = |error: StoreError| Class::of(&error);
    let settings = table_json(&store.configure(Configure::Read).await.map_err(class)?);
    let path: Vec<_> = match name {
        Value::Null => Vec::new(),
        Value::String(name) => name.split('.').collect(),
        _ => return Err(Class::Invalid),
    };
    if value.is_null() {
        let step = |value: Value, part: &&str| match &value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?).cloned(),
            other => other.get(part).cloned(),
        };
        return path.iter().try_fold(settings, step).ok_or(Class::NotFound);
    }
    let value = Node::from_input(value).ok_or(Class::Invalid)?;
    let mut changed = Node::from_input(&settings).ok_or(Class::Internal)?;
    if path.is_empty() {
        changed = value;
    } else if !changed.set(&path, Some(value)) {
        return Err(Class::Invalid);
    }
    let changed: Table = match changed.to_structured() {
        Some(keyway_core::Structured::Table(table)) => table,
        _ => return Err(Class::Invalid),
    };
    store.configure(Configure::Write(changed)).await.map(|settings| table_json(&settings)).map_err(class)
}

/// Converts a name, which must be a text. The interface cannot express other names.
fn address(name: &Value) -> Result<SecretAddress, Class> {
    let name = name.as_str().ok_or(Class::Invalid)?;
    Ok(SecretAddress::shared(SecretName::of_existing(name)))
}

/// Returns the value to store. For a store that makes passwords, null requests a generated value. For other stores,
/// null is refused, because the interface cannot express it.
fn given(arguments: &[Value]) -> Result<NewValue, Class> {
    let value = &arguments[1];
    if let [_, Value::Null, length, letters] = arguments {
        let mut recipe = Recipe::new();
        if !length.is_null() {
            let length = length.as_i64().ok_or(Class::Invalid)?;
            recipe = recipe.length(u32::try_from(length).map_err(|_| Class::Invalid)?);
        }
        if !letters.is_null() {
            recipe = recipe.alphabet(letters.as_str().ok_or(Class::Invalid)?);
        }
        return Ok(NewValue::Generated(recipe));
    }
    if let Some(bytes) = bytes(value) {
        return Ok(SecretValue::bytes(bytes).into());
    }
    match Node::from_input(value).ok_or(Class::Invalid)? {
        Node::Text(text) => Ok(SecretValue::text(text).into()),
        other => {
            other.to_structured().map(|value| SecretValue::Structured(value).into()).ok_or(Class::Invalid)
        }
    }
}

/// Tells whether a future waits for the lock of another operation: it is not ready at its first poll.
fn is_busy<T>(future: impl Future<Output = T>) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

/// Returns the ring of the keys of a set. Invalid keys are refused here, before a store is opened or rotated.
fn ring(set: &Value) -> Result<KeyRing, Class> {
    let key = |key| match key {
        SetKey::Named((kind, at)) => {
            Ok(Key::from_bytes(&mut [kind, at].repeat(16).try_into().expect("32 bytes")))
        }
        SetKey::Text(text) => match Key::parse(text) {
            Err(_) => Err(Class::Invalid),
            // The text is a valid key, but not one of the vectors' own keys, and the model knows only those.
            Ok(_) => Err(Class::Unsupported),
        },
    };
    let keys: Vec<_> = key_set(set).into_iter().map(key).collect::<Result<_, _>>()?;
    KeyRing::new(keys).map_err(|_| Class::Invalid)
}

fn sealed(node: &Node, set: &str) -> Result<Vec<u8>, Class> {
    ring(&set.into())?.seal(node.to_toml().as_bytes()).map(String::into_bytes).map_err(|_| Class::Internal)
}
