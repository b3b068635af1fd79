//! Mutants that lose leases, give a lease twice, or lie about leases.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keyway_credentials::{
    CredentialError, CredentialStore as _, FetchOutcome, IntendedCall, LeaseId, Password, Reconciled,
    SessionContext,
};

use super::plugin::{account_of, busy, new_intent, refound, store_mutant};
use super::{CredentialSubject, mutants, operation};

mutants! {
    for CredentialSubject, by store_mutant;
    ForgetsLeases breaks ["CRE-030"] "gives keys without the lease"
        (private_keys |mutant, fetch| {
            let outcome = mutant.store.private_keys(fetch).await?;
            refound(outcome, |mut found| {
                found.lease = None;
                Ok(found)
            })
        })
    NamesLeasesByAccount breaks ["CRE-032", "CRE-033"] "names a lease by the account, so that the next one has the same name"
        (passwords |mutant, fetch| {
            let id = LeaseId::new(account_of(fetch))?;
            refound(mutant.store.passwords(fetch).await?, |mut found| {
                if let Some(lease) = &mut found.lease {
                    lease.id = id;
                }
                Ok(found)
            })
        })
    ChecksOutTwice of shared breaks ["CRE-033"] "checks out twice for one fetch"
        (passwords |mutant, fetch| {
            mutant.anew(fetch).await?;
            mutant.store.passwords(fetch).await
        })
    KeepsWhatItDoesNotGive breaks ["CRE-034"] "checks out, and then says that there is nothing (L4)"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::NotFound => {
                mutant.check_out_another(&fetch.session).await?;
                Ok(FetchOutcome::NotFound)
            }
            other => Ok(other),
        })
    NamesLeasesByPassword breaks ["CRE-035"] "names a lease by the password"
        (passwords |mutant, fetch| {
            refound(mutant.store.passwords(fetch).await?, |mut found| {
                let id = LeaseId::new(found.credentials.first().expose())?;
                if let Some(lease) = &mut found.lease {
                    lease.id = id;
                }
                Ok(found)
            })
        })
    GivesEndedLeases breaks ["CRE-036"] "gives leases that have ended"
        (passwords |mutant, fetch| {
            let past = mutant.store.now().minus(Duration::from_secs(1));
            refound(mutant.store.passwords(fetch).await?, |mut found| {
                found.lease = found.lease.map(|lease| lease.expires_at(past));
                Ok(found)
            })
        })
    RefusesEndedLeases breaks ["CRE-037"] "does not take back a lease that has ended"
        (check_in |mutant, check_in| {
            if check_in.lease.expires_at.is_some_and(|end| end <= mutant.store.now()) {
                return Err(CredentialError::UnknownLease { lease: check_in.lease.id.clone() });
            }
            mutant.store.check_in(check_in).await
        })
    LosesWhatItCheckedOut breaks ["CRE-038"] "checks out, fails, and says that nothing happened (L2)"
        (passwords |mutant, fetch| {
            if account_of(fetch) == "refused" {
                mutant.check_out_another(&fetch.session).await?;
            }
            mutant.store.passwords(fetch).await
        })
    ForgetsCheckOuts breaks ["CRE-039", "CRE-065", "CRE-070"] "tells of a check-out that failed or was cut short that nothing happened (L2, L10)"
        (reconcile |mutant, question| match question.context {
            IntendedCall::Fetch(..) => Ok(Reconciled::NothingHappened),
            _ => mutant.store.reconcile(question).await,
        })
    AlwaysAsksToWait breaks ["CRE-070"] "answers every question about a fetch with a temporary error"
        (reconcile |mutant, question| match question.context {
            IntendedCall::Fetch(..) => Err(busy()),
            _ => mutant.store.reconcile(question).await,
        })
    LosesTheFormerTicket of repeating breaks ["CRE-039", "CRE-065"] "checks out again when it is asked again, and forgets the first lease (L3)"
        (passwords |mutant, fetch| mutant.anew(fetch).await)
    WritesAfterTheEffect breaks ["CRE-040"] "writes its ticket after it has checked out, and loses the lease when it does not fit (L2)"
        (passwords |mutant, fetch| {
            let mut hidden = fetch.clone();
            hidden.session = SessionContext::new(fetch.session.connection.clone());
            let outcome = mutant.store.passwords(&hidden).await?;
            let full = |error| CredentialError::refused("It is full.", format!("the cookie is full: {error}"));
            fetch.session.cookie.set("ticket", "0123456789012345678901234567890123456789").map_err(full)?;
            Ok(outcome)
        })
    LeasesAgain of once breaks ["CRE-060", "CRE-061"] "checks out again for the same intent, and declares that it does not"
        (capabilities |mutant| mutant.store.capabilities().idempotent(true))
    LeasesAgainAfterTheCheckIn breaks ["CRE-063"] "checks out again for an intent whose lease was given back"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            let lease = outcome.clone().found().and_then(|found| found.lease);
            match lease {
                Some(lease) if !mutant.store.held().contains(&lease.id.to_string()) => mutant.anew(fetch).await,
                _ => Ok(outcome),
            }
        })
    HidesALateLease breaks ["CRE-063"] "checks out again for an intent whose lease was given back, and names the former lease"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            let lease = outcome.clone().found().and_then(|found| found.lease);
            if lease.is_some_and(|lease| !mutant.store.held().contains(&lease.id.to_string())) {
                mutant.anew(fetch).await?;
            }
            Ok(outcome)
        })
    TellsAnotherRotation breaks ["CRE-062"] "tells another rotation when it is asked again"
        (check_in |mutant, check_in| mutant.check_in_anew(check_in).await)
    StaysBusyCheckingIn breaks ["CRE-066"] "fails all check-ins after one that was dropped (L9)"
        (check_in |mutant, check_in| mutant.notes.once_dropped(mutant.store.check_in(check_in)).await)
    StaysBusyFetching breaks ["CRE-067"] "fails all fetches after one that was dropped"
        (passwords |mutant, fetch| mutant.notes.once_dropped(mutant.store.passwords(fetch)).await)
    HangsCheckingIn breaks ["CRE-066"] "answers no check-in after one that was dropped (L9)"
        (check_in |mutant, check_in| mutant.notes.stuck_once_dropped(mutant.store.check_in(check_in)).await)
    HangsFetching breaks ["CRE-067"] "answers no fetch after one that was dropped"
        (passwords |mutant, fetch| mutant.notes.stuck_once_dropped(mutant.store.passwords(fetch)).await)
    TellsGivenBack breaks ["CRE-072"] "tells of every lease that it was given back"
        (reconcile |mutant, question| match question.context {
            IntendedCall::CheckIn(_) => Ok(Reconciled::Destroyed),
            _ => mutant.store.reconcile(question).await,
        })
    ChecksInWhenAsked breaks ["CRE-073"] "gives back the lease that it is asked about"
        (reconcile |mutant, question| {
            let told = mutant.store.reconcile(question).await?;
            if let IntendedCall::CheckIn(check_in) = &question.context {
                mutant.check_in_anew(check_in).await?;
            }
            Ok(told)
        })
    ServesLateFetches breaks ["CRE-074"] "checks out for a fetch of which it told that nothing happened"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await {
            Err(CredentialError::Refused { .. }) if account_of(fetch) == "root" => mutant.anew(fetch).await,
            other => other,
        })
    HidesExclusiveness breaks ["CRE-080"] "says that a lease is shared, and keeps others out"
        (passwords |mutant, fetch| {
            refound(mutant.store.passwords(fetch).await?, |mut found| {
                found.lease = found.lease.map(|lease| lease.exclusive(false));
                Ok(found)
            })
        })
    PretendsExclusiveness of shared breaks ["CRE-080"] "says that a lease is exclusive, and gives the account to all"
        (passwords |mutant, fetch| {
            refound(mutant.store.passwords(fetch).await?, |mut found| {
                found.lease = found.lease.map(|lease| lease.exclusive(true));
                Ok(found)
            })
        })
    StaysBusy breaks ["CRE-081"] "keeps an account busy after its check-in"
        (passwords |mutant, fetch| {
            if mutant.vault.flag.load(Ordering::SeqCst) {
                return Ok(FetchOutcome::Busy(keyway_credentials::Busy::new()));
            }
            mutant.store.passwords(fetch).await
        },
        check_in |mutant, check_in| {
            mutant.vault.flag.store(true, Ordering::SeqCst);
            mutant.store.check_in(check_in).await
        })
    BusyUntilThePast breaks ["CRE-082"] "says that an account is busy until a moment that is past"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::Busy(busy) => Ok(FetchOutcome::Busy(busy.until(mutant.store.now()))),
            other => Ok(other),
        })
    ShortensLeases breaks ["CRE-085"] "renews a lease to an earlier end"
        (renew |mutant, renewal| {
            let end = mutant.store.now().plus(Duration::from_secs(60));
            Ok(mutant.store.renew(renewal).await?.expires_at(end))
        })
    KeepsTheOldLease breaks ["CRE-086"] "checks out once more to renew a lease"
        (renew |mutant, renewal| {
            mutant.check_out_another(&renewal.session).await?;
            mutant.store.renew(renewal).await
        })
    HidesTheNewName of renaming breaks ["CRE-086", "CRE-087"] "names a renewed lease anew, and does not say so"
        (renew |mutant, renewal| {
            let mut lease = mutant.store.renew(renewal).await?;
            lease.id = renewal.lease.id.clone();
            Ok(lease)
        })
    RenewsWhatIsGone breaks ["CRE-088"] "renews a lease that was given back"
        (renew |mutant, renewal| match mutant.store.renew(renewal).await {
            Err(CredentialError::UnknownLease { .. }) => Ok(renewal.lease.clone()),
            answer => answer,
        })
    PromisesRenewals of plain breaks ["CRE-089"] "gives leases that say that they can be renewed"
        (passwords |mutant, fetch| {
            refound(mutant.store.passwords(fetch).await?, |mut found| {
                found.lease = found.lease.map(|lease| lease.renewable(true));
                Ok(found)
            })
        })
    RenewsAgain breaks ["CRE-090"] "renews again for the same intent"
        (renew |mutant, renewal| {
            let mut renewal = renewal.clone();
            renewal.intent = new_intent();
            mutant.store.renew(&renewal).await
        })
    LeasesOneForTwo of shared breaks ["CRE-116"] "gives one lease to two sessions that come at once (L7)"
        (passwords |mutant, fetch| {
            let Ok(_slot) = mutant.notes.slot.try_acquire() else {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let id = crate::lock::locked(&mutant.notes.texts).last().cloned();
                let lease = keyway_credentials::Lease::new(LeaseId::new(id.unwrap_or_default())?);
                let passwords = keyway_credentials::Passwords::new(Password::new("of another session"));
                return Ok(keyway_credentials::Found::new(passwords).with_lease(lease).into());
            };
            let outcome = mutant.store.passwords(fetch).await?;
            refound(outcome, |found| {
                let id = found.lease.as_ref().map(|lease| lease.id.to_string());
                crate::lock::locked(&mutant.notes.texts).extend(id);
                std::thread::sleep(Duration::from_millis(100));
                Ok(found)
            })
        })
}
