//! Rules about hostile texts from outside: accounts, assets, and facts of the connection.

use keyway_credentials::{Candidate, CheckIn, Lease, LeaseId};

use super::{Broken, Checked, FOUND, Session, StoreFixture, USED, broken, nobody, placed, rules};
use crate::credentials::given::{Answer, name};
use crate::path_trap::PathTrap;
use crate::polled::answered;
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-120" Must from ["R4", "SPS/account", "SPS/asset"]
        "Whatever the account and the asset are, a fetch is answered or refused, without a panic and in time."
        odd_candidates;
    "CRE-121" Must from ["R4", "S11"]
        "Whatever the facts of the connection are, a fetch is answered or refused, without a panic and in time."
        odd_connections;
    "CRE-122" Must needs FOUND from ["R4", "SPS/way"]
        "After fetches with odd texts, the example is found."
        goes_on;
    "CRE-123" Must from ["K1", "SPS/account", "SPS/asset"]
        "Neither an account nor an asset is a path to a file."
        paths;
    "CRE-124" Must from ["K1", "S11"]
        "No fact of the connection is a path to a file."
        paths_in_facts;
    "CRE-125" Must from ["K1", "S2"]
        "No id of a lease is a path to a file."
        paths_in_leases;
}

fn odd_texts() -> Vec<(&'static str, String)> {
    vec![
        ("a long text", "x".repeat(512)),
        ("an odd text", "\u{202e}\u{feff}\u{1F600}'\"\\$(id)`id`;|&<>%s%n{}".to_owned()),
        ("blanks", "   ".to_owned()),
        ("dots", "..".to_owned()),
        ("a query", "' OR '1'='1' --".to_owned()),
        ("a text of two bytes a letter", "\u{e9}".repeat(255)),
    ]
}

/// Fetches each kind of credentials of an unusual account. Returns all answers as one text.
async fn fetched(session: &Session<'_, '_>, candidate: &Candidate, what: &str) -> Result<String, Broken> {
    let mut all = String::new();
    for kind in session.kinds() {
        all.push_str(&text(
            &answered(session.fetch(kind, candidate), session.in_time(), name(kind), what).await??,
        ));
        session.give_all_back().await;
    }
    Ok(all)
}

/// Returns an answer as text, with its credentials.
fn text(answer: &Answer) -> String {
    match answer {
        Ok(outcome) => {
            let secrets = outcome.clone().found().map(|found| found.credentials.secrets());
            format!("{outcome:?} {}", secrets.unwrap_or_default().join(" "))
        }
        Err(error) => super::provoked::all_words(error),
    }
}

async fn odd_candidates(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    for (what, odd) in odd_texts() {
        let known = fixture.example(fixture.kind()?, 0).or_else(|_| nobody())?;
        let odd = placed(&(odd.clone(), odd))?;
        fetched(&session, &odd, what).await?;
        fetched(&session, &Candidate::new(known.account.clone(), odd.asset.clone()), what).await?;
        fetched(&session, &Candidate::new(odd.account, known.asset), what).await?;
    }
    Ok(())
}

/// Begins a session whose facts are all the same text.
fn with_facts<'f, 'a>(fixture: &'f StoreFixture<'a>, fact: &str) -> Result<Session<'f, 'a>, Broken> {
    let mut session = fixture.session()?;
    session.change(|it| {
        for field in [
            &mut it.protocol,
            &mut it.connection_name,
            &mut it.client_ip,
            &mut it.client_hostname,
            &mut it.gateway_domain,
            &mut it.gateway_username,
            &mut it.server_domain,
            &mut it.server_ip,
            &mut it.server_hostname,
            &mut it.server_username,
        ] {
            *field = Some(fact.to_owned());
        }
        it.gateway_password = Some(fact.into());
        it.gateway_groups = vec![fact.to_owned(); 3];
        it.key_value_pairs.insert(fact.to_owned(), keyway_credentials::Json::text(fact));
    });
    Ok(session)
}

async fn odd_connections(fixture: &StoreFixture<'_>) -> Checked {
    let candidate = fixture.example(fixture.kind()?, 0).or_else(|_| nobody())?;
    let empty = [("an empty text", String::new()), ("control characters", "\0\n\u{1b}[2J".to_owned())];
    for (what, odd) in odd_texts().into_iter().chain(empty) {
        fetched(&with_facts(fixture, &odd)?, &candidate, what).await?;
    }
    let mut session = fixture.session()?;
    session.change(|it| *it = keyway_credentials::Connection::new(it.session_id.clone()));
    fetched(&session, &candidate, "no fact at all").await.map(drop)
}

async fn goes_on(fixture: &StoreFixture<'_>) -> Checked {
    // Other rules check whether these calls are answered.
    drop(odd_candidates(fixture).await);
    drop(odd_connections(fixture).await);
    fixture.session()?.example_found(0).await.map(drop)
}

async fn paths(fixture: &StoreFixture<'_>) -> Checked {
    let trap = PathTrap::new(fixture.canary("file"))?;
    let session = fixture.session()?;
    for (form, path) in trap.names() {
        let known = fixture.example(fixture.kind()?, 0).or_else(|_| nobody())?;
        let path = placed(&(path.clone(), path))?;
        let mut all = fetched(&session, &path, form).await?;
        all.push_str(&fetched(&session, &Candidate::new(known.account, path.asset), form).await?);
        trap.is_harmless(&all, "an account or an asset", form)?;
    }
    Ok(())
}

async fn paths_in_facts(fixture: &StoreFixture<'_>) -> Checked {
    let trap = PathTrap::new(fixture.canary("file"))?;
    let candidate = fixture.example(fixture.kind()?, 0).or_else(|_| nobody())?;
    for (form, path) in trap.names() {
        let all = fetched(&with_facts(fixture, &path)?, &candidate, form).await?;
        trap.is_harmless(&all, "a fact of the connection", form)?;
    }
    Ok(())
}

async fn paths_in_leases(fixture: &StoreFixture<'_>) -> Checked {
    let trap = PathTrap::new(fixture.canary("file"))?;
    super::intents::declared(fixture.declared().leases, "leases")?;
    let session = fixture.session()?;
    for (form, path) in trap.names() {
        let id = LeaseId::new(path).map_err(|error| broken("a path as a lease id", error.to_string()))?;
        let (candidate, context) = (nobody()?, session.context()?);
        let check_in = CheckIn::new(new_intent(), Lease::new(id), candidate, context, USED);
        let answer = answered(session.give_back(&check_in), session.in_time(), "check_in", form).await??;
        let all =
            answer.map_or_else(|error| super::provoked::all_words(&error), |answer| format!("{answer:?}"));
        trap.is_harmless(&all, "the id of a lease", form)?;
    }
    Ok(())
}
