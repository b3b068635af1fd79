//! Where a write goes (decision L4).

use keyway_client::Resolution;
use keyway_secrets::{NewSecret, SecretStore};

use super::world::POLICIES;
use super::{Checked, SecretTrial};
use crate::ensure;
use crate::secrets::client::Missing;
use crate::secrets::picture::Picture;
use crate::secrets::refusal::{Answer, Refusal};
use crate::secrets::samples::{at, at_in, new_environment, text};
use crate::secrets::scene::{ClientAnswer, Scene};

rules! {
    "SEC-205" Must needs ENVIRONMENTS from ["L4", "Locker/modify"]
        "`modify` and `delete` in an environment answer that the secret is missing when only the shared layer has it, and leave that as it is, its version too."
        writes_never_fall_through;
    "SEC-206" Must needs ENVIRONMENTS from ["L4", "Locker/create", "Locker/modify"]
        "A write changes the layer that the client stands in, under either policy, and nothing in any other."
        writes_stay_in_their_layer;
    "SEC-207" Must needs NOTHING from ["Locker/create", "Locker/modify", "Locker/get"]
        "What a client wrote is what it reads, also through another handle, and what it deleted is gone."
        writes_are_read;
}

async fn writes_never_fall_through(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    for name in ["e", "other"] {
        scene.store.create_environment(new_environment(name)).await.works("creating an environment")?;
    }
    for address in [at("a"), at_in("a", "other"), at_in("b", "e")] {
        scene.store.create(NewSecret::new(address, text("v"))).await.works("creating a secret")?;
    }
    let before = Picture::of(&scene.store).await?;
    for policy in POLICIES {
        let client = scene.client.standing(Some("e"), policy);
        client
            .modify("a", "changed")
            .await
            .misses("`modify` of a shared secret in an environment", Missing::Secret)?;
        client.delete("a").await.misses("`delete` of a shared secret in an environment", Missing::Secret)?;
        let client = scene.client.standing(None, policy);
        client
            .modify("b", "changed")
            .await
            .misses("`modify` of an environment's secret outside", Missing::Secret)?;
        client.delete("b").await.misses("`delete` of an environment's secret outside", Missing::Secret)?;
    }
    before.must_equal(&Picture::of(&scene.store).await?, "after writes that found nothing")
}

async fn writes_stay_in_their_layer(trial: &SecretTrial<'_>) -> Checked {
    for policy in POLICIES {
        let scene = Scene::new(trial).await?;
        scene.store.create_environment(new_environment("e")).await.works("creating an environment")?;
        for (environment, other) in [(Some("e"), None), (None, Some("e"))] {
            let address = |key: &str, environment: Option<&str>| match environment {
                None => at(key),
                Some(name) => at_in(key, name),
            };
            let key = environment.unwrap_or("shared");
            let (here, there) = (address(key, environment), address(key, other));
            scene
                .store
                .create(NewSecret::new(there.clone(), text("there")))
                .await
                .works("creating a secret")?;
            let before = scene.store.get(&there).await.works("reading it")?;
            let client = scene.client.standing(environment, policy);
            client.create(key, "here").await.works("`create` of what another layer has")?;
            let created = scene.store.get(&here).await.works("reading what was created")?;
            ensure(
                created.value.same_as(&text("here")),
                "the new secret where the client stands",
                "another value there",
            )?;
            client.modify(key, "changed").await.works("`modify` where the client stands")?;
            let changed = scene.store.get(&here).await.works("reading what was changed")?;
            ensure(changed.value.same_as(&text("changed")), "the changed value", "another value")?;
            client.delete(key).await.works("`delete` where the client stands")?;
            scene.store.get(&here).await.refused("reading what was deleted", &[Refusal::SecretNotFound])?;
            let after = scene.store.get(&there).await.works("reading what nobody touched")?;
            ensure(
                after.header == before.header && after.value.same_as(&before.value),
                format!("{:?} untouched", before.header),
                format!("{:?}, or another value", after.header),
            )?;
        }
    }
    Ok(())
}

async fn writes_are_read(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    let client = scene.client.standing(None, Resolution::Exact);
    for (key, value) in [("a", "v"), ("b", ""), ("c", " two\nlines ")] {
        client.create(key, value).await.works("`create`")?;
        reads(&scene, key, value).await?;
        client.modify(key, "changed").await.works("`modify`")?;
        reads(&scene, key, "changed").await?;
        client.delete(key).await.works("`delete`")?;
        super::world::gives_nothing(&client, key).await?;
        client.delete(key).await.misses("`delete` of what is gone", Missing::Secret)?;
        client.modify(key, "v").await.misses("`modify` of what is gone", Missing::Secret)?;
    }
    Ok(())
}

async fn reads(scene: &Scene<'_>, key: &str, value: &str) -> Checked {
    super::world::gives(&scene.client, key, &text(value), keyway_client::Layer::Shared, None).await?;
    let stored = scene.store.get(&at(key)).await.works("reading it past the client")?;
    ensure(stored.value.same_as(&text(value)), "the value that was written", "another one")
}
