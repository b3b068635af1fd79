//! Mutants with faults in generated values.

use std::sync::atomic::Ordering;

use keyway_core::{SecretValue, Structured};
use keyway_passwords::{Alphabet, PasswordRule};
use keyway_secrets::{Configure, NewValue, Recipe, SecretStore, StoreError};
use serde_json::Value;

use super::plugin::Mutated;
use super::{SecretStoreSubject, StoreResult, mutants, operation, store_mutant};
use crate::lock::locked;

mutants! {
    for SecretStoreSubject, by store_mutant;
    SameEveryTime breaks ["SEC-180"] "makes the same password every time"
        (made |_recipe, _mutant| text("correct horse battery staple"))
    IgnoresRecipes breaks ["SEC-181"] "makes passwords by the settings only"
        (made |_recipe, _mutant| NewValue::Generated(Recipe::new()))
    FirstPasswordByDefault breaks ["SEC-182"] "makes the first password of a handle without looking at the settings"
        (made |recipe, mutant| {
            let is_first = !mutant.notes.flag.swap(true, Ordering::SeqCst);
            NewValue::Generated(if is_first { completed(recipe) } else { recipe })
        })
    SettingsOfTheHandle breaks ["SEC-182"] "makes passwords by the settings that the handle saw first"
        (create |mutant, secret| {
            if secret.value.recipe() == Some(&Recipe::new()) {
                secret.value = NewValue::Generated(first_seen(mutant).await?);
            }
            mutant.store.create(secret).await
        })
    RecipeReplacesAll breaks ["SEC-183"] "takes what a recipe does not say from nowhere"
        (made |recipe, _mutant| {
            NewValue::Generated(if recipe == Recipe::new() { recipe } else { completed(recipe) })
        })
    ClampsRecipes breaks ["SEC-184"] "makes passwords of another length if the requested one is not allowed"
        (made |recipe, _mutant| {
            let mut recipe = recipe;
            recipe.length = recipe.length.map(|length| length.clamp(8, 1024));
            NewValue::Generated(recipe)
        })
    ClampsSettings breaks ["SEC-185"] "stores some length where that which is given cannot be"
        (configure |mutant, request| {
            if let Configure::Write(settings) = &mut request
                && let Some(Structured::Integer(length)) = settings.get("length")
            {
                let length = length.decimal().parse::<i64>().unwrap_or(20).clamp(8, 1024);
                settings.insert("length", Structured::Integer(length.into()));
            }
            mutant.store.configure(request).await
        })
    KeepsOldPasswords breaks ["SEC-186"] "says that it renewed a password, and does not"
        (modify |mutant, address, change| {
            change.value = change.value.filter(|value| value.recipe().is_none());
            mutant.store.modify(address, change).await
        })
    MakesEmptyValues of MINIMAL breaks ["SEC-187"] "stores an empty text where a value is to be made"
        (made |_recipe, _mutant| text(""))
    RefusesShortValues breaks ["SEC-188"] "holds given values to the length of passwords"
        (create |mutant, secret| {
            let is_short = |value: &SecretValue| value.expose_text().is_some_and(str::is_empty);
            if secret.value.as_given().is_some_and(is_short) {
                return Err(StoreError::invalid("the value", "it is too short for a password"));
            }
            mutant.store.create(secret).await
        })
    FavoursSomeCharacters breaks ["SEC-189"] "takes random bytes modulo the number of characters"
        (made |recipe, _mutant| {
            match (recipe.length, recipe.alphabet.as_deref()) {
                (Some(length @ 8..=1024), Some("printable")) => text(folded(length)?),
                _ => NewValue::Generated(recipe),
            }
        })
}

fn text(text: impl AsRef<str>) -> NewValue {
    SecretValue::text(text.as_ref()).into()
}

/// Fills the missing fields of a recipe with the defaults of a store without settings.
fn completed(recipe: Recipe) -> Recipe {
    let length = recipe.length.unwrap_or(20);
    let alphabet = recipe.alphabet.clone().unwrap_or_else(|| "printable".to_owned());
    recipe.length(length).alphabet(alphabet)
}

/// Makes a password from random bytes modulo the number of characters, so that some characters are more frequent.
fn folded(length: u32) -> StoreResult<String> {
    let wanted = usize::try_from(length).unwrap_or(0);
    let mut password = String::with_capacity(wanted);
    while password.len() < wanted {
        let rule = PasswordRule::new(1024, Alphabet::Hex)
            .map_err(|error| StoreError::invalid("a rule", error.to_string()))?;
        let digits = rule.generate().map_err(|error| StoreError::system("draw random bytes", error))?;
        for pair in digits.as_bytes().chunks_exact(2).take(wanted - password.len()) {
            let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
            let byte = digit(pair[0]) * 16 + digit(pair[1]);
            password.extend(char::from_u32(u32::from(b'!') + byte % 94));
        }
    }
    Ok(password)
}

/// Makes a recipe from the settings that this handle read first, even if the settings have changed since then.
async fn first_seen(mutant: &Mutated) -> StoreResult<Recipe> {
    let now = mutant.store.configure(Configure::Read).await?;
    let settings = locked(&mutant.notes.settings).get_or_insert(now).to_json().unwrap_or_default();
    let mut recipe = Recipe::new();
    recipe.length = settings.get("length").and_then(Value::as_u64).and_then(|it| it.try_into().ok());
    recipe.alphabet = settings.get("alphabet").and_then(Value::as_str).map(str::to_owned);
    Ok(completed(recipe))
}
