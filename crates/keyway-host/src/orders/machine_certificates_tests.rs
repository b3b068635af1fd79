//! Tests what happens to certificates: those that break a rule, that come late, or that are revoked.

use keyway_core::codec::Reader;

use super::*;
use crate::orders::intents::intent;
use crate::records::Stored;

fn action(state: &OrderState) -> Option<Action> {
    state.scheduled.map(|scheduled| scheduled.action)
}

/// Returns the answer to the revocation that this state asks for.
fn reply_to(state: &OrderState, answer: Answer, can: Capabilities) -> Event {
    let Event::Answered(answered) = reply(answer, can) else { unreachable!() };
    Event::Answered(Box::new(Answered { revoking: state.revoking(), ..*answered }))
}

fn wanted(reason: RevocationReason, now: u64) -> Event {
    Event::Revoke { now: at(now), reason, can: Some(can().revokes(true)) }
}

/// Carries out the revocation that is scheduled, with this answer. Without an answer, its worker is lost.
fn tried(order: &OrderState, answer: Option<Answer>) -> OrderState {
    let due = order.scheduled.expect("a revocation is scheduled").at;
    let asked = stepped(order, Standing::Free, woken(due.as_milliseconds())).unwrap();
    let (Some(Command::Ask(Action::Revoke)), Some(asked)) = (asked.command, asked.state) else {
        panic!("{order:?}")
    };
    match answer {
        Some(answer) => next(&asked, Standing::Ours, reply_to(&asked, answer, can().revokes(true))),
        None => asked,
    }
}

/// Returns an order that ended with a certificate, and that has a late one, which is to be revoked.
fn with_late() -> OrderState {
    OrderState {
        certificate: Some(certificate("c")),
        late: Some(Late {
            certificate: certificate("late").certificate,
            revoked: false,
            ended: false,
            number: 0,
        }),
        scheduled: Some(Scheduled { action: Action::Revoke, at: at(2_000) }),
        ..state(Phase::Finished(End::Generated))
    }
}

#[test]
fn a_certificate_that_breaks_a_rule_is_kept_in_quarantine() {
    let failed = answered(Action::Check, Answer::Rejected(Some(certificate("bad"))));
    assert_eq!((failed.status(), failed.certificate), (OrderStatus::Error, Some(certificate("bad"))));
}

#[test]
fn a_certificate_that_comes_after_a_cancel_is_kept_and_revoked() {
    let canceling = OrderState { cancel: Cancel::Told, ..state(Phase::Asking(Action::Check)) };
    let late = next(&canceling, Standing::Ours, reply(Answer::Generated(certificate("c")), can()));
    assert_eq!((late.phase, late.certificate.clone()), (Phase::Finished(End::Canceled), None));
    assert_eq!(
        late.late,
        Some(Late { certificate: certificate("c").certificate, revoked: false, ended: false, number: 0 })
    );
    let asked = stepped(&late, Standing::Free, woken(2_000)).unwrap();
    assert_eq!(asked.command, Some(Command::Ask(Action::Revoke)));
    let asked = asked.state.unwrap();
    let revoked = next(&asked, Standing::Ours, reply_to(&asked, Answer::Revoked, can()));
    assert_eq!((revoked.late.map(|late| late.revoked), revoked.scheduled), (Some(true), None));
}

#[test]
fn a_late_certificate_that_cannot_be_revoked_leaves_the_renewal() {
    let late = with_late().late;
    let revoke = Some(Scheduled { action: Action::Revoke, at: at(2_000) });
    let renewal = Some(Renewing { due: at(9_000), next: at(9_000), id: None });
    let revoking = OrderState { late, renewal, scheduled: revoke, ..state(Phase::Finished(End::Generated)) };
    let failed = next(&revoking, Standing::Ours, reply_to(&revoking, Answer::Unsupported, can()));
    assert_eq!(failed.scheduled, Some(Scheduled { action: Action::Renew, at: at(9_000) }));
}

#[test]
fn a_late_certificate_is_revoked_even_if_the_own_one_cannot_be() {
    let both = next(&with_late(), Standing::Free, wanted(RevocationReason::KeyCompromise, 2_000));
    assert!(matches!(both.revoking(), Some(Revoking::Own { .. })));
    let failed = tried(&both, Some(Answer::Unsupported));
    assert_eq!((failed.revoking(), action(&failed)), (Some(Revoking::Late(0)), Some(Action::Revoke)));
    let mut stored = Vec::new();
    failed.write(&mut stored);
    assert_eq!(OrderState::read(&mut Reader::new(&stored)).unwrap(), failed);
    let done = tried(&failed, Some(Answer::Revoked));
    assert_eq!((done.late.as_ref().map(|late| late.revoked), action(&done)), (Some(true), None));
    // The owner asks again.
    let again = next(&done, Standing::Free, wanted(RevocationReason::Superseded, 3_000));
    assert_eq!(action(&tried(&again, Some(Answer::Unavailable))), Some(Action::Revoke));
}

#[test]
fn a_revocation_that_the_authority_turns_out_not_to_offer_leaves_the_order_as_it_was() {
    let renewal = Some(Renewing { due: at(90_000), next: at(90_000), id: None });
    let scheduled = Some(Scheduled { action: Action::Renew, at: at(90_000) });
    let certificate = Some(certificate("c"));
    let ready = OrderState { scheduled, certificate, renewal, ..state(Phase::Finished(End::Generated)) };
    let closed = Event::Revoke { now: at(2_000), reason: RevocationReason::KeyCompromise, can: None };
    let asked = next(&next(&ready, Standing::Free, closed), Standing::Free, woken(2_000));
    let after = next(&asked, Standing::Ours, reply_to(&asked, Answer::Unsupported, can()));
    assert_eq!(after, ready);
}

#[test]
fn certificates_that_come_late_one_after_another_are_all_noted_and_revoked() {
    let bring = |order: &OrderState, text| {
        let step =
            stepped(order, Standing::Others, reply(Answer::Generated(certificate(text)), can())).unwrap();
        assert!(step.notes && step.keeps_claim, "{text}");
        step.state.unwrap()
    };
    let mut order = bring(&bring(&with_late(), "second"), "third");
    assert_eq!(next(&order, Standing::Others, reply(Answer::Generated(certificate("third")), can())), order);
    let mut intents = Vec::new();
    for (text, answer) in
        [("late", Answer::Unsupported), ("second", Answer::Revoked), ("third", Answer::Revoked)]
    {
        let late = order.late.as_ref().map(|late| &late.certificate);
        assert_eq!(late, Some(&certificate(text).certificate));
        let mut stored = Vec::new();
        order.write(&mut stored);
        assert_eq!(OrderState::read(&mut Reader::new(&stored)).unwrap(), order);
        intents.push(intent(&[7; 16], &order, Action::Revoke));
        order = tried(&order, Some(answer));
    }
    assert_eq!((order.late.as_ref().map(|late| late.revoked), action(&order)), (Some(true), None));
    let order = bring(&order, "fourth");
    assert_eq!(action(&order), Some(Action::Revoke));
    intents.push(intent(&[7; 16], &order, Action::Revoke));
    let distinct: std::collections::HashSet<_> = intents.iter().collect();
    assert_eq!(distinct.len(), 4, "each revocation is an effect of its own: {intents:?}");
    assert!(intents[0].as_str().ends_with(".revoke.late"), "{intents:?}");
}

#[test]
fn the_oldest_of_too_many_late_certificates_that_wait_is_left_to_the_log() {
    let mut order = with_late();
    for number in 0..10 {
        let brought = reply(Answer::Generated(certificate(&format!("more {number}"))), can());
        let step = stepped(&order, Standing::Others, brought).unwrap();
        assert!(step.notes);
        order = step.state.unwrap();
    }
    let waiting: Vec<_> = order.later.iter().map(|pem| pem.as_str().to_owned()).collect();
    assert_eq!(waiting, (2..10).map(|number| format!("more {number}")).collect::<Vec<_>>());
    let large = certificate(&"x".repeat(keyway_certificates::Pem::MAX_BYTES));
    let after = next(&order, Standing::Others, reply(Answer::Generated(large.clone()), can()));
    assert_eq!(after.later, [large.certificate]);
}

#[test]
fn a_deleted_order_goes_when_its_late_certificate_cannot_be_revoked() {
    let deleted = next(&with_late(), Standing::Free, deleted());
    let asked = next(&deleted, Standing::Free, woken(2_000));
    let step = stepped(&asked, Standing::Ours, reply_to(&asked, Answer::Unsupported, can())).unwrap();
    assert!(step.state.is_none(), "nothing is left to do for it");
}

#[test]
fn the_last_revocation_loses_its_worker_and_the_certificate_is_renewed() {
    let renewal = Some(Renewing { due: at(90_000), next: at(90_000), id: None });
    let mut order = OrderState { renewal, ..with_late() };
    for _ in 0..limits().retries.attempts {
        order = tried(&order, None);
    }
    let due = order.next().expect("something is left to do").as_milliseconds();
    let ended = next(&order, Standing::Free, woken(due));
    assert_eq!(ended.scheduled, Some(Scheduled { action: Action::Renew, at: at(90_000) }));
    // The late certificate does not come before each later step of the renewal again.
    let again = Again { now: at(90_000), retry_after: None, jitter: 0 };
    let later = next(&ended, Standing::Ours, Event::NotRenewed { again });
    assert_eq!(action(&later), Some(Action::Renew));
}

#[test]
fn a_certificate_is_revoked_and_the_order_stays_as_it_ended() {
    let wanted =
        |can| Event::Revoke { now: at(3_000), reason: RevocationReason::KeyCompromise, can: Some(can) };
    let able = can().revokes(true);
    for phase in
        [Phase::Waiting, Phase::Storing, Phase::Finished(End::Canceled), Phase::Finished(End::Failed)]
    {
        let refused = stepped(&state(phase), Standing::Free, wanted(able)).err();
        assert_eq!(refused, Some(TransitionError::NoCertificate), "{phase:?}");
    }
    let with_one = |end| OrderState { certificate: Some(certificate("c")), ..state(Phase::Finished(end)) };
    let quarantined = next(&with_one(End::Failed), Standing::Free, wanted(able));
    assert_eq!(quarantined.scheduled.map(|scheduled| scheduled.action), Some(Action::Revoke));
    let ready = with_one(End::Generated);
    assert_eq!(stepped(&ready, Standing::Free, wanted(can())).err(), Some(TransitionError::NotRevocable));
    let revoking = next(&ready, Standing::Free, wanted(able));
    let asked = stepped(&revoking, Standing::Free, woken(3_000)).unwrap();
    assert_eq!(asked.command, Some(Command::Ask(Action::Revoke)));
    let asked = asked.state.unwrap();
    let failed = next(&asked, Standing::Ours, reply_to(&asked, Answer::Unavailable, able));
    assert_eq!(failed.scheduled.map(|scheduled| scheduled.action), Some(Action::Revoke), "tried again");
    let revoked = next(&asked, Standing::Ours, reply_to(&asked, Answer::Revoked, able));
    assert!(revoked.revocation.as_ref().is_some_and(|revocation| revocation.revoked));
    assert_eq!((revoked.phase, revoked.scheduled), (ready.phase, None));
    assert_eq!(next(&revoked, Standing::Free, wanted(able)), revoked, "revoking it again changes nothing");
    // If a client deleted the order, its record is removed when the revocation is settled.
    let deleting = next(&revoking, Standing::Free, deleted());
    let step = stepped(&deleting, Standing::Ours, reply_to(&deleting, Answer::Revoked, able)).unwrap();
    assert!(step.state.is_none());
}

#[test]
fn a_canceled_order_revokes_a_certificate_that_breaks_a_rule() {
    let asking = state(Phase::Asking(Action::Check));
    for wish in [canceled(), deleted()] {
        let canceling = next(&asking, Standing::Free, wish);
        let bad = reply(Answer::Rejected(Some(certificate("bad"))), can());
        let ended = next(&canceling, Standing::Ours, bad);
        assert_eq!((ended.phase, action(&ended)), (Phase::Finished(End::Canceled), Some(Action::Revoke)));
        assert_eq!(ended.late.map(|late| late.certificate), Some(certificate("bad").certificate));
    }
}

#[test]
fn a_certificate_that_breaks_a_rule_is_kept_from_a_worker_that_lost_its_claim() {
    let bad = || reply(Answer::Rejected(Some(certificate("bad"))), can());
    let ended = next(&state(Phase::Undecided), Standing::Others, bad());
    assert_eq!((ended.phase, ended.certificate), (Phase::Finished(End::Failed), Some(certificate("bad"))));
    let ready = OrderState { certificate: Some(certificate("c")), ..state(Phase::Finished(End::Generated)) };
    assert!(next(&ready, Standing::Others, bad()).late.is_some());
}

#[test]
fn the_same_certificate_with_another_chain_is_not_a_second_one() {
    let ready = OrderState { certificate: Some(certificate("c")), ..state(Phase::Finished(End::Generated)) };
    let again = certificate("c").with_intermediates(certificate("chain").certificate);
    let after = next(&ready, Standing::Others, reply(Answer::Generated(again), can()));
    assert_eq!(after, ready);
}

#[test]
fn an_answer_counts_for_the_revocation_that_the_plugin_was_asked_for() {
    let able = can().revokes(true);
    let asked = next(&with_late(), Standing::Free, woken(2_000));
    assert_eq!(asked.revoking(), Some(Revoking::Late(0)));
    // The owner revokes the order's own certificate while the late one is being revoked.
    let both = next(&asked, Standing::Others, wanted(RevocationReason::KeyCompromise, 2_500));
    for (answer, is_done) in [(Answer::Revoked, true), (Answer::Broken, false)] {
        let after = next(&both, Standing::Ours, reply_to(&asked, answer, able));
        assert_eq!(after.late.as_ref().map(|late| late.revoked), Some(is_done));
        assert_eq!(after.revocation.as_ref().map(|own| own.revoked), Some(false));
        assert_eq!((action(&after), after.failures), (Some(Action::Revoke), 0));
    }
}

#[test]
fn a_revoked_certificate_has_the_reason_that_the_authority_was_told() {
    let able = can().revokes(true);
    let ready = OrderState { certificate: Some(certificate("c")), ..state(Phase::Finished(End::Generated)) };
    let asked = next(
        &next(&ready, Standing::Free, wanted(RevocationReason::Superseded, 2_000)),
        Standing::Free,
        woken(2_000),
    );
    let newer = next(&asked, Standing::Others, wanted(RevocationReason::KeyCompromise, 2_500));
    let revoked = next(&newer, Standing::Ours, reply_to(&asked, Answer::Revoked, able)).revocation.unwrap();
    assert_eq!((revoked.reason, revoked.revoked), (RevocationReason::Superseded, true));
    let failed = next(&newer, Standing::Ours, reply_to(&asked, Answer::Broken, able));
    let wish = failed.revocation.clone().unwrap();
    assert_eq!((wish.reason, wish.revoked), (RevocationReason::KeyCompromise, false));
    assert_eq!((action(&failed), failed.failures), (Some(Action::Revoke), 0), "the newer wish is tried");
}

#[test]
fn a_revocation_that_kills_its_worker_waits_longer_each_time() {
    let ready = OrderState { certificate: Some(certificate("c")), ..state(Phase::Finished(End::Generated)) };
    let mut order = next(&ready, Standing::Free, wanted(RevocationReason::Superseded, 2_000));
    let mut asked = Vec::new();
    while let Some(Scheduled { action: Action::Revoke, at }) = order.scheduled {
        let step = stepped(&order, Standing::Free, woken(at.as_milliseconds())).unwrap();
        asked.extend(step.command.map(|_| at.as_milliseconds()));
        order = step.state.unwrap();
    }
    assert_eq!(asked, [2_000, 12_000, 32_000]);
}

#[test]
fn the_expiry_is_told_when_the_renewal_had_its_time() {
    let notice = Some(Notice { about: About::Ready, at: at(0), failures: 0 });
    let ready = OrderState { notice, ..state(Phase::Finished(End::Generated)) };
    let told = Event::Notified { again: Again { now: at(0), retry_after: None, jitter: 0 }, delivered: true };
    let day = 24 * 3600 * 1000;
    let due = at(60 * day);
    for (expires, renewal, expected) in
        [(90, None, 76), (90, Some(due), 76), (80, Some(due), 70), (62, Some(due), 61)]
    {
        let renewal = renewal.map(|due| Renewing { due, next: due, id: None });
        let order = OrderState { expires: Some(at(expires * day)), renewal, ..ready.clone() };
        let notice = next(&order, Standing::Ours, told.clone()).notice.unwrap();
        assert_eq!((notice.about, notice.at), (About::Expiring, at(expected * day)));
    }
}

#[test]
fn listeners_hear_of_a_certificate_after_any_number_of_failures() {
    let notice = |about| Some(Notice { about, at: at(0), failures: 90 });
    let failed =
        Event::Notified { again: Again { now: at(0), retry_after: None, jitter: 0 }, delivered: false };
    let after = |about| {
        let order = OrderState { notice: notice(about), ..state(Phase::Finished(End::Generated)) };
        next(&order, Standing::Ours, failed.clone()).notice
    };
    assert_eq!(after(About::Ready).map(|notice| notice.failures), Some(91));
    assert_eq!(after(About::Expiring), None);
}
