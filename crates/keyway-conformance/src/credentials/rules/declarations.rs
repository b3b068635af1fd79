//! Rules about the declarations of a store, and about operations that it does not declare.

use keyway_credentials::{
    Account, CandidateQuestion, CheckIn, CredentialError, FetchOutcome, IntendedCall, Lease, LeaseId,
    LeaseRenewal, Verification,
};

use super::{Broken, Checked, SEEN, Session, StoreFixture, USED, broken, ensure, nobody, rules};
use crate::credentials::given::{KINDS, name, word};
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-001" Must from ["R1"]
        "The capabilities never change: whenever they are asked for, and of every handle."
        constant;
    "CRE-002" Must from ["S1", "SPS/passwords", "SPS/private_keys"]
        "A fetch of a kind that is not declared answers that it is not supported."
        absent_kinds;
    "CRE-003" Must from ["S2", "S4", "S10", "R2"]
        "Each operation whose capability is missing answers the error that it is not supported."
        absent;
    "CRE-004" Must needs SEEN from ["S1", "S3"]
        "An operation whose capability is missing checks nothing out, and nothing in."
        absent_without_effect;
    "CRE-005" Must from ["S2", "S10"]
        "A store that renews leases or rotates at a check-in gives leases; one that is prompt does not block."
        consistent;
}

async fn constant(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.open()?;
    let first = store.capabilities();
    let same = |now, when: &str| ensure(now == first, "the same capabilities", format!("others {when}"));
    same(store.capabilities(), "when they were asked for again")?;
    let session = fixture.session()?;
    for kind in fixture.kinds() {
        drop(session.fetch(kind, &nobody()?).await?);
    }
    same(store.capabilities(), "after fetches")?;
    same(fixture.open()?.capabilities(), "of another handle")
}

async fn absent_kinds(fixture: &StoreFixture<'_>) -> Checked {
    let (session, declared) = (fixture.session()?, fixture.kinds());
    let candidate = fixture.example(KINDS[0], 0).or_else(|_| nobody())?;
    for kind in KINDS.into_iter().filter(|kind| !declared.contains(kind)) {
        let observed = match session.fetch(kind, &candidate).await? {
            Ok(FetchOutcome::Unsupported) => continue,
            Ok(other) => word(&other).to_owned(),
            Err(error) => format!("an error: {}", fixture.clean(&error.to_string())),
        };
        return Err(broken(format!("`Unsupported` of `{}`, which is not declared", name(kind)), observed));
    }
    Ok(())
}

/// Calls each operation whose capability is missing. Returns the name of each, and its error if it failed.
async fn each_absent(
    session: &Session<'_, '_>,
) -> Result<Vec<(&'static str, Option<CredentialError>)>, Broken> {
    let (store, declared) = (session.open()?, session.declared());
    let text = |error: keyway_credentials::InvalidText| broken("a text of the kit", error.to_string());
    let lease = Lease::new(LeaseId::new("kit-no-such-lease").map_err(text)?);
    let (candidate, context) = (nobody()?, session.context()?);
    let account = Account::new("kit-no-such-account").map_err(text)?;
    let check_in = CheckIn::new(new_intent(), lease.clone(), candidate.clone(), context.clone(), USED);
    let mut answers = Vec::new();
    if !declared.own_accounts {
        let question = CandidateQuestion::accounts(context.clone());
        answers.push(("accounts", store.accounts(&question).await.err()));
    }
    if !declared.own_assets {
        let question = CandidateQuestion::assets(context.clone(), "kit", account);
        answers.push(("assets", store.assets(&question).await.err()));
    }
    if !declared.leases {
        answers.push(("check_in", store.check_in(&check_in).await.err()));
    }
    if !declared.renews {
        let renewal = LeaseRenewal::new(new_intent(), lease, candidate.clone(), context);
        answers.push(("renew", store.renew(&renewal).await.err()));
    }
    if !declared.verifies {
        answers.push(("verify", store.verify(&Verification::new(candidate.clone())).await.err()));
    }
    if !declared.reconciles {
        let mut calls = vec![IntendedCall::CheckIn(check_in)];
        if let Ok(kind) = session.kind() {
            calls.push(IntendedCall::Fetch(kind, session.request(&candidate)?));
        }
        for call in calls {
            answers.push(("reconcile", store.reconcile(&call.into()).await.err()));
        }
    }
    Ok(answers)
}

async fn absent(fixture: &StoreFixture<'_>) -> Checked {
    let answers = each_absent(&fixture.session()?).await?;
    if answers.is_empty() {
        return Err(Broken::Missing { capability: "an operation that is missing" });
    }
    for (operation, error) in answers {
        let observed = match error {
            Some(CredentialError::Unsupported { .. }) => continue,
            Some(error) => format!("another error: {error}"),
            None => "an answer".to_owned(),
        };
        return Err(broken(format!("that `{operation}` is not supported"), observed));
    }
    Ok(())
}

async fn absent_without_effect(fixture: &StoreFixture<'_>) -> Checked {
    let (session, declared) = (fixture.session()?, fixture.kinds());
    let candidate = fixture.example(KINDS[0], 0).or_else(|_| nobody())?;
    let before = fixture.held()?;
    for kind in KINDS.into_iter().filter(|kind| !declared.contains(kind)) {
        drop(session.fetch(kind, &candidate).await?);
    }
    each_absent(&session).await?;
    let same = fixture.held()? == before;
    ensure(same, "the same leases held as before", "others, after operations that are not declared")
}

async fn consistent(fixture: &StoreFixture<'_>) -> Checked {
    let declared = fixture.declared();
    let leased = declared.leases || !(declared.renews || declared.rotates);
    ensure(leased, "`leases` declared with `renews` and `rotates`", "it is not declared")?;
    ensure(!(declared.prompt && declared.blocking), "`prompt` or `blocking`", "both are declared")
}
