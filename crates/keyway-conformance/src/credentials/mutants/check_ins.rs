//! Mutants that check in too much, too little, or at the wrong time, and mutants that keep state in the wrong place.

use keyway_core::ErrorKind;
use keyway_core::PluginError as _;
use keyway_credentials::{
    CheckInReason, CheckedIn, CredentialError, CredentialStore as _, FetchOutcome, LeaseId, Rotation,
};

use super::plugin::{new_intent, store_mutant};
use super::{CredentialSubject, mutants, operation};
use crate::lock::locked;

/// The answer to a check-in that has no effect.
const NOTHING: CheckedIn = CheckedIn::new(Rotation::NotRotated);

mutants! {
    for CredentialSubject, by store_mutant;
    RefusesToBeForced breaks ["CRE-050"] "does not take back what an operator takes"
        (check_in |mutant, check_in| match check_in.reason {
            CheckInReason::Forced { .. } => Err(CredentialError::refused("No.", "it is in use")),
            _ => mutant.store.check_in(check_in).await,
        })
    ForgetsWhatWasNotAccepted breaks ["CRE-050"] "keeps what the target did not accept"
        (check_in |mutant, check_in| match check_in.reason {
            CheckInReason::AuthenticationFailed => Ok(NOTHING),
            _ => mutant.store.check_in(check_in).await,
        })
    FailsTwice breaks ["CRE-051"] "fails a check-in that is repeated (L6)"
        (check_in |mutant, check_in| {
            let id = check_in.lease.id.to_string();
            if !id.starts_with("kit") && !mutant.store.held().contains(&id) {
                return Err(CredentialError::UnknownLease { lease: check_in.lease.id.clone() });
            }
            mutant.store.check_in(check_in).await
        })
    FailsForUnknownLeases breaks ["CRE-052"] "fails the check-in of a lease that it does not know"
        (check_in |mutant, check_in| match check_in.lease.id.as_str() {
            id if id.starts_with("kit") => {
                Err(CredentialError::UnknownLease { lease: check_in.lease.id.clone() })
            }
            _ => mutant.store.check_in(check_in).await,
        })
    GivesBackAll breaks ["CRE-053"] "gives back all leases with one (L7)"
        (check_in |mutant, check_in| {
            let answer = mutant.store.check_in(check_in).await;
            mutant.check_in_all(&check_in.session).await?;
            answer
        })
    GivesBackTheLast breaks ["CRE-053"] "gives back the last lease of the session instead of the one that it is given (L5, L7)"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            if let FetchOutcome::Found(found) = &outcome {
                let id = found.lease.as_ref().map_or("", |lease| lease.id.as_str());
                fetch.session.cookie.set("lease", id)?;
            }
            Ok(outcome)
        },
        check_in |mutant, check_in| {
            let mut last = check_in.clone();
            if let Some(id) = check_in.session.cookie.text("lease") {
                last.lease.id = LeaseId::new(id.expose())?;
            }
            mutant.store.check_in(&last).await
        })
    GivesBackOnce breaks ["CRE-054"] "notes in the cookie that it has given back, and never does so again (L1)"
        (check_in |mutant, check_in| {
            if check_in.session.cookie.get("check_in_called").is_some() {
                return Ok(NOTHING);
            }
            check_in.session.cookie.set("check_in_called", true)?;
            mutant.store.check_in(check_in).await
        })
    ForgetsTheAccount breaks ["CRE-055"] "forgets the account of a session when the next fetch is in vain (L3, L5)"
        (passwords |mutant, fetch| {
            fetch.session.cookie.set("account", true)?;
            let answer = mutant.store.passwords(fetch).await;
            if !matches!(answer, Ok(FetchOutcome::Found(_))) {
                fetch.session.cookie.remove("account");
            }
            answer
        },
        check_in |mutant, check_in| {
            if check_in.session.cookie.get("account").is_none() {
                return Ok(NOTHING);
            }
            mutant.store.check_in(check_in).await
        })
    FailsWithoutLogin of gateway breaks ["CRE-056", "CRE-135"] "fails somehow when it has no login to the vault (L11)"
        (check_in |mutant, check_in| match mutant.store.check_in(check_in).await {
            Err(error) if error.kind() == ErrorKind::Unauthorized => {
                Err(CredentialError::system("give back the credentials", "the vault answers 401"))
            }
            answer => answer,
        },
        passwords |mutant, fetch| match mutant.store.passwords(fetch).await {
            Err(error) if error.kind() == ErrorKind::Unauthorized => {
                Err(CredentialError::system("fetch the password", "the vault answers 401"))
            }
            answer => answer,
        })
    TellsNoRotation breaks ["CRE-057"] "rotates, and does not say so"
        (check_in |mutant, check_in| mutant.store.check_in(check_in).await.map(|_| NOTHING))
    TellsUndeclaredRotation of plain breaks ["CRE-058"] "tells of rotations that it does not declare"
        (check_in |mutant, check_in| {
            mutant.store.check_in(check_in).await.map(|_| CheckedIn::new(Rotation::Rotated))
        })
    NeedsItsOwnCookie breaks ["CRE-071"] "gives nothing back without the cookie of the fetch (L10)"
        (check_in |mutant, check_in| {
            if check_in.session.cookie.get("token").is_none() {
                return Err(CredentialError::refused("No.", "there is no ticket in the cookie"));
            }
            mutant.store.check_in(check_in).await
        })
    KeepsTicketsInTheHandle breaks ["CRE-045"] "keeps in the handle what it needs for the check-in"
        (passwords |mutant, fetch| {
            locked(&mutant.notes.texts).push(fetch.session.connection.session_id.to_string());
            mutant.store.passwords(fetch).await
        },
        check_in |mutant, check_in| {
            let session = check_in.session.connection.session_id.as_str();
            if locked(&mutant.notes.texts).iter().all(|known| known != session) {
                return Err(CredentialError::refused("No.", "there is no such session"));
            }
            mutant.store.check_in(check_in).await
        })
    ClearsTheSessionCookie breaks ["CRE-046"] "keeps its own data alone in the session cookie"
        (passwords |mutant, fetch| {
            for name in fetch.session.session_cookie.snapshot().into_keys() {
                fetch.session.session_cookie.remove(&name);
            }
            mutant.store.passwords(fetch).await
        })
    ClearsTheSessionCookieAtTheCheckIn breaks ["CRE-046"] "removes what others wrote into the session cookie when it takes back"
        (check_in |mutant, check_in| {
            for name in check_in.session.session_cookie.snapshot().into_keys() {
                check_in.session.session_cookie.remove(&name);
            }
            mutant.store.check_in(check_in).await
        })
    NamesByPassword breaks ["CRE-047"] "names what it keeps by the password"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            if let FetchOutcome::Found(found) = &outcome {
                fetch.session.cookie.set(found.credentials.first().expose(), true)?;
            }
            Ok(outcome)
        })
    PanicsOnOddCookies breaks ["CRE-048"] "takes its cookie for what it wrote"
        (passwords |mutant, fetch| {
            if fetch.session.cookie.get("token").is_some() {
                assert!(fetch.session.cookie.text("token").is_some(), "it is always a text");
            }
            mutant.store.passwords(fetch).await
        })
    PanicsOnOddCookiesWhenItFinds breaks ["CRE-048"] "takes its cookie for what it wrote, once it has checked out"
        (passwords |mutant, fetch| {
            let is_odd = fetch.session.cookie.get("token").is_some_and(|token| token.as_text().is_none());
            let outcome = mutant.store.passwords(fetch).await?;
            assert!(!is_odd || !matches!(outcome, FetchOutcome::Found(_)), "it is always a text");
            Ok(outcome)
        })
    PanicsOnOddCookiesWhenItTakesBack breaks ["CRE-048"] "takes its cookie for what it wrote, at a check-in"
        (check_in |mutant, check_in| {
            if check_in.session.session_cookie.get("note").is_some() {
                assert!(check_in.session.session_cookie.text("note").is_some(), "it is always a text");
            }
            mutant.store.check_in(check_in).await
        },
        passwords |mutant, fetch| {
            if fetch.session.session_cookie.get("note").is_none() {
                fetch.session.session_cookie.set("note", "one")?;
            }
            mutant.store.passwords(fetch).await
        })
    CompletesOnce breaks ["CRE-105"] "fails when it is told again that the authentication is completed"
        (authentication_completed |mutant, event| {
            let id = event.intent.to_string();
            let mut known = locked(&mutant.vault.texts);
            if known.contains(&id) {
                return Err(CredentialError::refused("No.", "it is completed"));
            }
            known.push(id);
            Ok(())
        })
    EndsOnce breaks ["CRE-106"] "fails when it is told again that the session has ended (L6)"
        (session_ended |mutant, event| {
            let id = event.intent.to_string();
            let mut known = locked(&mutant.vault.texts);
            if known.contains(&id) {
                return Err(CredentialError::refused("No.", "it has ended"));
            }
            known.push(id);
            Ok(())
        })
    HoldsBackTheEnd breaks ["CRE-107"] "does not let a session end while a lease is held (L9)"
        (session_ended |mutant, event| {
            if !mutant.store.held().is_empty() {
                return Err(CredentialError::refused("No.", "it holds a lease"));
            }
            mutant.store.session_ended(event).await
        })
    NeedsTheConnection breaks ["CRE-108"] "needs facts at the end of a session that a host does not have (L11)"
        (session_ended |mutant, event| {
            if event.session.connection.protocol.is_none() {
                return Err(CredentialError::invalid("the connection", "it has no protocol"));
            }
            mutant.store.session_ended(event).await
        })
    GivesBackAtTheEnd breaks ["CRE-109"] "gives back at the end of a session, whether or not there is something (L8)"
        (session_ended |mutant, event| mutant.check_in_all(&event.session).await)
    EndsTwice breaks ["CRE-110"] "ends a session twice for the same intent (L6)"
        (session_ended |mutant, event| {
            let mut event = event.clone();
            event.intent = new_intent();
            mutant.store.session_ended(&event).await
        })
}
