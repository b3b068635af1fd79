//! Tests bulk writes: they apply all writes or none, in order, and within limits.

use keyway_core::SecretValue;
use keyway_secrets::{
    NewSecret, SecretAddress, SecretChange, SecretName, SecretStore, SecretWrite, StoreError,
};

use super::{
    Answer, BULK, Broken, Checked, ExpectedError, Invalid, InvalidName, NO_BULK, SecretExists,
    SecretNotFound, Snapshot, StoreFixture, TooLarge, Unsupported, VersionConflict, at, broken, ensure, new,
    polled, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-190" Must needs BULK from ["Contract/bulk", "Convection/create", "Convection/modify"]
        "A bulk write carries out each of its writes, and returns their headers in their order."
        writes_in_order;
    "SEC-191" Must needs BULK from ["Contract/bulk", "C5", "C6"]
        "If one write is refused, the whole bulk write writes nothing, and its error names that write."
        one_refusal_refuses_all;
    "SEC-192" Must needs BULK from ["Contract/bulk", "C6"]
        "A bulk write that exceeds the declared limits, or writes to one secret twice, is refused before any data is touched."
        limits_are_kept;
    "SEC-193" Must needs BULK from ["Contract/bulk", "Contract/cancellation", "C6"]
        "A bulk write that is dropped, or that meets a storage failure, writes all or nothing."
        interrupted_batches_are_whole;
    "SEC-194" Must needs NO_BULK from ["Contract/bulk", "Principle/declared"]
        "Without bulk writes, one answers `Unsupported` and changes nothing."
        no_bulk_writes;
}

fn create(name: &str) -> SecretWrite {
    SecretWrite::Create(new(name, &format!("value of {name}")))
}

fn modify(name: &str, value: &str) -> SecretWrite {
    SecretWrite::Modify(at(name), SecretChange::value(text(value)))
}

async fn writes_in_order(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["m", "untouched"]).await?;
    let nothing = store.write_all(Vec::new()).await.works("a bulk write of nothing")?;
    ensure(nothing.is_empty(), "no header", nothing.len().to_string())?;
    let writes = vec![create("z"), modify("m", "changed"), create("a"), create("b")];
    let headers = store.write_all(writes.clone()).await.works("a bulk write")?;
    let wanted: Vec<_> = writes.iter().map(SecretWrite::address).collect();
    let found: Vec<_> = headers.iter().map(|header| &header.address).collect();
    ensure(found == wanted, format!("headers of {wanted:?}"), format!("{found:?}"))?;
    for handle in [&store, &fixture.open()?] {
        for (header, value) in headers.iter().zip(["value of z", "changed", "value of a", "value of b"]) {
            let read = handle.get(&header.address).await.works("a read")?;
            ensure(read.value.expose_text() == Some(value), "the value that was written", "another one")?;
            ensure(read.header == *header, format!("{header:?}"), format!("{:?}", read.header))?;
        }
        let all = Snapshot::of(handle).await?.secrets.len();
        ensure(all == 5, "5 secrets", all.to_string())?;
    }
    Ok(())
}

/// Lists writes that a store with the secret `there` refuses.
fn refused_writes(fixture: &StoreFixture<'_>, stale: SecretChange) -> Vec<(SecretWrite, ExpectedError)> {
    let name = SecretName::of_existing("a\u{0}");
    let mut all = vec![
        (create("there"), SecretExists),
        (modify("missing", "v"), SecretNotFound),
        (SecretWrite::Create(NewSecret::new(SecretAddress::shared(name), text("v"))), InvalidName),
    ];
    if fixture.subject().capabilities().versions {
        all.push((SecretWrite::Modify(at("there"), stale), VersionConflict));
    }
    all
}

async fn one_refusal_refuses_all(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.filled(&["there", "m"]).await?;
    let first = store.get(&at("there")).await.works("a read")?.header;
    store.modify(&at("there"), SecretChange::value(text("again"))).await.works("a change")?;
    let before = Snapshot::of(&store).await?;
    let stale = SecretChange::value(text("v")).if_unchanged(&first);
    for (refused, error) in refused_writes(fixture, stale) {
        for position in 0..3 {
            let mut writes = vec![create("a"), modify("m", "changed")];
            writes.insert(position, refused.clone());
            let refusal = store.write_all(writes).await.refused("a bulk write", &[error])?;
            let observed = format!("{refusal}");
            let named = matches!(refusal, StoreError::InBatch { at, .. } if at == position);
            ensure(named, format!("a refusal of write {position}"), observed)?;
            before.must_hold_in(&store, "after a bulk write was refused").await?;
        }
    }
    before.must_hold_in(&fixture.open()?, "after a restart").await
}

/// The limits from which on the kit does not try to exceed them. A test of a larger limit would mainly test the
/// machine.
const TRIED_WRITES: usize = 100_000;
const TRIED_BYTES: usize = 64 << 20;

async fn limits_are_kept(fixture: &StoreFixture<'_>) -> Checked {
    let Some(limits) = fixture.subject().capabilities().bulk else {
        return Err(Broken::Missing { capability: "bulk writes" });
    };
    ensure(limits.writes > 1 && limits.bytes > 100, "room for two writes", format!("{limits:?}"))?;
    let (store, before) = fixture.seen(&["m"]).await?;
    let names = |count: usize| (0..count).map(|number| create(&number.to_string())).collect::<Vec<_>>();
    let mut refused = vec![
        ("one secret twice", vec![create("a"), create("a")]),
        ("a change of a new secret", vec![create("a"), modify("a", "v")]),
    ];
    if limits.writes < TRIED_WRITES {
        refused.push(("too many writes", names(limits.writes + 1)));
    }
    if limits.bytes < TRIED_BYTES {
        let large = SecretValue::text("v".repeat(limits.bytes / 2 + 1));
        let large = |name| SecretWrite::Create(NewSecret::new(at(name), large.clone()));
        refused.push(("too many bytes", vec![large("a"), large("b")]));
    }
    for (what, writes) in refused {
        store.write_all(writes).await.refused(what, &[TooLarge, Invalid])?;
        before.must_hold_in(&store, "after a bulk write was refused").await?;
    }
    let most = limits.writes.min(limits.bytes / 100).min(200);
    let written = store.write_all(names(most)).await.works("the largest batch")?.len();
    ensure(written == most, format!("{most} headers"), written.to_string())
}

async fn interrupted_batches_are_whole(fixture: &StoreFixture<'_>) -> Checked {
    for round in 0..400_u32 {
        let fixture = fixture.fresh()?;
        let (store, before) = fixture.seen(&["m", "n"]).await?;
        let writes = vec![create("a"), modify("m", "changed"), create("b"), modify("n", "changed")];
        let (step, drops) = (round / 2, round % 2 == 0);
        let answer = if drops {
            polled(usize::try_from(step).unwrap_or(0), store.write_all(writes)).await
        } else {
            fixture.fail_storage(u64::from(step), step % 2 == 0, false);
            Some(store.write_all(writes).await)
        };
        let has_failed = fixture.storage().recover();
        let after = Snapshot::of(&fixture.open()?).await?;
        let changed = |name| {
            after.secrets.get(&at(name)).is_some_and(|(_, value)| value.expose_text() == Some("changed"))
        };
        let written = [after.secrets.len() == 4, changed("m"), changed("n")];
        let all = written == [true; 3];
        let observed = "a part of them".to_owned();
        ensure(all || before.difference(&after).is_none(), "all writes or none", observed)?;
        ensure(all || !matches!(answer, Some(Ok(_))), "the effect that was acknowledged", "none")?;
        if answer.is_some() && !has_failed && step > 20 {
            return Ok(());
        }
    }
    Err(broken("a bulk write within 200 polls and operations", "more"))
}

async fn no_bulk_writes(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["m"]).await?;
    for writes in [Vec::new(), vec![create("a")], vec![modify("m", "v"), create("a")]] {
        store.write_all(writes).await.refused("a bulk write", &[Unsupported])?;
    }
    before.must_hold_in(&store, "after refusals").await
}
