//! Stores that `locker-sdk` opens, for tests: one of the plugin `generic`, and one with the files of Convection. One of
//! the access keys is read-only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyway_core::{Plugins, Resources, plugins};
use keyway_locker_sdk::{Configuration, answer, make_stores, secret_sha256};
use keyway_seal::{FileKeySource, Key};
use keyway_secrets::{OpenContext, SecretStore, SecretStores, StoreName};
use keyway_storage::{Sqlite, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The plugins that the program of the tests offers.
pub const PLUGINS: Plugins = plugins! { keyway_convection, keyway_generic, keyway_locker, keyway_passdb };

/// The secret access key that belongs to every access key id.
pub const SECRET_ACCESS_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The ids of the access keys, each with its name in the tests.
pub const ACCESS_KEY_IDS: [(&str, &str); 3] = [
    ("records", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("convection", "1f8fad5b-d9cb-469f-a165-70867728950e"),
    ("reader", "2f8fad5b-d9cb-469f-a165-70867728950e"),
];

/// Stores in a folder of their own.
#[derive(Debug)]
pub struct SdkStores {
    folder: TempDir,
    configuration: Configuration,
}

impl SdkStores {
    /// Makes the configuration and its stores. Blocks.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        let folder = TempDir::new()?;
        let place = |name: &str| folder.path().join(name);
        let key = Key::generate().map_err(io::Error::other)?;
        private(&place("keys"), key.expose_text().expose())?;
        fs::create_dir_all(place("keyway"))?;
        fs::create_dir_all(place("convection"))?;
        let hash = secret_sha256(&SECRET_ACCESS_KEY.into());
        let at = |name: &str| format!("'{}'", place(name).display());
        let mut text = format!(
            "log = 'debug'\n\
             [stores.web]\nplugin = 'generic'\nkeys = {keys}\nsqlite = {database}\nproject_id = 7\n\
             [stores.old]\nplugin = 'convection-generic'\nkeys = {keys}\n\
             configuration = {{ directory = {convection} }}\n",
            keys = at("keys"),
            database = at("web.db"),
            convection = at("convection"),
        );
        for (name, id) in ACCESS_KEY_IDS {
            let store = if name == "convection" { "old" } else { "web" };
            let read_only = name == "reader";
            let hash = format!("secret_sha256 = '{hash}'");
            text += &["[[access]]", &format!("id = '{id}'"), &hash, &format!("store = '{store}'")].join("\n");
            text += if read_only { "\nread_only = true\n" } else { "\n" };
        }
        let path = place("keyway/locker-sdk.toml");
        private(&path, &text)?;
        let configuration = Configuration::parse(&text, &path).map_err(io::Error::other)?;
        make_stores(&PLUGINS, &configuration)?;
        Ok(Self { folder, configuration })
    }

    /// Returns the folder, which is `XDG_CONFIG_HOME` for the program.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens the store of records directly, as another program would.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open_records(&self) -> Result<Arc<dyn SecretStore>, Box<dyn std::error::Error>> {
        let registry = PLUGINS.registry()?;
        let plugin = registry.get::<SecretStores>("generic")?;
        let keys = FileKeySource::new(self.path("keys")).read()?;
        let storage: Arc<dyn Storage> = Arc::new(Sqlite::open(self.path("web.db"))?);
        let opening = OpenContext::new(StoreName::new("web")?, plugin.metadata().clone(), keys)
            .with_resources(Resources::new().with(storage));
        Ok(plugin.open(&opening)?)
    }

    /// Answers a call in this process, with the access key of this name. Returns the output.
    pub fn call(&self, access: &str, method: &str, parameters: Value) -> String {
        let id = ACCESS_KEY_IDS.into_iter().find(|(name, _)| *name == access).map(|(_, id)| id);
        call(&self.configuration, id, method, parameters)
    }
}

/// Answers a call in this process, with the access key of this id. Returns the output. Sets the protocol version and
/// the credentials in the `context` of the parameters. Other entries of `context` are kept.
pub fn call(configuration: &Configuration, id: Option<&str>, method: &str, mut parameters: Value) -> String {
    if method != "system.capabilities" {
        let context = &mut parameters["context"];
        context["protocol_version"] = json!(1);
        context["credentials"] = json!({ "access_key_id": id, "secret_access_key": SECRET_ACCESS_KEY });
    }
    let request = json!({"jsonrpc": "2.0", "id": "1", "method": method, "params": parameters}).to_string();
    answer(request.as_bytes(), &PLUGINS, || Ok(configuration.clone())).to_string()
}

/// Writes a new file that only its owner may read. Blocks.
///
/// # Errors
/// The system's.
pub fn private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
