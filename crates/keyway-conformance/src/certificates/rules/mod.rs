//! The rules for certificate authorities, with one file for each family.

mod authorities;
mod changes;
mod concurrency;
mod declarations;
mod errors;
mod hostile;
mod intents;
mod interruption;
mod issued;
mod issuers;
mod life;
mod orders;
mod outcomes;
mod plugin_meta;
mod provoked;
mod reconciliation;
mod refused_requests;
mod serials;

use keyway_certificates::RequestType;

// These imports are for the files of this folder.
use super::CertificateSubject;
use super::fixture::CertificateFixture;
use super::handle::Handle;
use crate::notation::{needs, rules};
use crate::{Broken, Rule, broken, ensure};

type Checked = Result<(), Broken>;

needs! {
    of CertificateSubject;
    REFUSED "refused example" |subject| subject.refused.is_some();
    LISTING "listing" |subject| subject.listing.is_some();
    IDEMPOTENT "idempotent" |subject| subject.capabilities().idempotent;
    RECONCILES "reconciles" |subject| subject.capabilities().reconciles;
    NOT_REPEATABLE "a call that may not be repeated"
        |subject| !subject.capabilities().idempotent && !subject.capabilities().reconciles;
    MODIFIES "modifies" |subject| subject.capabilities().modifies;
    CANCELS "cancels" |subject| subject.capabilities().cancels;
    CREATES "creates_cas" |subject| subject.capabilities().creates_cas;
    DELETES "deletes_cas" |subject| subject.capabilities().deletes_cas;
    REVOKES "revokes" |subject| subject.capabilities().revokes;
    RENEWS "renewal_information" |subject| subject.capabilities().renewal_information;
    MAINTAINS "maintains" |subject| subject.capabilities().maintains;
    ISSUES "real certificates, and orders of the type simple-cmc" |subject| issues(subject);
    DAYS "real certificates, and a field for their days"
        |subject| issues(subject) && subject.days_field.is_some();
    NOT_BLOCKING "the absence of blocking" |subject| !subject.capabilities().blocking;
    PROMPT "prompt" |subject| subject.capabilities().prompt;
}

fn issues(subject: &CertificateSubject) -> bool {
    subject.issues && subject.capabilities().request_types.contains(&RequestType::SimpleCmc)
}

/// Lists the rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<CertificateSubject>> {
    let families = [
        declarations::RULES,
        orders::RULES,
        outcomes::RULES,
        intents::RULES,
        plugin_meta::RULES,
        interruption::RULES,
        reconciliation::RULES,
        changes::RULES,
        authorities::RULES,
        life::RULES,
        concurrency::RULES,
        hostile::RULES,
        errors::RULES,
        issued::RULES,
        serials::RULES,
        issuers::RULES,
        refused_requests::RULES,
    ];
    let mut rules: Vec<_> = families.into_iter().flatten().collect();
    rules.sort_by_key(|rule| rule.id);
    rules
}
