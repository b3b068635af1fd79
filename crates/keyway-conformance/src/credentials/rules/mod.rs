//! The rules for credential stores, with one file for each family.

mod candidates;
mod check_ins;
mod concurrency;
mod cookies;
mod credentials;
mod declarations;
mod errors;
mod events;
mod exclusive;
mod failures;
mod hostile;
mod intents;
mod interruption;
mod leases;
mod outcomes;
mod provoked;
mod reconciliation;
mod renewals;
mod verification;

// These imports are for the files of this folder.
use super::CredentialSubject;
use super::fixture::{StoreFixture, USED, nobody, placed, placed_if_told};
use super::session::{CheckedOut, Session};
use crate::notation::{needs, rules};
use crate::{Broken, Rule, broken, ensure};

type Checked = Result<(), Broken>;

needs! {
    of CredentialSubject;
    FOUND "found example" |subject| !subject.found.is_empty();
    LEASES "leases, and a found example" |subject| leases(subject);
    READS "the absence of leases, and a found example"
        |subject| !subject.found.is_empty() && !subject.capabilities().leases;
    HELD "leases, a found example, and held leases" |subject| leases(subject) && subject.held.is_some();
    SEEN "held leases" |subject| subject.held.is_some();
    IDEMPOTENT "leases that are idempotent, and a found example"
        |subject| leases(subject) && subject.capabilities().idempotent;
    RECONCILES "leases that are reconciled, and a found example"
        |subject| leases(subject) && subject.capabilities().reconciles;
    RENEWS "renews, and a found example" |subject| leases(subject) && subject.capabilities().renews;
    NOT_RENEWING "leases without renews, and a found example"
        |subject| leases(subject) && !subject.capabilities().renews;
    ROTATES "rotates, passwords, and a found example"
        |subject| leases(subject) && subject.capabilities().rotates && subject.capabilities().passwords;
    NOT_ROTATING "leases without rotates, and a found example"
        |subject| leases(subject) && !subject.capabilities().rotates;
    CODES "totp_codes, and a found example" |subject| subject.capabilities().totp_codes && !subject.found.is_empty();
    KEYS "private_keys, and a found example" |subject| subject.capabilities().private_keys && !subject.found.is_empty();
    CERTIFICATES "certificates, and a found example"
        |subject| subject.capabilities().certificates && !subject.found.is_empty();
    APPS "remote_apps, and a found example" |subject| subject.capabilities().remote_apps && !subject.found.is_empty();
    VERIFIES "verifies" |subject| subject.capabilities().verifies;
    OWN_ACCOUNTS "own_accounts" |subject| subject.capabilities().own_accounts;
    OWN_ASSETS "own_assets" |subject| subject.capabilities().own_assets;
    FAILING "failing example" |subject| !subject.failing.is_empty();
    LISTED_NOTICES "idempotent, and listed notices"
        |subject| subject.capabilities().idempotent && subject.notices.is_some();
    NOT_BLOCKING "the absence of blocking" |subject| !subject.capabilities().blocking;
    PROMPT "prompt" |subject| subject.capabilities().prompt;
}

fn leases(subject: &CredentialSubject) -> bool {
    subject.capabilities().leases && !subject.found.is_empty()
}

/// Lists the rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<CredentialSubject>> {
    let families = [
        declarations::RULES,
        outcomes::RULES,
        credentials::RULES,
        leases::RULES,
        failures::RULES,
        check_ins::RULES,
        intents::RULES,
        interruption::RULES,
        reconciliation::RULES,
        exclusive::RULES,
        renewals::RULES,
        cookies::RULES,
        candidates::RULES,
        verification::RULES,
        events::RULES,
        concurrency::RULES,
        hostile::RULES,
        errors::RULES,
    ];
    let mut rules: Vec<_> = families.into_iter().flatten().collect();
    rules.sort_by_key(|rule| rule.id);
    rules
}
