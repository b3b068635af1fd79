//! Rules about accounts and assets that a store lists itself.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

use keyway_credentials::{Account, Asset, CandidateQuestion, Candidates};

use super::{Broken, Checked, OWN_ACCOUNTS, OWN_ASSETS, StoreFixture, broken, ensure, nobody, rules};

rules! {
    in StoreFixture;
    "CRE-095" Must needs OWN_ACCOUNTS from ["S4", "SPS/accounts"]
        "The accounts of the store's own are listed, each once."
        accounts;
    "CRE-096" Must needs OWN_ASSETS from ["S4", "SPS/assets"]
        "The assets of a generator of the store's own are listed, each once."
        assets;
    "CRE-097" Must needs OWN_ASSETS from ["S4", "SPS/assets"]
        "A generator that the store does not know has no assets."
        unknown_generator;
    "CRE-098" Must needs OWN_ACCOUNTS from ["S4", "SPS/accounts"]
        "The first account comes within 30 seconds, as a host demands, without those that the host may never ask for."
        lazy;
    "CRE-099" Must from ["S4", "S3"]
        "Listing accounts and assets checks nothing out, and a list may be dropped."
        without_effect;
}

/// The maximum number of candidates that the kit reads.
const MOST: usize = 10_000;

/// Reads a list to its end, or to the kit's maximum, and returns its candidates. Each must occur once.
async fn each_once<T: Eq + Hash + Debug>(
    mut list: Candidates<T>,
    fixture: &StoreFixture<'_>,
) -> Result<HashSet<T>, Broken> {
    let mut seen = HashSet::new();
    while seen.len() < MOST {
        match list.next().await {
            Ok(Some(candidate)) => {
                ensure(seen.insert(candidate), "each candidate once", "one that comes twice")?;
            }
            Ok(None) => break,
            Err(error) => return Err(fixture.unexpected("the list", &error)),
        }
    }
    Ok(seen)
}

async fn account_list(fixture: &StoreFixture<'_>) -> Result<Candidates<Account>, Broken> {
    let question = CandidateQuestion::accounts(fixture.session()?.context()?);
    fixture.open()?.accounts(&question).await.map_err(|error| fixture.unexpected("accounts", &error))
}

async fn asset_list(fixture: &StoreFixture<'_>, generator: &str) -> Result<Candidates<Asset>, Broken> {
    let candidate = fixture.example(fixture.kind()?, 0).or_else(|_| nobody())?;
    let context = fixture.session()?.context()?;
    let question = CandidateQuestion::assets(context, generator, candidate.account);
    fixture.open()?.assets(&question).await.map_err(|error| fixture.unexpected("assets", &error))
}

async fn accounts(fixture: &StoreFixture<'_>) -> Checked {
    let seen = each_once(account_list(fixture).await?, fixture).await?;
    some_account(fixture, !seen.is_empty())?;
    let own = fixture.subject().own_account.as_deref();
    let is_seen = |own| seen.len() >= MOST || seen.iter().any(|account| account.as_str() == own);
    ensure(own.is_none_or(is_seen), "the account that was named", "only others")
}

/// Demands that an account is listed. A store may list none for the kit's session, unless an account is named.
fn some_account(fixture: &StoreFixture<'_>, is_listed: bool) -> Checked {
    match (&fixture.subject().own_account, is_listed) {
        (_, true) => Ok(()),
        (Some(_), false) => Err(broken("the account that was named", "an empty list")),
        (None, false) => Err(Broken::Missing { capability: "own account" }),
    }
}

async fn assets(fixture: &StoreFixture<'_>) -> Checked {
    let generator = fixture.subject().generator.as_deref();
    let generator = generator.ok_or(Broken::Missing { capability: "generator" })?;
    let count = each_once(asset_list(fixture, generator).await?, fixture).await?.len();
    ensure(count > 0, "assets of the generator that was named", "none")
}

async fn unknown_generator(fixture: &StoreFixture<'_>) -> Checked {
    let count = each_once(asset_list(fixture, "kit-no-such-generator").await?, fixture).await?.len();
    ensure(count == 0, "no assets of an unknown generator", count.to_string())
}

async fn lazy(fixture: &StoreFixture<'_>) -> Checked {
    let first = async {
        account_list(fixture).await?.next().await.map_err(|error| fixture.unexpected("next", &error))
    };
    let in_time = fixture.in_time();
    let answer = tokio::time::timeout(in_time, first).await;
    let first = answer.map_err(|_| broken(format!("the first account within {in_time:?}"), "none yet"))?;
    some_account(fixture, first?.is_some())
}

async fn without_effect(fixture: &StoreFixture<'_>) -> Checked {
    let declared = fixture.declared();
    let before = fixture.held()?;
    if declared.own_accounts {
        drop(account_list(fixture).await?.next().await);
    }
    if declared.own_assets {
        let generator = fixture.subject().generator.as_deref().unwrap_or_default();
        drop(asset_list(fixture, generator).await?.next().await);
    }
    super::intents::declared(declared.own_accounts || declared.own_assets, "candidates of the store's own")?;
    ensure(fixture.held()? == before, "the same leases held as before", "others, after lists")
}
