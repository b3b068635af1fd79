//! The settings of a PassDB file, and the generation of passwords that follow them.
//!
//! See decisions C10, C11.
//!
//! The file holds the settings in the table `[config.default]`, with the keys `length` and `letters`. Either key may be
//! missing, and so may the table.

use keyway_core::{Structured, Table};
use keyway_passwords::{Alphabet, MAX_LENGTH, MIN_LENGTH, PasswordRule, RuleError};
use keyway_secrets::{Recipe, StoreError};

const WHAT: &str = "the settings";
const DEFAULT: &str = "default";
const LENGTH: &str = "length";
const LETTERS: &str = "letters";

/// The length for a file that sets none.
const DEFAULT_LENGTH: i64 = 20;
const DEFAULT_LETTERS: &str = "printable";

/// The alphabets that a file may name. Convection refuses the whole file if it names an alphabet that is not in this
/// list.
const STORABLE_LETTERS: [&str; 3] = ["printable", "ascii_letters", "digits"];

/// The settings, with defaults filled in.
struct Settings<'a> {
    /// The length. `None` if it is out of range; then no password can be generated.
    length: Option<i64>,
    letters: &'a str,
}

fn invalid(reason: impl Into<String>) -> StoreError {
    StoreError::invalid(WHAT, reason)
}

impl<'a> Settings<'a> {
    /// Reads the settings. Accepts any length, because Convection stores any number.
    fn read(table: &'a Table) -> Result<Self, StoreError> {
        let mut settings = Self { length: Some(DEFAULT_LENGTH), letters: DEFAULT_LETTERS };
        for (name, value) in table.iter() {
            match (name, value) {
                (DEFAULT, Structured::Table(default)) => settings.read_default(default)?,
                (DEFAULT, _) => return Err(invalid("`default` is not a table")),
                (other, _) => {
                    return Err(invalid(format!("there is no setting {other:?}: `default` is all there is")));
                }
            }
        }
        Ok(settings)
    }

    fn read_default(&mut self, default: &'a Table) -> Result<(), StoreError> {
        for (name, value) in default.iter() {
            match (name, value) {
                (LENGTH, Structured::Integer(length)) => self.length = length.decimal().parse().ok(),
                (LENGTH, _) => return Err(invalid("`default.length` is not an integer")),
                (LETTERS, Structured::Text(letters)) if STORABLE_LETTERS.contains(&letters.as_str()) => {
                    self.letters = letters.as_str();
                }
                (LETTERS, _) => {
                    return Err(invalid(format!(
                        "`default.letters` is not one of {}: those are all that a file may name",
                        STORABLE_LETTERS.join(", ")
                    )));
                }
                (other, _) => {
                    return Err(invalid(format!(
                        "there is no setting `default.{other:?}`: give `length` or `letters`"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Returns the rule for a password. It is the rule of the recipe, with gaps filled from the settings.
    fn rule(&self, recipe: &Recipe) -> Result<PasswordRule, RuleError> {
        let length = recipe.length.map_or(self.length.unwrap_or(i64::MAX), i64::from);
        let alphabet: Alphabet = recipe.alphabet.as_deref().unwrap_or(self.letters).parse()?;
        PasswordRule::new(u32::try_from(length).map_err(|_| RuleError::Length { length })?, alphabet)
    }
}

/// Checks settings before they are stored. It must be possible to generate passwords with them.
pub(crate) fn check(settings: &Table) -> Result<(), StoreError> {
    let rule = Settings::read(settings)?.rule(&Recipe::new());
    rule.map(drop).map_err(|error| invalid(format!("`default.length`: {error}")))
}

/// Checks the settings of a file as Convection does when it reads them. Convection also stores lengths that are not
/// possible for a password. Such a file can be read, and generating a password reports the fault (decision C11).
pub(crate) fn check_stored(settings: &Table) -> Result<(), StoreError> {
    Settings::read(settings).map(drop)
}

/// Returns all settings in force.
pub(crate) fn in_force(settings: &Table) -> Table {
    let given = match settings.get(DEFAULT) {
        Some(Structured::Table(default)) => default.clone(),
        _ => Table::new(),
    };
    let mut default = Table::new();
    let or = |name: &str, otherwise: Structured| given.get(name).cloned().unwrap_or(otherwise);
    default.push_new(LENGTH, or(LENGTH, Structured::Integer(DEFAULT_LENGTH.into())));
    default.push_new(LETTERS, or(LETTERS, Structured::text(DEFAULT_LETTERS)));
    let mut all = Table::new();
    all.push_new(DEFAULT, Structured::Table(default));
    all
}

/// Generates a password.
pub(crate) fn generate(settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
    let settings = Settings::read(settings)?;
    let rule = settings.rule(recipe).map_err(|error| {
        let from_file = recipe.length.is_none()
            && settings
                .length
                .is_none_or(|length| !(i64::from(MIN_LENGTH)..=i64::from(MAX_LENGTH)).contains(&length));
        if from_file {
            // The caller did not choose this length. It comes from the file.
            invalid(format!("`default.length` of the file: {error}, with `configure` or for this value"))
        } else {
            StoreError::invalid("the recipe for the value", error.to_string())
        }
    })?;
    let password = rule.generate().map_err(|error| StoreError::system("draw a password", error))?;
    Ok(Structured::text(password.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(json: &serde_json::Value) -> Table {
        Table::from_json(json.as_object().unwrap()).unwrap()
    }

    fn made(settings: &serde_json::Value, recipe: &Recipe) -> Result<String, String> {
        match generate(&table(settings), recipe) {
            Ok(Structured::Text(text)) => Ok(text.to_string()),
            Ok(_) => panic!("a password is a text"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_password_without_settings_has_twenty_printable_characters() {
        let all = json!({"default": {"length": 20, "letters": "printable"}});
        for (given, expected) in [
            (json!({}), all.clone()),
            (json!({"default": {}}), all),
            (json!({"default": {"length": 9}}), json!({"default": {"length": 9, "letters": "printable"}})),
            (
                json!({"default": {"letters": "digits"}}),
                json!({"default": {"length": 20, "letters": "digits"}}),
            ),
        ] {
            check(&table(&given)).unwrap();
            assert_eq!(Structured::Table(in_force(&table(&given))).to_json().unwrap(), expected);
        }
        assert_eq!(made(&json!({}), &Recipe::new()).unwrap().len(), 20);
    }

    #[test]
    fn a_rule_that_convection_refuses_is_refused() {
        for wrong in [
            json!({"data": {}}),
            json!({"default": "x"}),
            json!({"default": {"length": "8"}}),
            json!({"default": {"length": true}}),
            json!({"default": {"length": 8.0}}),
            json!({"default": {"letters": ""}}),
            json!({"default": {"letters": "hexdigits"}}),
            json!({"default": {"letters": 3}}),
            json!({"default": {"foo": 1}}),
        ] {
            for checked in [check(&table(&wrong)), check_stored(&table(&wrong))] {
                assert!(matches!(checked, Err(StoreError::Invalid { .. })), "{wrong}");
            }
        }
    }

    #[test]
    fn lengths_that_no_password_has_are_read_and_not_written() {
        for length in [json!(0), json!(-3), json!(7), json!(1025), json!(u64::MAX)] {
            let settings = json!({"default": {"length": length}});
            check_stored(&table(&settings)).unwrap();
            assert!(matches!(check(&table(&settings)), Err(StoreError::Invalid { .. })), "{length}");
            let error = made(&settings, &Recipe::new()).unwrap_err();
            assert!(error.contains("of the file") && error.contains("from 8 to 1024"), "{error}");
            assert_eq!(made(&settings, &Recipe::new().length(12)).unwrap().len(), 12);
        }
    }

    #[test]
    fn a_recipe_may_name_more_alphabets_than_a_file() {
        let settings = json!({"default": {"length": 16, "letters": "digits"}});
        let hex = made(&settings, &Recipe::new().alphabet("hexdigits")).unwrap();
        assert!(hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hex}");
        for wrong in
            [Recipe::new().length(7), Recipe::new().alphabet("whitespace"), Recipe::new().alphabet("")]
        {
            let error = made(&settings, &wrong).unwrap_err();
            assert!(error.contains("the recipe"), "{error}");
        }
    }
}
