//! Tests values that the store generates.

use std::collections::BTreeSet;

use keyway_secrets::{
    Configure, ListQuery, MAX_GENERATED_LENGTH, MIN_GENERATED_LENGTH, NewSecret, Recipe, SecretChange,
    SecretStore, SecretVersion,
};

use super::{
    Answer, Broken, Checked, GENERATED, GENERATION_EXAMPLE, Invalid, NO_GENERATION, SecretExists,
    SecretNotFound, Snapshot, StoreFixture, Unsupported, VersionConflict, at, broken, ensure, fill, new,
    rules, same_settings, text,
};
use crate::secrets::GenerationExample;

rules! {
    in StoreFixture;
    "SEC-180" Must needs GENERATED from ["Convection/create", "C11"]
        "A secret created without a value gets a text from the store, a different one each time, and is otherwise like any other."
        generated_secrets_are_secrets;
    "SEC-181" Must needs GENERATED from ["C11"]
        "A generated value follows the recipe: its length, and characters of its alphabet only."
        recipes_are_followed;
    "SEC-182" Must needs GENERATION_EXAMPLE from ["C10", "C11", "Convection/configure"]
        "Each password follows the settings in force, whichever handle set them, even the first password of a fresh handle."
        the_first_password_uses_the_settings;
    "SEC-183" Must needs GENERATION_EXAMPLE from ["C11"]
        "The gaps of a recipe are filled from the settings in force."
        recipes_replace_no_more_than_they_say;
    "SEC-184" Must needs GENERATED from ["C6", "C11"]
        "A recipe for fewer than 8 or more than 1024 characters, or for an unknown alphabet, is `Invalid`, and nothing is stored."
        bad_recipes_are_refused;
    "SEC-185" Must needs GENERATION_EXAMPLE from ["C10", "C11"]
        "Settings that allow no password are `Invalid`; the earlier settings stay in force."
        bad_settings_are_refused;
    "SEC-186" Must needs GENERATED from ["Convection/modify", "C11"]
        "`modify` without a value replaces the password of that secret only, and only if the secret exists."
        passwords_are_renewed;
    "SEC-187" Must needs NO_GENERATION from ["Principle/declared", "C11"]
        "Without the capability, a secret without a value is `Unsupported`, and nothing is stored."
        undeclared_generation_is_refused;
    "SEC-188" Must needs GENERATED from ["Convection/create", "C11"]
        "A given value is stored unchanged, whatever the settings demand of passwords."
        given_values_stay_as_they_are;
    "SEC-189" Must needs GENERATED from ["C11"]
        "Every character of an alphabet is equally frequent in passwords, up to chance, and each password is drawn independently."
        characters_come_equally_often;
}

/// A function that tells whether a character belongs to an alphabet.
type Belongs = fn(u8) -> bool;

/// The alphabets that every store with generated values must support.
const ALPHABETS: [(&str, Belongs); 3] = [
    ("printable", |byte| byte.is_ascii_graphic()),
    ("ascii_letters", |byte| byte.is_ascii_alphabetic()),
    ("digits", |byte| byte.is_ascii_digit()),
];

async fn value_of(store: &dyn SecretStore, name: &str) -> Result<String, Broken> {
    let value = store.get(&at(name)).await.works("reading a secret whose value the store generated")?.value;
    let observed = format!("a value of the kind {}", value.kind());
    value.expose_text().map(str::to_owned).ok_or_else(|| broken("a text", observed))
}

/// Creates a secret whose value the store generates, and reads it.
async fn make(store: &dyn SecretStore, name: &str, recipe: &Recipe) -> Result<String, Broken> {
    let created = store.create(NewSecret::generated(at(name), recipe.clone())).await;
    created.works(&format!("creating a secret with a password, {recipe}"))?;
    value_of(store, name).await
}

/// Checks the length and the characters of a password. Reports do not show the password.
fn check(what: &str, password: &str, length: usize, belongs: impl Fn(u8) -> bool) -> Checked {
    let expected = format!("{length} characters {what}");
    ensure(password.chars().count() == length, expected, password.chars().count().to_string())?;
    let strangers = password.bytes().filter(|byte| !belongs(*byte)).count();
    ensure(strangers == 0, format!("only characters of the alphabet {what}"), format!("{strangers} others"))
}

fn example<'a>(fixture: &StoreFixture<'a>) -> Result<&'a GenerationExample, Broken> {
    let example = fixture.subject().generation.as_ref();
    example.ok_or(Broken::Missing { capability: "example settings for passwords" })
}

/// Checks a password against the example settings.
fn check_example(example: &GenerationExample, what: &str, password: &str) -> Checked {
    check(what, password, example.length, |byte| example.characters.as_bytes().contains(&byte))
}

async fn generated_secrets_are_secrets(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["given"]).await?;
    let (mut names, mut passwords) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..20 {
        let name = format!("made {number}");
        let new = NewSecret::generated(at(&name), Recipe::new());
        let header = store.create(new).await.works("creating a secret without a value")?;
        ensure(header.address == at(&name), format!("the header of {name:?}"), header.address.to_string())?;
        if let Some(version) = header.version {
            ensure(version == SecretVersion::FIRST, "version 1", format!("version {version}"))?;
        }
        let password = value_of(&store, &name).await?;
        let least = usize::try_from(MIN_GENERATED_LENGTH).unwrap_or(usize::MAX);
        ensure(password.len() >= least, format!("{least} characters or more"), password.len().to_string())?;
        names.insert(name);
        passwords.insert(password);
    }
    ensure(passwords.len() == 20, "20 different passwords", format!("{}", passwords.len()))?;

    // Generated values are stored like other secrets, so other handles and lists must return the same values.
    let before = Snapshot::of(&store).await?;
    before.must_hold_in(&fixture.open()?, "after a restart").await?;
    let mut found = BTreeSet::new();
    for (address, (_, value)) in &before.secrets {
        if names.contains(address.name.as_str()) {
            found.extend(value.expose_text().map(str::to_owned));
        }
    }
    ensure(found == passwords, "the same passwords in a list", "others")?;
    let again = store.create(NewSecret::generated(at("made 0"), Recipe::new())).await;
    again.refused("creating a secret that is there", &[SecretExists])?;
    before.must_hold_in(&store, "after a creation was refused").await?;
    if !store.capabilities().destroys {
        return Ok(());
    }
    store.destroy(&at("made 0"), None).await.works("destroying a secret with a password")?;
    let password = make(&store, "made 0", &Recipe::new()).await?;
    ensure(!passwords.contains(&password), "a new password", "an old one")
}

async fn recipes_are_followed(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    for (alphabet, belongs) in ALPHABETS {
        for length in [MIN_GENERATED_LENGTH, 41, MAX_GENERATED_LENGTH] {
            let recipe = Recipe::new().length(length).alphabet(alphabet);
            let password = make(&store, &format!("{alphabet} {length}"), &recipe).await?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            check(&format!("for {recipe}"), &password, length, belongs)?;
        }
    }
    Ok(())
}

async fn the_first_password_uses_the_settings(fixture: &StoreFixture<'_>) -> Checked {
    let example = example(fixture)?;
    let (store, other) = (fixture.initialized().await?, fixture.open()?);
    fill(&store, &["a"]).await?;
    // Makes both handles read the old settings, so that a handle that keeps using them fails.
    for handle in [&store, &other] {
        let settings = handle.configure(Configure::Read).await.works("reading the settings")?;
        let differ = !same_settings(&settings, &example.settings);
        ensure(differ, "settings that differ from the first", "the same")?;
    }
    make(&other, "before", &Recipe::new()).await?;
    store.configure(Configure::Write(example.settings.clone())).await.works("writing settings")?;

    let restarted = fixture.open()?;
    for (who, handle) in [
        ("the handle that set them", &store),
        ("another handle", &other),
        ("a handle just opened", &restarted),
    ] {
        for which in ["first", "second"] {
            let password = make(handle, &format!("{which} of {who}"), &Recipe::new()).await?;
            check_example(example, &format!("in the {which} password of {who}"), &password)?;
        }
    }
    // When a new handle replaces a password, the new password must follow the settings too.
    let restarted = fixture.open()?;
    let change = SecretChange::generated(Recipe::new());
    restarted.modify(&at("before"), change).await.works("renewing a password")?;
    check_example(example, "in a renewed password", &value_of(&store, "before").await?)?;
    let value = store.get(&at("a")).await.works("a read")?.value;
    ensure(value.expose_text() == Some("value of a"), "the given value as it was", "another one")
}

async fn recipes_replace_no_more_than_they_say(fixture: &StoreFixture<'_>) -> Checked {
    let example = example(fixture)?;
    let store = fixture.initialized().await?;
    store.configure(Configure::Write(example.settings.clone())).await.works("writing settings")?;
    let password = make(&store, "length", &Recipe::new().length(57)).await?;
    let belongs = |byte| example.characters.as_bytes().contains(&byte);
    check("where only the length is said", &password, 57, belongs)?;
    for (alphabet, belongs) in ALPHABETS {
        let password = make(&store, alphabet, &Recipe::new().alphabet(alphabet)).await?;
        check("where only the alphabet is said", &password, example.length, belongs)?;
    }
    // The next password without a recipe follows the settings again.
    check_example(example, "afterwards", &make(&store, "after", &Recipe::new()).await?)
}

async fn bad_recipes_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let lengths = [0, MIN_GENERATED_LENGTH - 1, MAX_GENERATED_LENGTH + 1, u32::MAX];
    let alphabets = ["", "no such alphabet", "PRINTABLE"];
    let mut recipes = lengths.map(|length| Recipe::new().length(length)).to_vec();
    recipes.extend(alphabets.map(|alphabet| Recipe::new().alphabet(alphabet)));
    for recipe in recipes {
        let created = store.create(NewSecret::generated(at("b"), recipe.clone())).await;
        created.refused(&format!("a creation, {recipe},"), &[Invalid])?;
        let modified = store.modify(&at("a"), SecretChange::generated(recipe.clone())).await;
        modified.refused(&format!("a change, {recipe},"), &[Invalid])?;
        before.must_hold_in(&fixture.open()?, "after a recipe was refused").await?;
    }
    Ok(())
}

async fn bad_settings_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let example = example(fixture)?;
    let store = fixture.filled(&["a"]).await?;
    store.configure(Configure::Write(example.settings.clone())).await.works("writing settings")?;
    let before = Snapshot::of(&store).await?;
    for (number, wrong) in example.refused.iter().enumerate() {
        let answer = store.configure(Configure::Write(wrong.clone())).await;
        answer.refused("settings by which no password can be made", &[Invalid])?;
        before.must_hold_in(&fixture.open()?, "after settings were refused").await?;
        let name = format!("made {number}");
        check_example(example, "after settings were refused", &make(&store, &name, &Recipe::new()).await?)?;
        if store.capabilities().destroys {
            store.destroy(&at(&name), None).await.works("destroying a secret")?;
        }
    }
    Ok(())
}

async fn passwords_are_renewed(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a", "b"]).await?;
    let mut seen = BTreeSet::from(["value of a".to_owned()]);
    let mut before = Snapshot::of(&store).await?;
    for round in 1..=3 {
        let change = SecretChange::generated(Recipe::new());
        let header = store.modify(&at("a"), change).await.works("`modify` without a value")?;
        let after = Snapshot::of(&fixture.open()?).await?;
        ensure(seen.insert(value_of(&store, "a").await?), "a new password", "one that was there before")?;
        let (old, new) = (&before.secrets[&at("a")].0, &after.secrets.get(&at("a")).map(|found| &found.0));
        ensure(*new == Some(&header), "the header that was answered", "another one")?;
        ensure(header.id == old.id, "the same id", "another one")?;
        ensure(header.version == old.version.map(SecretVersion::next), "the next version", "another one")?;
        // The comparison leaves out the changed secret; all others must be unchanged.
        before.secrets.remove(&at("a"));
        let mut others = after.clone();
        others.secrets.remove(&at("a"));
        before.must_equal(&others, &format!("of the others after renewal {round}"))?;
        before = after;
    }
    let missing = store.modify(&at("c"), SecretChange::generated(Recipe::new())).await;
    missing.refused("renewing what is not there", &[SecretNotFound])?;
    if fixture.subject().capabilities().versions {
        let read = store.get(&at("a")).await.works("a read")?.header.with_version(SecretVersion::FIRST);
        let stale = SecretChange::generated(Recipe::new()).if_unchanged(&read);
        let stale = store.modify(&at("a"), stale).await;
        stale.refused("renewing another version than the present one", &[VersionConflict])?;
    }
    before.must_hold_in(&store, "after renewals were refused").await
}

async fn undeclared_generation_is_refused(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    for recipe in [Recipe::new(), Recipe::new().length(20).alphabet("printable")] {
        let created = store.create(NewSecret::generated(at("b"), recipe.clone())).await;
        created.refused("a creation without a value", &[Unsupported])?;
        let modified = store.modify(&at("a"), SecretChange::generated(recipe)).await;
        modified.refused("a change without a value", &[Unsupported])?;
    }
    before.must_hold_in(&fixture.open()?, "after what is not declared was refused").await
}

async fn given_values_stay_as_they_are(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    if let Some(example) = &fixture.subject().generation
        && store.capabilities().configures
    {
        store.configure(Configure::Write(example.settings.clone())).await.works("writing settings")?;
    }
    let long = "x".repeat(2000);
    for (number, value) in
        ["", "short", "white space\tand\nlines", "größer als ASCII", &long].into_iter().enumerate()
    {
        let name = format!("a{number}");
        store.create(new(&name, value)).await.works("creating a secret with a value")?;
        ensure(value_of(&store, &name).await? == value, "the value as it was given", "another one")?;
        // A given value must also be able to replace a password.
        let name = format!("b{number}");
        make(&store, &name, &Recipe::new()).await?;
        store.modify(&at(&name), SecretChange::value(text(value))).await.works("changing a password")?;
        let same = value_of(&fixture.open()?, &name).await? == value;
        ensure(same, "the value as it was given", "another one")?;
    }
    let listed = store.list(&ListQuery::all()).await.works("a list")?;
    ensure(!listed.secrets.is_empty(), "the secrets in a list", "none")
}

async fn characters_come_equally_often(fixture: &StoreFixture<'_>) -> Checked {
    const PASSWORDS: u32 = 16;
    /// The upper bound of chi-squared. With 93 degrees of freedom, fair passwords exceed the bound about once in 10¹¹
    /// runs. Passwords from random bytes modulo 94 give 500 or more.
    const MOST: f64 = 220.0;

    let store = fixture.initialized().await?;
    let recipe = Recipe::new().length(MAX_GENERATED_LENGTH).alphabet("printable");
    let (mut counts, mut beginnings) = ([0_u32; 94], BTreeSet::new());
    for number in 0..PASSWORDS {
        let password = make(&store, &format!("a{number}"), &recipe).await?;
        for byte in password.bytes().filter(u8::is_ascii_graphic) {
            counts[usize::from(byte - b'!')] += 1;
        }
        // Equal groups of eight characters would show that a password repeats earlier random data.
        beginnings.extend(password.as_bytes().chunks_exact(8).map(<[u8]>::to_vec));
    }
    let drawn: u32 = counts.iter().sum();
    let all = PASSWORDS * MAX_GENERATED_LENGTH;
    ensure(drawn == all, format!("{all} printable characters"), drawn.to_string())?;
    let expected = f64::from(all) / 94.0;
    let square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    ensure(square < MOST, format!("a chi-square of less than {MOST}"), format!("{square:.0}"))?;
    let pieces = usize::try_from(all / 8).unwrap_or(0);
    let observed = format!("{} twice", pieces - beginnings.len());
    ensure(beginnings.len() == pieces, "no piece of eight characters twice", observed)
}
