//! Tests export and import.

use std::collections::BTreeMap;

use keyway_core::SecretText;
use keyway_core::SecretValue;
use keyway_secrets::{NewSecret, SecretStore};

use super::{
    Answer, Broken, Checked, Client, ClientAnswer, ClientFixture, ENVIRONMENTS, FileFormat, Resolution,
    Snapshot, StoreFixture, at, at_in, ensure, new, put, rules, text,
};

const FORMATS: [FileFormat; 2] = [FileFormat::Dotenv, FileFormat::Json];

rules! {
    in StoreFixture;
    "SEC-250" Must from ["Client/transfer", "Locker/list", "Locker/create"]
        "An export as dotenv or JSON, imported into a fresh store, gives the same keys and values there, whatever characters they have."
        export_then_import_is_identity;
    "SEC-251" Must from ["Client/transfer", "Locker/modify"]
        "An import creates missing secrets, changes those with another value, and deletes nothing. If reads are immediate, it leaves the rest, and a second import changes nothing; otherwise it writes equal secrets, too."
        imports_write_the_difference;
    "SEC-252" Must from ["Client/transfer", "L6"]
        "A file with a fault anywhere is refused as invalid before anything is written."
        faulty_files_are_refused;
    "SEC-253" Must needs ENVIRONMENTS from ["Client/transfer", "L1", "L4"]
        "An export holds the secrets that the policy resolves, and an import writes only the client's own layer."
        transfers_keep_their_layer;
}

/// Values that some writers or readers of files corrupt.
const AWKWARD: [&str; 16] = [
    "",
    " ",
    " leading and trailing ",
    "two\nlines\n",
    "carriage\r\nreturn",
    "'single'",
    "\"double\"",
    "back\\slash\\n",
    "$HOME ${HOME} `ls` $(ls)",
    "# no comment",
    "a=b=c",
    "tab\there",
    "\u{e9}\u{1f511}",
    "null",
    "{\"json\": [1]}",
    "\\",
];

fn random_text(fixture: &StoreFixture<'_>) -> String {
    const CHARACTERS: [char; 16] =
        ['a', 'Z', '0', ' ', '\n', '\t', '"', '\'', '\\', '$', '`', '#', '=', '\u{e9}', '\u{1f511}', '!'];
    let length = fixture.random() % 20;
    (0..length).map(|_| CHARACTERS[usize::try_from(fixture.random() % 16).unwrap_or(0)]).collect()
}

async fn values(client: &Client<'_>) -> Result<BTreeMap<String, SecretValue>, Broken> {
    let listed = client.list().await.works("`list`")?;
    Ok(listed.into_iter().map(|found| (found.key, found.value)).collect())
}

fn same(
    expected: &BTreeMap<String, SecretValue>,
    found: &BTreeMap<String, SecretValue>,
    when: &str,
) -> Checked {
    let (wanted, keys): (Vec<_>, Vec<_>) = (expected.keys().collect(), found.keys().collect());
    ensure(wanted == keys, format!("the keys {wanted:?} {when}"), format!("{keys:?}"))?;
    for (key, value) in expected {
        let equal = found.get(key).is_some_and(|found| found.same_as(value));
        ensure(equal, format!("the value of {key:?} {when}"), "another value")?;
    }
    Ok(())
}

async fn export_then_import_is_identity(fixture: &StoreFixture<'_>) -> Checked {
    for format in FORMATS {
        let from = ClientFixture::new(fixture, &[], &[]).await?;
        let to = ClientFixture::new(fixture, &[], &[]).await?;
        let texts = AWKWARD.iter().map(ToString::to_string).chain((0..12).map(|_| random_text(fixture)));
        for (number, value) in texts.enumerate() {
            let name = match (format, number % 3) {
                // A key in a dotenv file may contain fewer kinds of characters than a key in a JSON file.
                (FileFormat::Json, 0) => format!("a key \"{number}\" \u{e9}"),
                (FileFormat::Json, 1) => format!("_K.{number}-x"),
                _ => format!("KEY_{number}"),
            };
            from.store.create(new(&name, &value)).await.works("creating a secret")?;
        }
        let before = values(&from.client).await?;
        let file = from.client.export(format).await.works("`export`")?;
        let counts = to.client.import(format, &file).await.works("`import` of what was exported")?;
        let when = format!("after export and import as {format:?}");
        ensure(counts == [before.len(), 0, 0], format!("{} created", before.len()), format!("{counts:?}"))?;
        same(&before, &values(&to.client).await?, &when)?;
        for (key, value) in &before {
            let name = keyway_secrets::SecretName::of_existing(key);
            let address = keyway_secrets::SecretAddress::shared(name);
            let stored = to.store.get(&address).await.works("reading what was imported")?;
            ensure(stored.value.same_as(value), format!("the value of {key:?} {when}"), "another value")?;
        }
    }
    Ok(())
}

async fn imports_write_the_difference(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    for (key, value) in [("same", "1"), ("other", "2"), ("not_in_the_file", "3")] {
        put(&fixture.store, at(key), value).await?;
    }
    let untouched = Snapshot::of(&fixture.store).await?;
    let file = SecretText::from("same=1\nother=changed\nnew=4\nempty=\n");
    let counts = fixture.client.import(FileFormat::Dotenv, &file).await.works("`import`")?;
    expect(&fixture, counts, [2, 1, 1])?;
    let wanted = [("same", "1"), ("other", "changed"), ("not_in_the_file", "3"), ("new", "4"), ("empty", "")];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), text(value))).into();
    same(&wanted, &values(&fixture.client).await?, "after an import")?;
    let after = Snapshot::of(&fixture.store).await?;
    let untouched_keys =
        if is_immediate(&fixture) { &["not_in_the_file", "same"][..] } else { &["not_in_the_file"] };
    for key in untouched_keys.iter().copied() {
        let address = at(key);
        let headers =
            [&untouched, &after].map(|snapshot| snapshot.secrets.get(&address).map(|(header, _)| header));
        ensure(headers[0] == headers[1], format!("{key:?} left as it is"), format!("{headers:?}"))?;
    }
    let counts = fixture.client.import(FileFormat::Dotenv, &file).await.works("a second `import`")?;
    expect(&fixture, counts, [0, 0, 4])?;
    if is_immediate(&fixture) {
        after.must_hold_in(&fixture.store, "after a second import").await?;
    }
    same(&wanted, &values(&fixture.client).await?, "after a second import")
}

fn is_immediate(fixture: &ClientFixture<'_>) -> bool {
    fixture.store.capabilities().immediate()
}

/// Compares the numbers of created, changed and equal secrets. A client also writes equal secrets if reads may be
/// stale.
fn expect(fixture: &ClientFixture<'_>, counts: [usize; 3], [created, changed, equal]: [usize; 3]) -> Checked {
    let wanted =
        if is_immediate(fixture) { [created, changed, equal] } else { [created, changed + equal, 0] };
    ensure(counts == wanted, format!("{wanted:?} created, changed and left"), format!("{counts:?}"))
}

async fn faulty_files_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[at("a")]).await?;
    let before = Snapshot::of(&fixture.store).await?;
    for (format, file) in [
        (FileFormat::Dotenv, "b=1\nthis is not a line\n"),
        (FileFormat::Dotenv, "b=1\nc=\"never closed\n"),
        (FileFormat::Dotenv, "b=1\nb=2\n"),
        (FileFormat::Json, r#"{"b": "1", "c": 2}"#),
        (FileFormat::Json, r#"{"b": "1", "b": "2"}"#),
        (FileFormat::Json, r#"{"b": "1", "": "2"}"#),
        (FileFormat::Json, r#"{"b": "1""#),
        (FileFormat::Json, r#"{"b": "1", "line\nend": "2"}"#),
    ] {
        let answer = fixture.client.import(format, &file.into()).await;
        answer.fails_as(&format!("`import` of {file:?}"), "invalid")?;
        before.must_hold_in(&fixture.store, &format!("after the import of {file:?}")).await?;
    }
    Ok(())
}

async fn transfers_keep_their_layer(fixture: &StoreFixture<'_>) -> Checked {
    for format in FORMATS {
        let fixture = ClientFixture::new(fixture, &["e"], &[]).await?;
        for (key, value) in [("both", "shared"), ("shared_only", "shared")] {
            put(&fixture.store, at(key), value).await?;
        }
        for key in ["both", "own"] {
            let secret = NewSecret::new(at_in(key, "e"), text("e"));
            fixture.store.create(secret).await.works("creating a secret")?;
        }
        let shared = fixture.client.in_scope(None, Resolution::Exact);
        let before = values(&shared).await?;
        let exact = fixture.client.in_scope(Some("e"), Resolution::Exact);
        let falling = fixture.client.in_scope(Some("e"), Resolution::SharedFallback);
        let resolved = values(&falling).await?;
        ensure(resolved.len() == 3, "3 secrets by the policy that falls back", resolved.len().to_string())?;
        let file = exact.export(format).await.works("`export`")?;
        let counts = exact.import(format, &file).await.works("`import` into where it comes from")?;
        expect(&fixture, counts, [0, 0, 2])?;
        // The import creates one secret in the environment: a copy of the secret that only the shared layer has.
        let file = falling.export(format).await.works("`export`")?;
        let counts = falling.import(format, &file).await.works("`import` into where it comes from")?;
        expect(&fixture, counts, [1, 0, 2])?;
        same(&resolved, &values(&exact).await?, "in the environment after the import")?;
        same(&before, &values(&shared).await?, "in the shared layer after the import")?;
    }
    Ok(())
}
