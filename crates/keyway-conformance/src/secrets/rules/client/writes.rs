//! Tests which layer a write changes.

use keyway_secrets::SecretStore;

use super::world::POLICIES;
use super::{
    Answer, Checked, ClientAnswer, ClientFixture, ENVIRONMENTS, Missing, Resolution, SecretNotFound,
    Snapshot, StoreFixture, at, at_in, at_layer, ensure, put, rules, text,
};

rules! {
    in StoreFixture;
    "SEC-205" Must needs ENVIRONMENTS from ["L4", "Locker/modify"]
        "`modify` and `delete` in an environment answer that the secret is missing if only the shared layer has it, and leave that secret unchanged, its version too."
        writes_never_fall_through;
    "SEC-206" Must needs ENVIRONMENTS from ["L4", "Locker/create", "Locker/modify"]
        "A write changes only the client's own layer, under either policy."
        writes_stay_in_their_layer;
    "SEC-207" Must from ["Locker/create", "Locker/modify", "Locker/get"]
        "A client reads its own writes, also through another handle, and a deleted secret is gone."
        writes_are_read;
}

async fn writes_never_fall_through(fixture: &StoreFixture<'_>) -> Checked {
    let secrets = [at("a"), at_in("a", "other"), at_in("b", "e")];
    let fixture = ClientFixture::new(fixture, &["e", "other"], &secrets).await?;
    let before = Snapshot::of(&fixture.store).await?;
    for policy in POLICIES {
        let client = fixture.client.in_scope(Some("e"), policy);
        let modified = client.modify("a", "changed").await;
        modified.misses("`modify` of a shared secret in an environment", Missing::Secret)?;
        if fixture.destroys() {
            client
                .delete("a")
                .await
                .misses("`delete` of a shared secret in an environment", Missing::Secret)?;
        }
        let client = fixture.client.in_scope(None, policy);
        let modified = client.modify("b", "changed").await;
        modified.misses("`modify` of an environment's secret outside", Missing::Secret)?;
        if fixture.destroys() {
            client
                .delete("b")
                .await
                .misses("`delete` of an environment's secret outside", Missing::Secret)?;
        }
    }
    before.must_hold_in(&fixture.store, "after writes that found nothing").await
}

async fn writes_stay_in_their_layer(fixture: &StoreFixture<'_>) -> Checked {
    for policy in POLICIES {
        let fixture = ClientFixture::new(fixture, &["e"], &[]).await?;
        for (environment, other) in [(Some("e"), None), (None, Some("e"))] {
            let key = environment.unwrap_or("shared");
            let (here, there) = (at_layer(key, environment), at_layer(key, other));
            put(&fixture.store, there.clone(), "there").await?;
            let before = fixture.store.get(&there).await.works("reading it")?;
            let client = fixture.client.in_scope(environment, policy);
            client.create(key, "here").await.works("`create` of what another layer has")?;
            let created = fixture.store.get(&here).await.works("reading what was created")?;
            let same = created.value.same_as(&text("here"));
            ensure(same, "the new secret where the client stands", "another value there")?;
            client.modify(key, "changed").await.works("`modify` where the client stands")?;
            let changed = fixture.store.get(&here).await.works("reading what was changed")?;
            ensure(changed.value.same_as(&text("changed")), "the changed value", "another value")?;
            if fixture.destroys() {
                client.delete(key).await.works("`delete` where the client stands")?;
                fixture.store.get(&here).await.refused("reading what was deleted", &[SecretNotFound])?;
            }
            let after = fixture.store.get(&there).await.works("reading what nobody touched")?;
            let same = after.header == before.header && after.value.same_as(&before.value);
            let observed = format!("{:?}, or another value", after.header);
            ensure(same, format!("{:?} untouched", before.header), observed)?;
        }
    }
    Ok(())
}

async fn writes_are_read(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &[], &[]).await?;
    let client = fixture.client.in_scope(None, Resolution::Exact);
    for (key, value) in [("a", "v"), ("b", ""), ("c", " two\nlines ")] {
        client.create(key, value).await.works("`create`")?;
        reads(&fixture, key, value).await?;
        client.modify(key, "changed").await.works("`modify`")?;
        reads(&fixture, key, "changed").await?;
        if !fixture.destroys() {
            continue;
        }
        client.delete(key).await.works("`delete`")?;
        super::world::gives_nothing(&client, key).await?;
        client.delete(key).await.misses("`delete` of what is gone", Missing::Secret)?;
        client.modify(key, "v").await.misses("`modify` of what is gone", Missing::Secret)?;
    }
    Ok(())
}

async fn reads(fixture: &ClientFixture<'_>, key: &str, value: &str) -> Checked {
    super::world::gives(&fixture.client, key, &text(value), keyway_client::Layer::Shared, None).await?;
    let stored = fixture.store.get(&at(key)).await.works("reading it past the client")?;
    ensure(stored.value.same_as(&text(value)), "the value that was written", "another one")
}
