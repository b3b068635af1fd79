//! Tests which layer a read uses.

use keyway_secrets::SecretAddress;

use super::world::{POLICIES, World, gives, gives_nothing};
use super::{
    Asked, Checked, Client, ClientAnswer, ClientFixture, ENVIRONMENTS, Missing, READS, Resolution,
    StoreFixture, at, at_in, ensure, list_all_environments, rules,
};

rules! {
    in StoreFixture;
    "SEC-200" Must needs ENVIRONMENTS from ["L1", "Locker/get", "Locker/retrieve"]
        "A client that resolves exactly reads only its own layer, and never falls back."
        exact_never_falls_back;
    "SEC-201" Must needs ENVIRONMENTS from ["L1", "Locker/get", "Locker/retrieve"]
        "A client that falls back returns the environment's secret first, else the shared one, and names its layer."
        fallback_says_its_layer;
    "SEC-202" Must needs ENVIRONMENTS from ["L1"]
        "A fallback costs one more read of the store at most, and no further read if the environment has the secret."
        fallback_costs_one_read;
    "SEC-203" Must needs ENVIRONMENTS from ["L2", "L5", "Locker/errors"]
        "Under both policies, a client in an unknown environment answers that the environment is missing: no secret, no default, no creation."
        unknown_environment_is_its_own_error;
}

async fn exact_never_falls_back(fixture: &StoreFixture<'_>) -> Checked {
    for _ in 0..2 {
        let (fixture, world) = World::made(fixture).await?;
        for environment in world.layers.keys().map(Option::as_deref) {
            let client = fixture.client.in_scope(environment, Resolution::Exact);
            fixture.faults().asked();
            agrees(&world, environment, Resolution::Exact, &client).await?;
            for asked in fixture.faults().asked() {
                if let Asked::Get(address) = asked {
                    let of = address.environment.as_ref().map(keyway_secrets::EnvironmentName::as_str);
                    let expected = format!("reads of {environment:?} alone");
                    ensure(of == environment, expected, format!("a read of {of:?}"))?;
                }
            }
        }
    }
    Ok(())
}

async fn fallback_says_its_layer(fixture: &StoreFixture<'_>) -> Checked {
    for _ in 0..2 {
        let (fixture, world) = World::made(fixture).await?;
        for environment in world.layers.keys().map(Option::as_deref) {
            let client = fixture.client.in_scope(environment, Resolution::SharedFallback);
            agrees(&world, environment, Resolution::SharedFallback, &client).await?;
        }
    }
    Ok(())
}

/// Demands that reads follow the policy, for every key of the world and for a key that no layer has.
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

async fn fallback_costs_one_read(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(
        fixture,
        &["e"],
        &[at("both"), at_in("both", "e"), at("shared"), at_in("own", "e")],
    )
    .await?;
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
        let client = fixture.client.in_scope(environment, Resolution::SharedFallback);
        let wanted: Vec<_> = wanted.into_iter().map(Asked::Get).collect();
        for what in &READS[..5] {
            let _ = client.read(what, key).await;
            let asked = fixture.faults().asked();
            let expected = format!("`{what}` of {key:?} in {environment:?} to ask the store {wanted:?}");
            ensure(asked == wanted, expected, format!("{asked:?}"))?;
        }
    }
    Ok(())
}

async fn unknown_environment_is_its_own_error(fixture: &StoreFixture<'_>) -> Checked {
    let fixture = ClientFixture::new(fixture, &["E"], &[at("a"), at_in("a", "E")]).await?;
    for policy in POLICIES {
        let client = fixture.client.in_scope(Some("e"), policy);
        // The result must be the same whether or not the shared layer has the key.
        for key in ["a", "new"] {
            let what = |operation: &str| format!("`{operation}` of {key:?} in an unknown environment");
            let missing = Missing::Environment;
            let mut failures = Vec::new();
            for read in READS {
                failures.push(client.read(read, key).await.misses(&what(read), missing)?);
            }
            failures.extend([
                client.create(key, "v").await.misses(&what("create"), missing)?,
                client.modify(key, "v").await.misses(&what("modify"), missing)?,
            ]);
            if fixture.destroys() {
                failures.push(client.delete(key).await.misses(&what("delete"), missing)?);
            }
            failures.retain(|failure| !failure.user_message.contains("\"e\""));
            let observed = format!("{} messages without it", failures.len());
            ensure(failures.is_empty(), "the environment's name in the message", observed)?;
        }
    }
    let listed = list_all_environments(&fixture.store, 10).await?;
    ensure(listed.len() == 1, "one environment, as before", listed.len().to_string())
}
