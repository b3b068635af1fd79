//! Which layer a read gives.

use keyway_client::Resolution;
use keyway_secrets::{SecretAddress, SecretStore};

use super::world::{DEFAULT, POLICIES, World, gives, gives_nothing};
use super::{Checked, SecretTrial};
use crate::ensure;
use crate::secrets::client::Missing;
use crate::secrets::orders::Asked;
use crate::secrets::refusal::Answer;
use crate::secrets::samples::{at, at_in, new_environment};
use crate::secrets::scene::{Client, ClientAnswer, Scene};

rules! {
    "SEC-200" Must needs ENVIRONMENTS from ["L1", "Locker/get", "Locker/retrieve"]
        "A client that resolves exactly reads the layer that it stands in and no other, and never falls back."
        exact_never_falls_back;
    "SEC-201" Must needs ENVIRONMENTS from ["L1", "Locker/get", "Locker/retrieve"]
        "A client that falls back gives the environment's secret first, else the shared one, and says which layer gave it."
        fallback_says_its_layer;
    "SEC-202" Must needs ENVIRONMENTS from ["L1"]
        "A fallback costs one more read of the store at most, and none when the environment has the secret."
        fallback_costs_one_read;
    "SEC-203" Must needs ENVIRONMENTS from ["L2", "L5", "Locker/errors"]
        "Under both policies, a client in an unknown environment answers that the environment is missing: no secret, no default, no creation."
        unknown_environment_is_its_own_error;
}

async fn exact_never_falls_back(trial: &SecretTrial<'_>) -> Checked {
    for _ in 0..2 {
        let scene = Scene::new(trial).await?;
        let world = World::random(trial);
        world.make(&scene.store).await?;
        for environment in world.layers.keys().map(Option::as_deref) {
            let client = scene.client.standing(environment, Resolution::Exact);
            scene.between.asked();
            agrees(&world, environment, Resolution::Exact, &client).await?;
            for asked in scene.between.asked() {
                if let Asked::Get(address) = asked {
                    let of = address.environment.as_ref().map(keyway_secrets::EnvironmentName::as_str);
                    ensure(
                        of == environment,
                        format!("reads of {environment:?} alone"),
                        format!("a read of {of:?}"),
                    )?;
                }
            }
        }
    }
    Ok(())
}

async fn fallback_says_its_layer(trial: &SecretTrial<'_>) -> Checked {
    for _ in 0..2 {
        let scene = Scene::new(trial).await?;
        let world = World::random(trial);
        world.make(&scene.store).await?;
        for environment in world.layers.keys().map(Option::as_deref) {
            let client = scene.client.standing(environment, Resolution::SharedFallback);
            agrees(&world, environment, Resolution::SharedFallback, &client).await?;
        }
    }
    Ok(())
}

/// Demands of every key of the world, and of one that is in none of its layers, that reads give
/// what the policy says.
async fn agrees(
    world: &World,
    environment: Option<&str>,
    policy: Resolution,
    client: &Client<'_>,
) -> Checked {
    let resolved = world.resolved(environment, policy);
    for key in world.keys() {
        match resolved.get(key) {
            Some((value, layer)) => gives(client, key, value, *layer, environment).await?,
            None => gives_nothing(client, key).await?,
        }
    }
    Ok(())
}

async fn fallback_costs_one_read(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    scene.store.create_environment(new_environment("e")).await.works("creating an environment")?;
    for address in [at("both"), at_in("both", "e"), at("shared"), at_in("own", "e")] {
        let secret = keyway_secrets::NewSecret::new(address, crate::secrets::samples::text("v"));
        scene.store.create(secret).await.works("creating a secret")?;
    }
    let own = |key: &str| -> SecretAddress { at_in(key, "e") };
    let shared = |key: &str| -> SecretAddress { at(key) };
    for (environment, key, wanted) in [
        (Some("e"), "both", vec![own("both")]),
        (Some("e"), "own", vec![own("own")]),
        (Some("e"), "shared", vec![own("shared"), shared("shared")]),
        (Some("e"), "neither", vec![own("neither"), shared("neither")]),
        (None, "both", vec![shared("both")]),
        (None, "neither", vec![shared("neither")]),
    ] {
        let client = scene.client.standing(environment, Resolution::SharedFallback);
        let wanted: Vec<_> = wanted.into_iter().map(Asked::Get).collect();
        for (what, asked) in [
            ("get", {
                let _ = client.get(key).await;
                scene.between.asked()
            }),
            ("get_or", {
                let _ = client.get_or(key, DEFAULT).await;
                scene.between.asked()
            }),
            ("get_required", {
                let _ = client.get_required(key).await;
                scene.between.asked()
            }),
            ("find", {
                let _ = client.find(key).await;
                scene.between.asked()
            }),
            ("retrieve", {
                let _ = client.retrieve(key).await;
                scene.between.asked()
            }),
        ] {
            ensure(
                asked == wanted,
                format!("`{what}` of {key:?} in {environment:?} to ask the store {wanted:?}"),
                format!("{asked:?}"),
            )?;
        }
    }
    Ok(())
}

async fn unknown_environment_is_its_own_error(trial: &SecretTrial<'_>) -> Checked {
    let scene = Scene::new(trial).await?;
    scene.store.create_environment(new_environment("E")).await.works("creating an environment")?;
    for address in [at("a"), at_in("a", "E")] {
        let secret = keyway_secrets::NewSecret::new(address, crate::secrets::samples::text("v"));
        scene.store.create(secret).await.works("creating a secret")?;
    }
    for policy in POLICIES {
        let client = scene.client.standing(Some("e"), policy);
        // What the shared layer has and what nobody has: it makes no difference.
        for key in ["a", "new"] {
            let what = |operation: &str| format!("`{operation}` of {key:?} in an unknown environment");
            let missing = Missing::Environment;
            let mut failures = vec![
                client.get(key).await.misses(&what("get"), missing)?,
                client.get_or(key, DEFAULT).await.misses(&what("get_or"), missing)?,
                client.get_required(key).await.misses(&what("get_required"), missing)?,
                client.find(key).await.misses(&what("find"), missing)?,
                client.retrieve(key).await.misses(&what("retrieve"), missing)?,
                client.list().await.misses(&what("list"), missing)?,
                client.list_names().await.misses(&what("list_names"), missing)?,
                client.create(key, "v").await.misses(&what("create"), missing)?,
                client.modify(key, "v").await.misses(&what("modify"), missing)?,
                client.delete(key).await.misses(&what("delete"), missing)?,
            ];
            failures.retain(|failure| !failure.user_message.contains("\"e\""));
            ensure(
                failures.is_empty(),
                "the environment's name in the message",
                format!("{} messages without it", failures.len()),
            )?;
        }
    }
    let listed = crate::secrets::picture::list_all_environments(&scene.store, 10).await?;
    ensure(listed.len() == 1, "one environment, as before", listed.len().to_string())
}
