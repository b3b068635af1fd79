//! Checks files of Convection's Generic and PassDB plugins.

use std::sync::LazyLock;
use std::{fs, str};

use keyway_convection::format;
use keyway_core::{PluginMetadata, Registry, SecretValue, Structured, plugins};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Configure, ListQuery, NewSecret, OpenContext, Recipe, SecretAddress, SecretName, SecretStore,
    SecretStores, StoreName,
};
use pollster::block_on;
use serde_json::json;

use super::scratch::Scratch;
use super::silence::{shows_nothing, shows_nothing_but};
use super::{ANOTHER_KEY, PUBLISHED_KEY};

/// Checks the text inside a store file of the Convection plugin.
///
/// A document that was read can be written. The written text is read as the same document, and written again as the
/// same bytes. An error names a position in the text.
pub fn store_document(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let document = match format::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let lines = text.lines().count() + 1;
            assert!((1..=lines).contains(&error.line()), "line {} of {lines}", error.line());
            return;
        }
    };
    let printed = format::print(&document, &CONVECTION).expect("a document that was read can be written");
    let again = format::parse(&printed).expect("a written document can be read");
    let once_more = format::print(&again, &CONVECTION).expect("it was written before");
    assert!(*once_more == *printed, "writing is stable");
    for (what, one, other) in [
        ("secrets", again.secrets, document.secrets),
        ("settings", again.settings, document.settings),
        ("unknown sections", again.other, document.other),
    ] {
        assert!(Structured::Table(one).same_as(&Structured::Table(other)), "the {what} are the same");
    }
    assert_eq!((again.reads, again.writes), (document.reads, document.writes));
    assert_eq!(again.written_by.version, document.written_by.version);
}

/// Checks a whole store file: the first byte chooses the plugin, the other bytes are the text inside the file.
///
/// A readable secret stays the same after another secret is created and after a change of keys, and every query returns
/// it unchanged. A refused file stays as it is. An error shows nothing of the text.
pub fn store_file(data: &[u8]) {
    let Some((plugin, text)) = data.split_first() else { return };
    let keys = KeyRing::parse([PUBLISHED_KEY]).expect("a key");
    let folder = Scratch::new();
    let sealed = keys.seal(text).expect("it is sealed");
    let path = folder.file("store", sealed.as_bytes());
    let id = ["convection-generic", "convection-passdb"][usize::from(plugin % 2)];
    let open = |keys: &KeyRing| {
        let plugin = REGISTRY.get::<SecretStores>(id).expect("that plugin");
        let name = StoreName::new("store").expect("a name");
        let opening = OpenContext::new(name, plugin.metadata().clone(), keys.clone())
            .with_configuration(json!({ "path": &path }));
        plugin.open(&opening).expect("it opens")
    };
    let store = open(&keys);
    let listed = match block_on(store.list(&everything())) {
        Ok(listed) => listed.secrets,
        Err(error) => {
            shows_nothing_but(&error, text, &writer(text));
            let now = fs::read(&path).expect("the file is there");
            assert!(keys.open(&now).is_ok_and(|now| *now == *text), "a file that is refused stays");
            return;
        }
    };
    let same_as_listed = |store: &dyn SecretStore| {
        for secret in &listed {
            let address = &secret.header.address;
            let got = block_on(store.get(address)).expect("a listed secret can be read");
            let value = secret.value.as_ref().expect("values were asked for");
            assert!(got.value.same_as(value), "the list and the read agree");
        }
    };
    same_as_listed(&*store);
    let ours = SecretAddress::shared(SecretName::new("a secret of ours").expect("a name"));
    let made = block_on(store.create(NewSecret::new(ours.clone(), SecretValue::text("one"))));
    if let Err(error) = &made {
        shows_nothing(error, text);
    }
    same_as_listed(&*store);
    if made.is_ok() {
        assert_eq!(block_on(store.get(&ours)).expect("it was made").value.expose_text(), Some("one"));
        block_on(store.destroy(&ours, None)).expect("it can be destroyed");
    }
    for error in [
        block_on(store.configure(Configure::Read)).err(),
        block_on(store.info()).err(),
        block_on(store.written_by()).err(),
        block_on(store.create(NewSecret::generated(ours.clone(), Recipe::new()))).err(),
    ]
    .into_iter()
    .flatten()
    {
        shows_nothing(&error, text);
    }
    let new = KeyRing::parse([ANOTHER_KEY]).expect("a key");
    match block_on(store.rotate(&new, &|_| {})) {
        Ok(()) => same_as_listed(&*open(&new)),
        Err(error) => shows_nothing(&error, text),
    }
}

/// Returns the name and the version of the plugin that wrote a text.
///
/// An error shows both, so that the reader opens the file with that plugin (decision C4).
fn writer(text: &[u8]) -> Vec<String> {
    let text = str::from_utf8(text).unwrap_or_default();
    let written_by = match format::parse(text) {
        Ok(document) => Some(document.written_by),
        Err(error) => error.written_by().cloned(),
    };
    written_by.map_or_else(Vec::new, |by| vec![by.plugin_name, by.version.to_string()])
}

/// Queries all secrets with their values, on one page.
fn everything() -> ListQuery {
    ListQuery::all().with_values().limit(usize::MAX)
}

/// The plugins for Convection's files.
static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| plugins! { keyway_convection }.registry().expect("its plugins"));

/// The metadata of the plugin `convection-generic`, which keeps secrets of any kind.
static CONVECTION: LazyLock<PluginMetadata> = LazyLock::new(|| {
    REGISTRY.get::<SecretStores>("convection-generic").expect("that plugin").metadata().clone()
});
