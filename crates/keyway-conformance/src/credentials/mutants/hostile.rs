//! Mutants that fail under concurrent calls, take too long, trust texts from outside, or reveal secrets, and mutants
//! whose candidates and verifications are wrong.

use std::fs;
use std::future::pending;
use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use keyway_credentials::{
    Account, Busy, Candidates, CredentialError, CredentialStore as _, Denial, FetchOutcome, Verified,
};

use super::plugin::{account_of, login_of, store_mutant};
use super::{CredentialSubject, mutants, operation};
use crate::lock::locked;

const LONG: Duration = Duration::from_millis(200);

/// Tells whether a text is a path of the kit. A mutant must not touch other files.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.']) && text.len() > 8
}

mutants! {
    for CredentialSubject, by store_mutant;
    ListsTwice breaks ["CRE-095"] "lists an account twice"
        (accounts |mutant, _question| {
            let _ = mutant;
            let root = Account::new("root")?;
            Ok(Candidates::new([root.clone(), root].into_iter()))
        })
    ListsNoAccounts breaks ["CRE-095", "CRE-098"] "lists none of its accounts"
        (accounts |mutant, _question| {
            let _ = mutant;
            Ok(Candidates::new(std::iter::empty()))
        })
    ListsOtherAccounts breaks ["CRE-095"] "lists an account that it does not have in place of its own"
        (accounts |mutant, _question| {
            let _ = mutant;
            Ok(Candidates::new([Account::new("other")?].into_iter()))
        })
    ListsAssetsTwice breaks ["CRE-096"] "lists an asset twice"
        (assets |mutant, question| {
            let first = mutant.store.assets(question).await?.next().await?;
            Ok(Candidates::new(first.clone().into_iter().chain(first)))
        })
    ListsForAnyGenerator breaks ["CRE-097"] "has assets for a generator that it does not know"
        (assets |mutant, question| {
            let mut known = question.clone();
            known.generator = Some("own".to_owned());
            mutant.store.assets(&known).await
        })
    ListsAtOnce breaks ["CRE-098"] "collects all accounts before it gives the first"
        (accounts |mutant, question| {
            tokio::time::sleep(Duration::from_secs(31)).await;
            mutant.store.accounts(question).await
        })
    ChecksOutLists breaks ["CRE-099"] "checks out to list accounts"
        (accounts |mutant, question| {
            mutant.check_out_another(&question.session).await?;
            mutant.store.accounts(question).await
        })
    VerifiesAll breaks ["CRE-100", "CRE-101"] "says of all credentials that they open"
        (verify |mutant, _verification| {
            let _ = mutant;
            Ok(Verified::Opens)
        })
    VerifiesByCheckOut breaks ["CRE-102"] "checks out to verify"
        (verify |mutant, verification| {
            let session = keyway_credentials::SessionId::new("verify")?;
            let session = keyway_credentials::Connection::new(session);
            mutant.check_out_another(&keyway_credentials::SessionContext::new(session)).await?;
            mutant.store.verify(verification).await
        })
    FailsWhenBusy breaks ["CRE-115"] "fails a fetch while it works on another"
        (passwords |mutant, fetch| {
            let slot = mutant.notes.slot.try_acquire();
            let _slot = slot.map_err(|_| CredentialError::refused("It is busy.", "a fetch has not ended"))?;
            tokio::time::sleep(LONG).await;
            mutant.store.passwords(fetch).await
        })
    FindsOneAtATime breaks ["CRE-115"] "finds nothing while it works on another fetch"
        (passwords |mutant, fetch| {
            let Ok(_slot) = mutant.notes.slot.try_acquire() else { return Ok(FetchOutcome::NotFound) };
            tokio::time::sleep(LONG).await;
            mutant.store.passwords(fetch).await
        })
    YieldsToItself breaks ["CRE-115", "CRE-116"] "says of all fetches that come at once that the account is busy"
        (passwords |mutant, fetch| {
            let busy = || Ok(FetchOutcome::Busy(Busy::new()));
            let Ok(_slot) = mutant.notes.slot.try_acquire() else {
                mutant.notes.flag.store(true, Ordering::SeqCst);
                return busy();
            };
            tokio::time::sleep(LONG).await;
            if mutant.notes.flag.load(Ordering::SeqCst) { busy() } else { mutant.store.passwords(fetch).await }
        })
    Blocks breaks ["CRE-117"] "sleeps in a call, and does not declare that it blocks"
        (passwords |mutant, fetch| {
            sleep(LONG);
            mutant.store.passwords(fetch).await
        })
    BlocksOnlyForNewIntents breaks ["CRE-117"] "sleeps when it is told of an event for the first time"
        (session_ended |mutant, event| {
            let intent = event.intent.to_string();
            if !locked(&mutant.vault.texts).contains(&intent) {
                locked(&mutant.vault.texts).push(intent);
                sleep(LONG);
            }
            mutant.store.session_ended(event).await
        })
    IsNotPrompt of reading breaks ["CRE-118"] "works for long in one poll, and declares to be prompt"
        (passwords |mutant, fetch| {
            sleep(LONG);
            mutant.store.passwords(fetch).await
        })
    Hangs breaks ["CRE-119"] "waits for keys for ever"
        (private_keys |mutant, _fetch| {
            let _ = mutant;
            pending().await
        })
    PanicsOnLongAccounts breaks ["CRE-120"] "takes it for granted that an account is short"
        (passwords |mutant, fetch| {
            assert!(account_of(fetch).len() < 100 , "they are always short");
            mutant.store.passwords(fetch).await
        })
    PanicsOnOddFacts breaks ["CRE-121"] "takes it for granted that there is a protocol"
        (passwords |mutant, fetch| {
            assert!(fetch.session.connection.protocol.as_deref() != Some(""), "there is always one");
            mutant.store.passwords(fetch).await
        })
    IsHurtByOddAccounts breaks ["CRE-122"] "refuses all fetches after one of an odd account"
        (passwords |mutant, fetch| {
            if mutant.vault.flag.load(Ordering::SeqCst) {
                return Err(CredentialError::refused("It is closed.", "there was an odd account"));
            }
            mutant.vault.flag.fetch_or(account_of(fetch).contains('$'), Ordering::SeqCst);
            mutant.store.passwords(fetch).await
        })
    ReadsTheAccount breaks ["CRE-123"] "takes an account for a path"
        (passwords |mutant, fetch| {
            if let (true, Ok(text)) = (is_path(account_of(fetch)), fs::read_to_string(account_of(fetch))) {
                return Ok(FetchOutcome::Denied(Denial::new(format!("it is not a vault: {text}"))));
            }
            mutant.store.passwords(fetch).await
        })
    WritesTheDomain breaks ["CRE-124"] "takes the domain of the user for a path"
        (passwords |mutant, fetch| {
            let domain = fetch.session.connection.gateway_domain.as_deref().unwrap_or_default();
            if is_path(domain) {
                drop(fs::write(domain, "a ticket"));
            }
            mutant.store.passwords(fetch).await
        })
    RemovesTheLease breaks ["CRE-125"] "takes the id of a lease for a path"
        (check_in |mutant, check_in| {
            if is_path(check_in.lease.id.as_str()) {
                drop(fs::remove_file(check_in.lease.id.as_str()));
            }
            mutant.store.check_in(check_in).await
        })
    SaysNothingOfAnError breaks ["CRE-130"] "fails without a word"
        (passwords |mutant, fetch| {
            mutant.store.passwords(fetch).await.map_err(|_| CredentialError::refused("", "-"))
        })
    RepeatsTheLogin breaks ["CRE-131"] "repeats the user's login in an error"
        (passwords |mutant, fetch| {
            let login = login_of(&fetch.session).to_owned();
            let said = move |_| CredentialError::refused("No.", format!("the vault refuses alice:{login}"));
            mutant.store.passwords(fetch).await.map_err(said)
        })
    TracesThePassword breaks ["CRE-132"] "traces the password"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            if let FetchOutcome::Found(found) = &outcome {
                tracing::debug!(password = found.credentials.first().expose(), "fetched");
            }
            Ok(outcome)
        })
    ShowsTheLogin breaks ["CRE-133"] "shows the user's login in its debugging text"
        (passwords |mutant, fetch| {
            locked(&mutant.notes.texts).push(login_of(&fetch.session).to_owned());
            mutant.store.passwords(fetch).await
        })
    PrintsThePassword breaks ["CRE-134"] "prints the password"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            if let FetchOutcome::Found(found) = &outcome {
                drop(writeln!(std::io::stderr(), "fetched {}", found.credentials.first().expose()));
            }
            Ok(outcome)
        })
}
