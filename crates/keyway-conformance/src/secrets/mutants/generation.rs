//! Mutants in the values that a store makes.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use keyway_core::{SecretValue, Structured, Table};
use keyway_passwords::{Alphabet, PasswordRule};
use keyway_secrets::{
    Configure, NewSecret, NewValue, Recipe, SecretAddress, SecretChange, SecretHeader, SecretStore,
    StoreError,
};

use super::warp::{Warp, Warped, mutants};

mutants! {
    SameEveryTime of FULL "makes the same password every time";
    IgnoresRecipes of FULL "makes passwords by the settings only";
    FirstPasswordByDefault of FULL "makes the first password of a handle without looking at the settings";
    SettingsOfTheHandle of FULL "makes passwords by the settings that the handle saw first";
    RecipeReplacesAll of FULL "takes what a recipe does not say from nowhere";
    ClampsRecipes of FULL "makes passwords of some length where that which is asked for cannot be";
    ClampsSettings of FULL "stores some length where that which is given cannot be";
    KeepsOldPasswords of FULL "says that it renewed a password, and does not";
    MakesEmptyValues of MINIMAL "stores an empty text where a value is to be made";
    RefusesShortValues of FULL "holds given values to the length of passwords";
    FavoursSomeCharacters of FULL "takes random bytes modulo the number of characters";
}

/// Makes values in another way: rewrites the value of what is created or changed.
macro_rules! making {
    ($type:ident, |$it:ident, $recipe:ident| $made:expr) => {
        #[async_trait]
        impl Warp for $type {
            async fn create(&self, $it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
                if let NewValue::Generated($recipe) = secret.value {
                    secret.value = $made;
                }
                $it.store.create(secret).await
            }

            async fn modify(
                &self,
                $it: &Warped,
                address: &SecretAddress,
                mut change: SecretChange,
            ) -> Result<SecretHeader, StoreError> {
                if let Some(NewValue::Generated($recipe)) = change.value {
                    change.value = Some($made);
                }
                $it.store.modify(address, change).await
            }
        }
    };
}

fn text(text: impl AsRef<str>) -> NewValue {
    SecretValue::text(text.as_ref()).into()
}

/// A recipe of all that is missing in this one: what holds in a store without settings.
fn completed(recipe: Recipe) -> Recipe {
    let length = recipe.length.unwrap_or(20);
    let alphabet = recipe.alphabet.clone().unwrap_or_else(|| "printable".to_owned());
    recipe.length(length).alphabet(alphabet)
}

making!(SameEveryTime, |_it, _recipe| text("correct horse battery staple"));
making!(IgnoresRecipes, |_it, _recipe| NewValue::Generated(Recipe::new()));
making!(FirstPasswordByDefault, |it, recipe| {
    let is_first = !it.notes.flag.swap(true, Ordering::SeqCst);
    NewValue::Generated(if is_first { completed(recipe) } else { recipe })
});
making!(RecipeReplacesAll, |_it, recipe| {
    NewValue::Generated(if recipe == Recipe::new() { recipe } else { completed(recipe) })
});
making!(ClampsRecipes, |_it, recipe| {
    let mut recipe = recipe;
    recipe.length = recipe.length.map(|length| length.clamp(8, 1024));
    NewValue::Generated(recipe)
});
making!(MakesEmptyValues, |_it, _recipe| text(""));
making!(FavoursSomeCharacters, |_it, recipe| {
    match (recipe.length, recipe.alphabet.as_deref()) {
        (Some(length @ 8..=1024), Some("printable")) => text(folded(length)?),
        _ => NewValue::Generated(recipe),
    }
});

/// A password of random bytes modulo the number of characters.
fn folded(length: u32) -> Result<String, StoreError> {
    let wanted = usize::try_from(length).unwrap_or(0);
    let mut password = String::with_capacity(wanted);
    while password.len() < wanted {
        let rule = PasswordRule::new(1024, Alphabet::Hex)
            .map_err(|error| StoreError::invalid("a rule", error.to_string()))?;
        let digits = rule.generate().map_err(|error| StoreError::system("draw random bytes", error))?;
        for pair in digits.as_bytes().chunks_exact(2).take(wanted - password.len()) {
            let byte = pair
                .iter()
                .fold(0_u32, |byte, digit| byte * 16 + char::from(*digit).to_digit(16).unwrap_or(0));
            password.extend(char::from_u32(u32::from(b'!') + byte % 94));
        }
    }
    Ok(password)
}

#[async_trait]
impl Warp for ClampsSettings {
    async fn configure(&self, it: &Warped, request: Configure) -> Result<Table, StoreError> {
        let request = match request {
            Configure::Write(mut settings) => {
                if let Some(Structured::Integer(length)) = settings.get("length") {
                    let length = length.decimal().parse::<i64>().unwrap_or(20).clamp(8, 1024);
                    settings.insert("length", Structured::Integer(length.into()));
                }
                Configure::Write(settings)
            }
            Configure::Read => Configure::Read,
        };
        it.store.configure(request).await
    }
}

#[async_trait]
impl Warp for KeepsOldPasswords {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change.value = change.value.filter(|value| value.recipe().is_none());
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for RefusesShortValues {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let is_short = |value: &SecretValue| value.expose_text().is_some_and(str::is_empty);
        if secret.value.as_given().is_some_and(is_short) {
            return Err(StoreError::invalid("the value", "it is too short for a password"));
        }
        it.store.create(secret).await
    }
}

/// The settings that the handle has seen first, as a recipe.
async fn first_seen(it: &Warped) -> Result<Recipe, StoreError> {
    let now = it.store.configure(Configure::Read).await?;
    let settings = it.notes.settings().get_or_insert(now).to_json().unwrap_or_default();
    let mut recipe = Recipe::new();
    recipe.length =
        settings.get("length").and_then(serde_json::Value::as_u64).and_then(|it| it.try_into().ok());
    recipe.alphabet = settings.get("alphabet").and_then(serde_json::Value::as_str).map(str::to_owned);
    Ok(completed(recipe))
}

#[async_trait]
impl Warp for SettingsOfTheHandle {
    async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
        if secret.value.recipe() == Some(&Recipe::new()) {
            secret.value = NewValue::Generated(first_seen(it).await?);
        }
        it.store.create(secret).await
    }
}
