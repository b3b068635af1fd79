//! Reads the configuration texts of plugins of the upstream system. This helps to move such a plugin to Keyway.

mod error;
mod ini;
#[cfg(test)]
mod tests;

use std::fmt;

use keyway_core::{SecretText, Wiped};

use crate::{AccountRule, AssetGenerator, AssetRules, CheckInTrigger, CheckInTriggers, VaultLoginSource};

pub use error::SpsConfigurationError;

/// The configuration text of a plugin of SPS: sections of options, as Python's `ConfigParser` reads them.
///
/// The text is read as a whole, and more strictly than upstream reads it (decision H200). Names of options are in lower
/// case. Values may be secret, so they are wiped, and `Debug` shows names only.
///
/// ```
/// use keyway_credentials::{CheckInTrigger, SpsConfiguration, VaultLoginSource};
///
/// let configuration = SpsConfiguration::read(
///     "[account]\nprefix = adm_\n[check-in-trigger]\nrdp = authentication-completed\n[vault]\nport = 8443\n",
/// )?;
/// assert_eq!(configuration.account_rule()?.prefix, "adm_");
/// let triggers = configuration.check_in_triggers()?;
/// assert_eq!(triggers.of(Some("rdp")), CheckInTrigger::AfterAuthentication);
/// assert_eq!(triggers.of(Some("ssh")), CheckInTrigger::AtSessionEnd);
/// assert_eq!(configuration.vault_login("vault")?, VaultLoginSource::Gateway);
/// assert_eq!(configuration.get("vault", "port")?.unwrap().expose(), "8443");
/// # Ok::<(), keyway_credentials::SpsConfigurationError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct SpsConfiguration(ini::Sections);

impl SpsConfiguration {
    /// The length in bytes of the longest allowed text.
    pub const MAX_BYTES: usize = 256 << 10;

    /// Parses a text.
    ///
    /// # Errors
    /// [`SpsConfigurationError`] names the line or the option, but shows no value.
    pub fn read(text: &str) -> Result<Self, SpsConfigurationError> {
        if text.len() > Self::MAX_BYTES {
            return Err(SpsConfigurationError::TooLong { most: Self::MAX_BYTES });
        }
        let mut sections = ini::read(text)?;
        for (section, options) in &mut sections {
            for (option, value) in options {
                *value = without_doubled_percents(value.expose()).ok_or_else(|| {
                    SpsConfigurationError::Percent { section: section.clone(), option: option.clone() }
                })?;
            }
        }
        Ok(Self(sections))
    }

    /// Fills missing options from `defaults` (decision S9). An empty option is not missing.
    #[must_use]
    pub fn over(mut self, defaults: Self) -> Self {
        for (section, options) in defaults.0 {
            let own = self.0.entry(section).or_default();
            for (option, value) in options {
                own.entry(option).or_insert(value);
            }
        }
        self
    }

    /// Returns the value of an option. If the section exists but does not have the option, the value in the section
    /// `DEFAULT` is returned, if there is one.
    ///
    /// # Errors
    /// [`StoreReference`](SpsConfigurationError::StoreReference) when the value is `$`.
    pub fn get(&self, section: &str, option: &str) -> Result<Option<SecretText>, SpsConfigurationError> {
        let Some(options) = self.0.get(section) else { return Ok(None) };
        let default = || self.0.get(ini::DEFAULT).and_then(|options| options.get(option));
        match options.get(option).or_else(default).map(|value| (value, value.expose())) {
            None => Ok(None),
            Some((_, "$")) => Err(SpsConfigurationError::StoreReference {
                section: section.to_owned(),
                option: option.to_owned(),
            }),
            Some((_, "$$")) => Ok(Some("$".into())),
            Some((value, _)) => Ok(Some(value.clone())),
        }
    }

    /// Returns the names of the options of a section. They include those of the section `DEFAULT`.
    pub fn options(&self, section: &str) -> Vec<&str> {
        let Some(options) = self.0.get(section) else { return Vec::new() };
        let mut names: Vec<&str> = options.keys().map(String::as_str).collect();
        let defaults = self.0.get(ini::DEFAULT).into_iter().flat_map(|options| options.keys());
        names.extend(defaults.map(String::as_str).filter(|name| !options.contains_key(*name)));
        names
    }

    /// Returns the rule for accounts, from the section `account`.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn account_rule(&self) -> Result<AccountRule, SpsConfigurationError> {
        Ok(AccountRule { prefix: self.open("account", "prefix")?, suffix: self.open("account", "suffix")? })
    }

    /// Returns the rules for assets, from the sections `assets` and `domain_asset_mapping`.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn asset_rules(&self) -> Result<AssetRules, SpsConfigurationError> {
        const MAPPING: &str = "domain_asset_mapping";
        let mut rules = AssetRules::default();
        rules.domain_suffix = self.open("assets", "domain_suffix")?;
        if let Some(names) = self.get("assets", "generator")? {
            rules.generators =
                names.expose().split(',').map(|name| AssetGenerator::from_name(name.trim())).collect();
        }
        for domain in self.options(MAPPING) {
            rules = rules.with_mapping(domain, self.open(MAPPING, domain)?);
        }
        Ok(rules)
    }

    /// Returns the triggers of check-ins, from the section `check-in-trigger`.
    ///
    /// Without the option `default`, the default trigger is [`AtSessionEnd`](CheckInTrigger::AtSessionEnd), as in the
    /// upstream system.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), and [`Trigger`](SpsConfigurationError::Trigger) for an unknown word. All protocols
    /// are checked, even those that no session uses.
    pub fn check_in_triggers(&self) -> Result<CheckInTriggers, SpsConfigurationError> {
        const SECTION: &str = "check-in-trigger";
        let trigger = |option: &str| {
            self.get(SECTION, option)?
                .map(|word| word.expose().parse::<CheckInTrigger>())
                .transpose()
                .map_err(|source| SpsConfigurationError::Trigger { option: option.to_owned(), source })
        };
        let otherwise = trigger("default")?.unwrap_or(CheckInTrigger::AtSessionEnd);
        let mut triggers = CheckInTriggers::new(otherwise);
        for protocol in self.options(SECTION) {
            triggers = triggers.with_protocol(protocol, trigger(protocol)?.unwrap_or(otherwise));
        }
        Ok(triggers)
    }

    /// Returns the source of the login to the vault, from the named section.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), and [`Login`](SpsConfigurationError::Login) when the login is not complete.
    pub fn vault_login(&self, section: &str) -> Result<VaultLoginSource, SpsConfigurationError> {
        let text = |option| self.get(section, option);
        let (word, username) = (text("use_credential")?, text("username")?);
        let (word, username) =
            (word.as_ref().map(SecretText::expose), username.as_ref().map(SecretText::expose));
        VaultLoginSource::from_configuration(word, username, text("password")?)
            .map_err(|source| SpsConfigurationError::Login { section: section.to_owned(), source })
    }

    /// Returns a value that is not secret, or an empty text if the option is missing.
    fn open(&self, section: &str, option: &str) -> Result<String, SpsConfigurationError> {
        Ok(self.get(section, option)?.map(SecretText::into_open).unwrap_or_default())
    }
}

/// Shows only the names of sections and options.
impl fmt::Debug for SpsConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |options: &ini::Options| options.keys().cloned().collect::<Vec<_>>();
        f.debug_map().entries(self.0.iter().map(|(section, options)| (section, names(options)))).finish()
    }
}

/// Replaces each doubled percent sign by one. Returns `None` for a percent sign that is not doubled.
fn without_doubled_percents(value: &str) -> Option<SecretText> {
    let mut plain = Wiped::new(String::with_capacity(value.len()));
    let mut rest = value.chars();
    while let Some(next) = rest.next() {
        if next == '%' && rest.next() != Some('%') {
            return None;
        }
        plain.push(next);
    }
    Some(plain.into())
}
