//! Tests that values of every kind are stored without loss, and that refused values change no data.

use keyway_core::{Integer, MediaKind, SecretValue, Structured, Table};
use keyway_secrets::{ListQuery, NewSecret, SecretChange, SecretStore};

use super::{
    Answer, BYTES, Checked, FEWER_KINDS, STRUCTURED, Snapshot, StoreFixture, TooLarge, UnsupportedValue, at,
    broken, ensure, list_all, rules,
};

rules! {
    in StoreFixture;
    "SEC-040" Must from ["C14", "Locker/list"]
        "A text is returned unchanged: empty, long, with any characters."
        texts_come_back;
    "SEC-041" Must needs BYTES from ["C14"]
        "Bytes are returned unchanged, as bytes: none, all values, and those that happen to be text."
        bytes_come_back;
    "SEC-042" Must needs STRUCTURED from ["C14"]
        "A structured value is returned with all types, the order of its entries and every digit."
        structures_come_back;
    "SEC-043" Must needs FEWER_KINDS from ["C14", "C6", "Principle/declared"]
        "A kind of value that the store does not declare is refused as `UnsupportedValue` before any data is touched."
        other_kinds_are_refused;
    "SEC-044" Must from ["C6", "C14"]
        "A large value is either kept unchanged, or refused as `TooLarge` without any change."
        large_values_are_kept_or_refused;
}

/// Creates a secret with each value, and changes another secret to each value. Reads both secrets in every way.
async fn come_back(fixture: &StoreFixture<'_>, values: Vec<SecretValue>) -> Checked {
    let store = fixture.filled(&["changed"]).await?;
    for (number, value) in values.iter().enumerate() {
        let name = format!("created {number}");
        store.create(NewSecret::new(at(&name), value.clone())).await.works("creating a secret")?;
        store.modify(&at("changed"), SecretChange::value(value.clone())).await.works("a change")?;
        let reopened = fixture.open()?;
        for address in [at(&name), at("changed")] {
            let read = reopened.get(&address).await.works("a read")?.value;
            same(value, &read, number)?;
        }
    }
    for listed in list_all(&store, &ListQuery::all().with_values()).await? {
        let number = listed.header.address.name.as_str().strip_prefix("created ").map(str::parse::<usize>);
        if let (Some(Ok(number)), Some(value)) = (number, listed.value) {
            same(&values[number], &value, number)?;
        }
    }
    Ok(())
}

fn same(written: &SecretValue, read: &SecretValue, number: usize) -> Checked {
    let bytes = |value: &SecretValue| value.expose_bytes().map(<[u8]>::len);
    ensure(
        written.same_as(read),
        format!("value {number} of the rule as it was: {}, {:?} bytes", written.kind(), bytes(written)),
        format!("{}, {:?} bytes, and not the same", read.kind(), bytes(read)),
    )
}

async fn texts_come_back(fixture: &StoreFixture<'_>) -> Checked {
    let mut values: Vec<_> = [
        "",
        " ",
        "\n",
        " both sides ",
        "lines\nof\r\ntext\rand\ttabs",
        "\u{0}\u{1}\u{1b}[31m\u{7f}\u{85}",
        "e\u{301} \u{e9} \u{fc} \u{1f511} \u{202e}\u{feff}\u{10ffff}",
        "{\"json\": [1, 2]}",
        "[table]\nkey = 'value' # \"\"\" '''",
        "\"quoted\" \\ 'and' $HOME %s {0}",
        "true",
        "42",
        "null",
    ]
    .map(SecretValue::text)
    .into();
    values.push(SecretValue::text("long \u{fc} ".repeat(6000)));
    come_back(fixture, values).await
}

async fn bytes_come_back(fixture: &StoreFixture<'_>) -> Checked {
    let all: Vec<u8> = (0..=255).collect();
    let values = [Vec::new(), vec![0], all, vec![0xff; 300], b"text".to_vec(), b"\xc3\x28".to_vec()];
    come_back(fixture, values.map(SecretValue::bytes).into()).await
}

fn table(entries: Vec<(&str, Structured)>) -> Structured {
    let mut table = Table::new();
    for (name, value) in entries {
        table.insert(name, value);
    }
    Structured::Table(table)
}

fn integer(decimal: &str) -> Structured {
    Structured::Integer(Integer::parse(decimal).expect("the kit's integers are decimal"))
}

async fn structures_come_back(fixture: &StoreFixture<'_>) -> Checked {
    let float = |number: f64| Structured::Float(number.into());
    let date = |text: &str| Structured::DateTime(text.to_owned().into());
    let values = vec![
        table(vec![]),
        table(vec![
            ("z first", Structured::text("text")),
            ("a second", integer("123456789012345678901234567890")),
            ("m third", integer("-9223372036854775808")),
            ("", Structured::text("")),
            ("dots.and \"quotes\"", Structured::Boolean(false.into())),
        ]),
        table(vec![
            ("float", float(0.1)),
            ("infinite", float(f64::NEG_INFINITY)),
            ("none", float(f64::NAN)),
            ("whole", float(3.0)),
            ("moment", date("2026-11-21T07:32:00Z")),
            ("day", date("1979-05-27")),
            ("time", date("00:32:00.5")),
        ]),
        Structured::Array(vec![]),
        Structured::Array(vec![
            integer("0"),
            Structured::text("mixed"),
            Structured::Array(vec![Structured::Boolean(true.into())]),
            table(vec![("deep", table(vec![("er", Structured::Array(vec![table(vec![])]))]))]),
        ]),
        integer("7"),
        float(-0.5),
        Structured::Boolean(true.into()),
        date("2026-11-21T07:32:00.25+02:00"),
    ];
    come_back(fixture, values.into_iter().map(SecretValue::Structured).collect()).await
}

async fn other_kinds_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let capabilities = fixture.subject().capabilities();
    let (store, before) = fixture.seen(&["a"]).await?;
    let at_rest = fixture.at_rest().await;
    let values =
        [SecretValue::bytes(*b"text"), SecretValue::Structured(table(vec![("text", Structured::text("t"))]))];
    for value in values.into_iter().filter(|value| !capabilities.stores(value.kind())) {
        let created = store.create(NewSecret::new(at("b"), value.clone())).await;
        created.refused("`create` with another kind", &[UnsupportedValue])?;
        let changed = store.modify(&at("a"), SecretChange::value(value)).await;
        changed.refused("`modify` to another kind", &[UnsupportedValue])?;
    }
    let same = at_rest == fixture.at_rest().await;
    ensure(same, "nothing touched by refused values", "what lies at rest has changed")?;
    before.must_hold_in(&store, "after refusals").await
}

async fn large_values_are_kept_or_refused(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["a"]).await?;
    let large = SecretValue::text("x".repeat(1_200_000));
    debug_assert_eq!(large.kind(), MediaKind::Text);
    let before = Snapshot::of(&store).await?;
    match store.create(NewSecret::new(at("b"), large.clone())).await {
        Ok(_) => {
            let read = fixture.open()?.get(&at("b")).await.works("reading a large value")?;
            return ensure(read.value.same_as(&large), "the large value as it was", "another one");
        }
        answer => answer.refused("`create` with a large value", &[TooLarge])?,
    };
    let changed = store.modify(&at("a"), SecretChange::value(large)).await;
    changed.refused("`modify` to a large value", &[TooLarge])?;
    before.must_hold_in(&store, "after refusals").await?;
    store
        .create(NewSecret::new(at("b"), SecretValue::text("small")))
        .await
        .map(drop)
        .map_err(|error| broken("a small value to be taken after a large one was refused", error.to_string()))
}
