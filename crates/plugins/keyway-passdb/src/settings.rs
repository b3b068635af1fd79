//! Holds the settings of a store: the rule for its generated passwords.
//!
//! See decisions C10, C11.

use keyway_core::SecretValue;
use keyway_generic::StoreSettings;
use keyway_passwords::{Alphabet, CharacterClass, PasswordRule, RuleError};
use keyway_secrets::{Recipe, StoreError};
use serde::{Deserialize, Serialize};

/// The default length of a password.
pub const DEFAULT_LENGTH: u32 = 20;

/// The settings of a store. Missing ones are as in [`PassDbSettings::default`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PassDbSettings {
    /// The length of a password, from 8 to 1024 characters.
    pub length: u32,
    /// The name of the alphabet that characters are drawn from: see [`Alphabet`].
    pub alphabet: String,
    /// The names of the required classes: a password has at least one character of each class. See [`CharacterClass`].
    pub require: Vec<String>,
}

impl Default for PassDbSettings {
    /// Returns settings for twenty printable characters, as in Convection's PassDB plugin.
    fn default() -> Self {
        Self { length: DEFAULT_LENGTH, alphabet: Alphabet::Printable.name().to_owned(), require: Vec::new() }
    }
}

impl PassDbSettings {
    /// Returns these settings as a rule.
    ///
    /// # Errors
    /// [`RuleError`] names the demand that no password can satisfy.
    pub fn rule(&self) -> Result<PasswordRule, RuleError> {
        let classes = self.classes()?;
        PasswordRule::new(self.length, self.alphabet.parse()?)?.requiring(classes)
    }

    /// Returns the rule for one password: that of the recipe, completed from the settings.
    fn rule_for(&self, recipe: &Recipe) -> Result<PasswordRule, RuleError> {
        let alphabet: Alphabet = recipe.alphabet.as_deref().unwrap_or(&self.alphabet).parse()?;
        let in_alphabet =
            |class: &CharacterClass| alphabet.characters().bytes().any(|byte| class.contains(byte));
        let classes = self.classes()?.into_iter().filter(in_alphabet);
        PasswordRule::new(recipe.length.unwrap_or(self.length), alphabet)?.requiring(classes)
    }

    fn classes(&self) -> Result<Vec<CharacterClass>, RuleError> {
        self.require.iter().map(|name| name.parse()).collect()
    }
}

impl StoreSettings for PassDbSettings {
    const GENERATES_VALUES: bool = true;

    fn check(&self) -> Result<(), StoreError> {
        self.rule().map(drop).map_err(|error| StoreError::invalid("the settings", error.to_string()))
    }

    fn generate(&self, recipe: &Recipe) -> Result<SecretValue, StoreError> {
        let rule = self
            .rule_for(recipe)
            .map_err(|error| StoreError::invalid("the recipe for the value", error.to_string()))?;
        let password = rule.generate().map_err(|error| StoreError::system("draw a password", error))?;
        Ok(SecretValue::text(password.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(settings: &PassDbSettings, recipe: &Recipe) -> String {
        settings.generate(recipe).unwrap().expose_text().unwrap().to_owned()
    }

    #[test]
    fn a_recipe_replaces_what_it_says_and_no_more() {
        let settings =
            PassDbSettings { length: 30, alphabet: "digits".to_owned(), require: vec!["digit".to_owned()] };
        assert_eq!(made(&settings, &Recipe::new()).len(), 30);
        assert_eq!(made(&settings, &Recipe::new().length(9)).len(), 9);
        let letters = made(&settings, &Recipe::new().alphabet("ascii_letters"));
        assert!(letters.len() == 30 && letters.bytes().all(|byte| byte.is_ascii_alphabetic()), "{letters}");
        let hex = made(&settings, &Recipe::new().alphabet("hex"));
        assert!(hex.bytes().any(|byte| byte.is_ascii_digit()), "still required: {hex}");
    }

    #[test]
    fn a_rule_that_no_password_can_keep_is_refused() {
        let wrong = |change: fn(&mut PassDbSettings)| {
            let mut settings = PassDbSettings::default();
            change(&mut settings);
            let error = settings.check().unwrap_err();
            assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
            error.to_string()
        };
        assert!(wrong(|settings| settings.length = 7).contains("from 8 to 1024"));
        assert!(wrong(|settings| settings.length = 1025).contains("from 8 to 1024"));
        assert!(wrong(|settings| settings.alphabet = "whitespace".into()).contains("printable, "));
        assert!(wrong(|settings| settings.require = vec!["emoji".into()]).contains("punctuation"));
        assert!(
            wrong(|settings| {
                settings.alphabet = "digits".into();
                settings.require = vec!["uppercase".into()];
            })
            .contains("has none of it")
        );
        for recipe in [Recipe::new().length(0), Recipe::new().alphabet("")] {
            let error = PassDbSettings::default().generate(&recipe).unwrap_err();
            assert!(matches!(error, StoreError::Invalid { .. }), "{recipe}: {error}");
        }
    }
}
