//! The configuration: stores, and the access keys that open them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use keyway_client::LogLevel;
use keyway_core::json::JsonObject;
use keyway_core::{Json, NoConfiguration, read_configuration};
use keyway_files::FileError;
use keyway_secrets::StoreName;
use serde::Deserialize;

use crate::access::Access;

/// The largest size of a configuration file, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// The content of `locker-sdk.toml`. The [crate] shows an example.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) log: LogLevel,
    pub(crate) stores: BTreeMap<StoreName, StoreEntry>,
    pub(crate) access: Vec<Access>,
}

/// A store, and how to open it.
#[derive(Clone)]
pub(crate) struct StoreEntry {
    /// The id of the plugin.
    pub(crate) plugin: String,
    /// The file with the keys. A plugin needs no keys if an external service seals its data.
    pub(crate) keys: Option<PathBuf>,
    /// The SQLite file. The plugin gets the database in this file as a resource.
    pub(crate) sqlite: Option<PathBuf>,
    /// The project number in the objects of an answer.
    pub(crate) project_id: i64,
    /// The configuration of the plugin.
    pub(crate) configuration: Json,
}

impl fmt::Debug for StoreEntry {
    /// Leaves out the configuration of the plugin, since it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreEntry")
            .field("plugin", &self.plugin)
            .field("keys", &self.keys)
            .field("sqlite", &self.sqlite)
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    log: Option<String>,
    #[serde(default)]
    stores: BTreeMap<String, WrittenStore>,
    #[serde(default)]
    access: Vec<WrittenAccess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStore {
    plugin: String,
    keys: Option<PathBuf>,
    sqlite: Option<PathBuf>,
    #[serde(default)]
    project_id: i64,
    /// An object without entries: they were [taken](configurations) out.
    #[serde(default, rename = "configuration")]
    _configuration: NoConfiguration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAccess {
    id: String,
    secret_sha256: String,
    store: String,
    #[serde(default)]
    read_only: bool,
}

impl Configuration {
    /// Reads the configuration file of the user that runs this process. Blocks while it reads one small file.
    ///
    /// # Errors
    /// [`ConfigurationError`] names the file and the fault.
    pub fn read() -> Result<Self, ConfigurationError> {
        let path = place(|name| std::env::var_os(name).map(PathBuf::from))?;
        let bytes = keyway_files::read_private(&path, MAX_BYTES).map_err(ConfigurationError::File)?;
        let bytes = bytes.ok_or_else(|| ConfigurationError::Missing(path.clone()))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            ConfigurationError::invalid(&path, format!("it is not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        Self::parse(text, &path)
    }

    /// Parses the text of a file; `path` is for messages. Does no I/O.
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        let invalid = |reason: String| ConfigurationError::invalid(path, reason);
        let mut read = keyway_toml::read(text).map_err(|error| invalid(error.to_string()))?;
        let mut configurations = configurations(&mut read);
        // `read_configuration` repeats no value in its errors.
        let written: Written = read_configuration(&read).map_err(|error| invalid(error.to_string()))?;
        let log = written.log.map_or(Ok(LogLevel::default()), |level| {
            level.parse().map_err(|_| invalid("`log` is none of debug, info, warning and error".to_owned()))
        })?;
        let mut stores = BTreeMap::new();
        for (name, entry) in written.stores {
            let place = format!("`stores.{name}`");
            let WrittenStore { plugin, keys, sqlite, project_id, _configuration } = entry;
            let configuration = configurations.remove(&name).unwrap_or_default();
            let name = StoreName::new(&name).map_err(|error| invalid(format!("{place}: {error}")))?;
            let entry = StoreEntry { plugin, keys, sqlite, project_id, configuration };
            for path in [&entry.keys, &entry.sqlite].into_iter().flatten() {
                if !path.is_absolute() {
                    let path = path.display();
                    return Err(invalid(format!("{place}: `{path}` is relative: give the absolute path")));
                }
            }
            stores.insert(name, entry);
        }
        let mut access: Vec<Access> = Vec::new();
        for (at, entry) in written.access.into_iter().enumerate() {
            let WrittenAccess { id, secret_sha256, store, read_only } = entry;
            let wrong = |reason: &str| invalid(format!("entry {} of `access`: {reason}", at + 1));
            let name = StoreName::new(&store).ok().filter(|name| stores.contains_key(name));
            let store = name.ok_or_else(|| wrong("its `store` is not among `stores`"))?;
            let new = Access::new(&id, &secret_sha256, store, read_only).map_err(wrong)?;
            if access.iter().any(|other| other.has_id(new.id())) {
                return Err(wrong("another entry has the same `id`"));
            }
            access.push(new);
        }
        Ok(Self { log, stores, access })
    }
}

/// Takes the configurations of the plugins out of a configuration, and leaves empty ones. They may hold passwords, so
/// they stay in JSON that is wiped.
fn configurations(read: &mut Json) -> BTreeMap<String, Json> {
    let Json::Object(root) = read else { return BTreeMap::new() };
    let Some(Json::Object(stores)) = root.get_mut("stores") else { return BTreeMap::new() };
    let taken = |(name, store): (&String, &mut Json)| {
        let Json::Object(store) = store else { return None };
        let Some(Json::Object(entries)) = store.get_mut("configuration") else { return None };
        Some((name.clone(), Json::Object(std::mem::take::<JsonObject>(entries))))
    };
    stores.iter_mut().filter_map(taken).collect()
}

/// Returns the path of the configuration file, from the environment variables that an SDK passes on.
fn place(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, ConfigurationError> {
    // A relative path is ignored, as the XDG specification requires.
    let folder = variable("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(variable("HOME")?.join(".config")));
    Ok(folder.ok_or(ConfigurationError::NoHome)?.join("keyway").join("locker-sdk.toml"))
}

/// A configuration that cannot be used. The error holds no value of the file, except for names and paths.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// Neither environment variable locates the file.
    #[error("the folder of the configuration is unknown: set XDG_CONFIG_HOME or HOME")]
    NoHome,
    /// The file does not exist.
    #[error("there is no configuration {}: write it as `locker-sdk help` shows", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read, or another user can read or write it.
    #[error("the configuration cannot be read: {}", .0.reason())]
    File(FileError),
    /// The content is not acceptable.
    #[error("the configuration {} is not acceptable: {reason}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The fault, and where it is.
        reason: String,
    },
}

impl ConfigurationError {
    fn invalid(path: &Path, reason: String) -> Self {
        Self::Invalid { path: path.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646";

    fn parse(text: &str) -> Result<Configuration, String> {
        Configuration::parse(text, Path::new("c.toml")).map_err(|error| error.to_string())
    }

    fn with_access(access: &str) -> String {
        format!("[stores.web]\nplugin = \"generic\"\nkeys = \"/k\"\n[[access]]\n{access}")
    }

    #[test]
    fn a_file_names_stores_and_keys() {
        let text = with_access(&format!(
            "id = \"0F8FAD5B-d9cb-469f-a165-70867728950e\"\nsecret_sha256 = \"{HASH}\"\nstore = \"web\""
        ));
        let configuration = parse(&format!("log = \"info\"\n{text}")).unwrap();
        assert_eq!(configuration.log, LogLevel::Info);
        assert_eq!(configuration.stores.len(), 1);
        assert!(configuration.access[0].has_id("0f8fad5b-D9CB-469f-a165-70867728950e"));
        assert_eq!(parse("").unwrap().log, LogLevel::Error);
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        let id = "id = \"0f8fad5b-d9cb-469f-a165-70867728950e\"\n";
        let whole = format!("{id}secret_sha256 = \"{HASH}\"\nstore = \"web\"\n");
        for (text, fault) in [
            ("log = ".to_owned(), "line 1, `log`: "),
            (
                "[stores.web]\nplugin = 'locker'\nkeys = '/k'\nconfiguration = 'n33dle'".to_owned(),
                "stores.web.configuration",
            ),
            ("log = \"loud\"".to_owned(), "`log` is none of"),
            ("log = 3".to_owned(), "`log` must be a string"),
            ("\nkeys = 3".to_owned(), "`keys`"),
            ("[stores.web]\nplugin = \"generic\"\nkeys = \"k\"".to_owned(), "`stores.web`: `k` is relative"),
            ("[stores.\"a/b\"]\nplugin = \"generic\"\nkeys = \"/k\"".to_owned(), "`stores.a/b`: "),
            (with_access(&whole.replace("web", "other")), "entry 1 of `access`: its `store` is not among"),
            (with_access(&whole.replace(HASH, "00")), "entry 1 of `access`: its `secret_sha256` is not 64"),
            (with_access(&whole.replace("-4", "-1")), "entry 1 of `access`: its `id` is not a UUID"),
            (with_access(&format!("{whole}[[access]]\n{whole}")), "entry 2 of `access`: another entry has"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(fault) && !error.contains("n33dle"), "{error}");
        }
    }

    #[test]
    fn a_fault_of_the_form_names_its_line_and_key_and_shows_no_value() {
        let place = "[stores.web]\nplugin = 'locker'\nconfiguration.proxy = ";
        for (value, key) in [
            ("n33dle", Some("proxy")),
            ("'n33dle", Some("proxy")),
            ("\"n33dle\\q\"", Some("proxy")),
            ("'a' n33dle", Some("proxy")),
            ("['a', n33dle]", Some("proxy")),
            ("{ password = n33dle }", Some("password")),
            ("{ password = 'n33dle'", Some("password")),
            ("1979-05-27 # n33dle", Some("proxy")),
            ("[nan, 'n33dle']", Some("proxy")),
            ("99999999999999999999", Some("proxy")),
            ("'a'\nconfiguration.proxy = 'n33dle'", Some("proxy")),
            // A text that is no name of a value may be a part of a secret.
            ("'a'\nn33dle", None),
            ("'a'\nn33dle'", None),
            ("'a'\n[n33dle", None),
        ] {
            let error = parse(&format!("{place}{value}\n")).unwrap_err();
            let line = if value.contains('\n') { "line 4" } else { "line 3" };
            let named = key.map_or_else(|| format!("{line}: "), |key| format!("{line}, `{key}`: "));
            assert!(error.contains(&named) && !error.contains("n33dle"), "{value}: {error}");
        }
    }

    #[test]
    fn debug_shows_no_configuration_of_a_plugin() {
        let text =
            "[stores.web]\nplugin = 'locker'\nkeys = '/k'\nconfiguration = { proxy = 'http://joe:n33dle@p' }";
        let shown = format!("{:?}", parse(text).unwrap());
        assert!(shown.contains("locker") && !shown.contains("n33dle"), "{shown}");
    }

    #[test]
    fn the_file_lies_in_the_folder_of_the_user() {
        let at = |config: Option<&str>, home: Option<&str>| {
            let (config, home) = (config.map(PathBuf::from), home.map(PathBuf::from));
            place(|name| if name == "HOME" { home.clone() } else { config.clone() })
        };
        assert_eq!(at(Some("/c"), Some("/h")).unwrap(), Path::new("/c/keyway/locker-sdk.toml"));
        let home = Path::new("/h/.config/keyway/locker-sdk.toml");
        assert_eq!(at(None, Some("/h")).unwrap(), home);
        assert_eq!(at(Some("relative"), Some("/h")).unwrap(), home);
        assert!(matches!(at(None, None), Err(ConfigurationError::NoHome)));
    }
}
