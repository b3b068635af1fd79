//! The proof of the suite: authorities with one fault each, which a rule must detect, and some authorities that are
//! unusual but correct.

mod authorities;
mod changes;
mod hostile;
mod intents;
mod issuing;
mod late;
mod operation;
mod orders;
mod plugin;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::CertificateAuthority;

// These imports are for the files of this folder.
use super::{CertificateSubject, ScriptedCa, suite};
use crate::notation::mutants;
use crate::{Candidate, Mutant};
pub use issuing::{issuing, short_serials};
use operation::operation;

/// Lists the mutants, with the rules that they break.
pub fn all() -> Vec<Mutant<CertificateSubject>> {
    let families = [
        orders::MUTANTS,
        intents::MUTANTS,
        changes::MUTANTS,
        authorities::MUTANTS,
        hostile::MUTANTS,
        issuing::all(),
    ];
    families.concat()
}

/// Lists the mutants and the correct subjects, each with its suite, for a front end that tests one of them in a
/// separate process.
pub fn candidates() -> Vec<Candidate> {
    let mutants = all().into_iter().map(|mutant| Candidate::of_mutant(suite(), &mutant));
    mutants.chain(sound().map(Candidate::from)).collect()
}

fn sound() -> [CertificateSubject; 8] {
    [
        minimal(),
        reference(),
        once(),
        strange(),
        issuing(),
        short_serials(),
        late::waiting(),
        late::never_sure(),
    ]
}

fn unchanged(ca: ScriptedCa) -> Arc<dyn CertificateAuthority> {
    Arc::new(ca)
}

/// Makes an authority with the minimum of the contract: it has no capability besides custom requests, and makes
/// certificates at once.
pub fn minimal() -> CertificateSubject {
    plugin::subject("minimal", ScriptedCa::new().with_capabilities(plugin::MINIMAL).looks(0), unchanged)
}

/// Makes the scripted authority, with all capabilities.
pub fn reference() -> CertificateSubject {
    plugin::subject("reference", ScriptedCa::new(), unchanged)
}

/// Makes an authority at which a call must not be repeated. After a crash, a host can only check its orders.
pub fn once() -> CertificateSubject {
    plugin::subject("once", ScriptedCa::new().with_capabilities(plugin::ONCE), unchanged)
}

/// Makes an authority that uses unusual freedoms of the contract. It takes days for an order, cancels with a delay,
/// works on one call at a time, blocks, and is not idempotent but can reconcile.
pub fn strange() -> CertificateSubject {
    let capabilities = plugin::FULL.idempotent(false).blocking(true).max_concurrency(NonZeroUsize::MIN);
    let ca = ScriptedCa::new().with_capabilities(capabilities).looks(5).cancels_later(true);
    plugin::subject("strange", ca.retry_after(Duration::from_secs(86_400)), unchanged)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use keyway_certificates::{CertificateAuthorityLayer, CertificateOrder, Layered, OrderOutcome};

    use super::*;
    use crate::lock::locked;
    use crate::{Format, Matrix, RunOptions};

    #[test]
    fn odd_authorities_that_are_right_pass() {
        for (subject, skipped) in sound().into_iter().zip([49, 18, 27, 23, 25, 25, 22, 28]) {
            let report = suite().run(&Arc::new(subject), &RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(Format::Table));
            assert_eq!(report.totals().skipped, skipped, "{}", report.format(Format::Table));
        }
    }

    #[test]
    fn an_order_may_take_a_part_of_the_time_of_its_rule() {
        // Without a part of the rule's time, the kit gives up after 25 calls.
        let slow = plugin::subject("slow", ScriptedCa::new().looks(28), unchanged);
        let report = suite().run(&Arc::new(slow), &RunOptions::default().only("CER-015"));
        assert_eq!(report.totals().passed, 1, "{}", report.format(Format::Table));
    }

    #[test]
    fn a_certificate_without_an_identifier_of_its_key_breaks_a_should_alone() {
        let options = RunOptions::default().only("CER-12");
        let report = suite().run(&Arc::new(issuing::without_key_identifier()), &options);
        let failed: Vec<_> = report.outcomes().iter().filter(|outcome| outcome.is_fault()).collect();
        let failed: Vec<_> = failed.iter().map(|outcome| (outcome.rule, outcome.level)).collect();
        assert_eq!(failed, [("CER-129", crate::Level::Should)], "{}", report.format(Format::Table));
    }

    #[test]
    fn names_of_kept_data_are_not_judged_if_nothing_is_kept() {
        // The authority reads its texts, so it refuses those that the kit changes, and keeps nothing.
        let strict = |ca: ScriptedCa| -> Arc<dyn CertificateAuthority> { Arc::new(Layered(Strict(ca))) };
        let subject = plugin::subject("strict", ScriptedCa::new(), strict);
        let report = suite().run(&Arc::new(subject), &RunOptions::default().only("CER-038"));
        assert_eq!(report.totals().skipped, 1, "{}", report.format(Format::Table));
    }

    /// An authority that certifies only the example's name.
    #[derive(Debug)]
    struct Strict(ScriptedCa);

    impl CertificateAuthorityLayer for Strict {
        type Inner = ScriptedCa;

        fn inner(&self) -> &ScriptedCa {
            &self.0
        }

        async fn issue(&self, order: &CertificateOrder) -> plugin::CaResult<OrderOutcome> {
            if plugin::name_in(&order.metadata) != "door.example.com" {
                return Ok(OrderOutcome::InvalidOperation("The authority does not know this name.".into()));
            }
            self.0.issue(order).await
        }
    }

    #[test]
    fn authorities_that_a_rule_created_are_deleted() {
        let opened = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&opened);
        let subject = plugin::subject("kept", ScriptedCa::new(), move |ca| {
            locked(&kept).push(ca.clone());
            Arc::new(ca)
        });
        let report = suite().run(&Arc::new(subject), &RunOptions::default().only("CER-033"));
        assert!(report.succeeded(), "{}", report.format(Format::Table));
        let ca = locked(&opened).pop().unwrap();
        let all = pollster::block_on(ca.ca_information()).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
    }

    #[test]
    fn calls_that_hang_are_judged_within_the_time_of_the_rule() {
        Matrix::assert_hanging_judged(&suite(), &all());
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        Matrix::assert_caught(&suite(), &all(), &["door.example", "canary"]);
    }
}
