//! Mutants whose declarations are wrong, and mutants that give wrong answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keyway_credentials::{
    Candidates, CertificateCredential, Certificates, CheckedIn, CredentialError, CredentialStore as _,
    Denial, FetchOutcome, Found, LaunchInformation, Lease, LeaseId, NeedInfo, Password, Passwords,
    PrivateKey, PrivateKeys, Reconciled, Rotation, TotpCode, TotpCodes, Verified,
};

use super::plugin::{Mutated, StoreResult, refound, store_mutant};
use super::{CredentialSubject, mutants, operation};

/// Makes the one-time code of the current period.
fn code(mutant: &Mutated) -> TotpCodes {
    let (now, length) = (mutant.store.now(), TotpCode::USUAL_PERIOD);
    let past = now.as_milliseconds() % u64::try_from(length.as_millis()).unwrap_or(1);
    TotpCodes::new(TotpCode::new("424242", now.minus(Duration::from_millis(past))))
}

fn key(pem: &str) -> StoreResult<PrivateKeys> {
    Ok(PrivateKeys::new(PrivateKey::new(pem, Some("correct horse".into()))?))
}

mutants! {
    for CredentialSubject, by store_mutant;
    ChangesCapabilities breaks ["CRE-001"] "declares another limit each time that it is asked"
        (capabilities |mutant| {
            let number = mutant.vault.number.fetch_add(1, Ordering::SeqCst);
            mutant.store.capabilities().prompt(number % 2 == 1)
        })
    AnswersUndeclaredKinds of plain breaks ["CRE-002"] "has no keys where it does not offer keys"
        (private_keys |mutant, _fetch| {
            let _ = mutant;
            Ok(FetchOutcome::NotFound)
        })
    IgnoresCheckIns of reading breaks ["CRE-003"] "takes back what it never gave"
        (check_in |mutant, _check_in| {
            let _ = mutant;
            Ok(CheckedIn::new(Rotation::NotRotated))
        })
    RefusesRenewals of plain breaks ["CRE-003"] "refuses renewals that it does not offer"
        (renew |mutant, _renewal| {
            let _ = mutant;
            Err(CredentialError::refused("No.", "it cannot be renewed"))
        })
    VerifiesNothing of plain breaks ["CRE-003"] "does not know whether credentials open, and does not offer to"
        (verify |mutant, _verification| {
            let _ = mutant;
            Ok(Verified::Unknown)
        })
    ListsNoAccounts of plain breaks ["CRE-003"] "has an empty list of accounts instead of none"
        (accounts |mutant, _question| {
            let _ = mutant;
            Ok(Candidates::new(std::iter::empty()))
        })
    ListsNoAssets of plain breaks ["CRE-003"] "has an empty list of assets instead of none"
        (assets |mutant, _question| {
            let _ = mutant;
            Ok(Candidates::new(std::iter::empty()))
        })
    TellsNothing of plain breaks ["CRE-003"] "does not know what happened, and does not offer to"
        (reconcile |mutant, _question| {
            let _ = mutant;
            Ok(Reconciled::Unknown)
        })
    ChecksOutUndeclaredKinds of plain breaks ["CRE-004"] "checks out before it sees that it has no such kind"
        (private_keys |mutant, fetch| {
            mutant.anew(fetch).await?;
            Ok(FetchOutcome::Unsupported)
        })
    RenewsWithoutLeases of reading breaks ["CRE-005"] "declares renewals of leases that it does not give"
        (capabilities |mutant| mutant.store.capabilities().renews(true))
    BlocksPromptly of reading breaks ["CRE-005"] "declares to block and to be prompt"
        (capabilities |mutant| mutant.store.capabilities().blocking(true))
    HasNoKeys breaks ["CRE-010"] "finds no keys, which it declares"
        (private_keys |mutant, _fetch| {
            let _ = mutant;
            Ok(FetchOutcome::NotFound)
        })
    FailsWhenNotFound breaks ["CRE-011"] "fails for an account that it does not have"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::NotFound => Err(CredentialError::refused("No.", "there is no such account")),
            other => Ok(other),
        })
    FindsAnything breaks ["CRE-011"] "gives a password for an account that it does not have"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::NotFound => Ok(Found::new(Passwords::new(Password::new("default"))).into()),
            other => Ok(other),
        })
    DeniesWithoutWords breaks ["CRE-012"] "denies without a word"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::Denied(_) => Ok(FetchOutcome::Denied(Denial::new(" "))),
            other => Ok(other),
        })
    AsksForNothing breaks ["CRE-013"] "needs to know more, and does not say what"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::NeedInfo(_) => Ok(FetchOutcome::NeedInfo(NeedInfo::new(""))),
            other => Ok(other),
        })
    MistakesDownForMissing breaks ["CRE-014"] "finds nothing in a vault that is away"
        (passwords |mutant, fetch| match mutant.store.passwords(fetch).await? {
            FetchOutcome::Unavailable { .. } => Ok(FetchOutcome::NotFound),
            other => Ok(other),
        })
    GivesEmptyPasswords breaks ["CRE-015"] "gives a password and an empty one"
        (passwords |mutant, fetch| {
            let outcome = mutant.store.passwords(fetch).await?;
            Ok(outcome.map(|passwords| passwords.or(Password::new(""))))
        })
    HidesTypes breaks ["CRE-020"] "gives keys in a form that hides their type"
        (private_keys |mutant, fetch| {
            let hidden = key(include_str!("keys/pkcs8_encrypted.pem"))?;
            Ok(mutant.store.private_keys(fetch).await?.map(|_| hidden))
        })
    GivesOldKeys breaks ["CRE-021"] "gives keys of DSA"
        (private_keys |mutant, fetch| {
            let old = key(include_str!("keys/dsa.pem"))?;
            Ok(mutant.store.private_keys(fetch).await?.map(|_| old))
        })
    GivesOddCertificates breaks ["CRE-022"] "gives the body of a certificate"
        (certificates |mutant, fetch| {
            let outcome = mutant.store.certificates(fetch).await?;
            let body = |all: &Certificates| CertificateCredential::new("MIIB", all.first().key.clone());
            Ok(outcome.map(|all| Certificates::new(body(&all))))
        })
    GivesEndedCodes breaks ["CRE-023"] "gives the code of a period that is over"
        (totp_codes |mutant, fetch| {
            let outcome = mutant.store.totp_codes(fetch).await?;
            let begin = mutant.store.now().minus(Duration::from_secs(90));
            Ok(outcome.map(|_| TotpCodes::new(TotpCode::new("424242", begin))))
        })
    GivesCodesTwice breaks ["CRE-024"] "gives one code to all that ask in its period"
        (totp_codes |mutant, fetch| Ok(mutant.anew(fetch).await?.map(|_| code(mutant))))
    GivesOneCodeEver breaks ["CRE-025"] "has one code, and never another"
        (totp_codes |mutant, fetch| {
            if mutant.vault.flag.swap(true, Ordering::SeqCst) {
                return Ok(FetchOutcome::NotFound);
            }
            mutant.store.totp_codes(fetch).await
        })
    RepeatsItsCode breaks ["CRE-024", "CRE-025"] "gives one code for ever, each time with a period of another length"
        (totp_codes |mutant, fetch| {
            let longer = mutant.vault.number.fetch_add(1, Ordering::SeqCst);
            Ok(mutant.anew(fetch).await?.map(|_| {
                let mut again = code(mutant).first().clone();
                again.period += Duration::from_millis(longer);
                TotpCodes::new(again)
            }))
        })
    StartsWithThePassword breaks ["CRE-026"] "starts an application with the password as an argument"
        (remote_app_credentials |mutant, fetch| {
            Ok(mutant.store.remote_app_credentials(fetch).await?.map(|mut app| {
                let password = app.passwords.first().expose();
                app.launch = Some(LaunchInformation::new(format!("--cmd prog --args -p {password}")));
                app
            }))
        })
    GivesUndeclaredLeases of reading breaks ["CRE-031"] "gives leases that it does not declare"
        (passwords |mutant, fetch| {
            let lease = Lease::new(LeaseId::new("lease")?);
            refound(mutant.store.passwords(fetch).await?, |found| Ok(found.with_lease(lease)))
        })
}
