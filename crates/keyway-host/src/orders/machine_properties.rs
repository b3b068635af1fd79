//! Tests the properties of the state machine of orders over any sequence of events, with a crash at any point.

use keyway_certificates::Pem;
use keyway_core::codec::Reader;
use proptest::prelude::*;

use super::*;
use crate::orders::KeptAs;
use crate::records::Stored;
use crate::work::laws::follow;

pub(super) fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (0..3_u8).prop_map(|number| Answer::Generated(certificate(&format!("c{number}")))),
        Just(Answer::Rejected(Some(certificate("bad")))),
        Just(Answer::WaitingForCa),
        Just(Answer::CaUnavailable),
        Just(Answer::ClientDataIssue),
        Just(Answer::Canceled),
        Just(Answer::InvalidOperation),
        Just(Answer::Unsupported),
        Just(Answer::Broken),
        Just(Answer::Panicked),
        Just(Answer::Unavailable),
        Just(Answer::Unanswered),
        Just(Answer::NothingHappened),
        Just(Answer::Happened),
        Just(Answer::CannotTell),
        Just(Answer::Revoked),
    ]
}

/// Returns an answer to a call, after which a client does not wait for the authority without end.
fn any_end() -> impl Strategy<Value = Answer> {
    any_answer().prop_filter("no answer to a call", |answer| {
        !matches!(
            answer,
            Answer::WaitingForCa
                | Answer::ClientDataIssue
                | Answer::NothingHappened
                | Answer::Happened
                | Answer::CannotTell
                | Answer::Revoked
        )
    })
}

fn any_reconciled() -> impl Strategy<Value = Answer> {
    prop::sample::select(vec![
        Answer::NothingHappened,
        Answer::Happened,
        Answer::CannotTell,
        Answer::Unavailable,
        Answer::Unanswered,
        Answer::Broken,
        Answer::Panicked,
    ])
}

fn any_capabilities() -> impl Strategy<Value = Capabilities> {
    any::<[bool; 5]>().prop_map(|[idempotent, reconciles, modifies, cancels, renewal_information]| {
        let can = Capabilities::MINIMAL.idempotent(idempotent).reconciles(reconciles).modifies(modifies);
        can.cancels(cancels).renewal_information(renewal_information)
    })
}

fn any_setup() -> impl Strategy<Value = Setup> {
    (any_capabilities(), any::<[bool; 2]>()).prop_map(|(can, [notifies, keeps])| Setup {
        can,
        notifies,
        keeps,
    })
}

fn any_revoking() -> impl Strategy<Value = Option<Revoking>> {
    let own = Revoking::Own { reason: RevocationReason::Superseded, since: at(2_500) };
    prop::sample::select(vec![None, Some(Revoking::Late(0)), Some(Revoking::Late(1)), Some(own)])
}

fn any_event() -> impl Strategy<Value = Event> {
    let again = Again { now: at(5_000), retry_after: None, jitter: 9 };
    prop_oneof![
        Just(Event::Submit { now: at(1_000), metadata: meta("{}") }),
        prop::option::of(any_capabilities()).prop_map(|can| Event::Modify {
            now: at(2_000),
            metadata: meta("{\"m\":1}"),
            can,
        }),
        Just(canceled()),
        Just(deleted()),
        prop::option::of(any_capabilities()).prop_map(|can| Event::Revoke {
            now: at(2_500),
            reason: RevocationReason::Superseded,
            can: can.map(|can| can.revokes(true)),
        }),
        (0..99_999_u64, any_capabilities(), prop::option::of(0..99_999_u64)).prop_map(
            |(now, can, deadline)| Event::Wake {
                now: at(now),
                setup: setup(can),
                deadline: deadline.map(at)
            }
        ),
        (any_answer(), any_setup(), any_revoking(), any::<bool>()).prop_map(
            |(answer, setup, revoking, renews)| {
                let Event::Answered(answered) = reply(answer, setup.can) else { unreachable!() };
                Event::Answered(Box::new(Answered { setup, renews, revoking, ..*answered }))
            }
        ),
        Just(Event::Checkpoint { plugin_meta: meta("{\"saved\":1}") }),
        prop::option::of(0..99_999_u64).prop_map(|due| Event::Stored {
            now: at(3_000),
            setup: setup(can()),
            expires: due.map(|due| at(2 * due)),
            renew_at: due.map(at),
        }),
        Just(Event::NotStored { again, message: "the store fails".into() }),
        any::<bool>().prop_map(move |delivered| Event::Notified { again, delivered }),
        (prop::option::of((0..99_999_u64, 1..9_999_u64)), any::<u8>()).prop_map(move |(window, jitter)| {
            let told = |(from, lasts)| RenewalInformation::new(at(from), at(from + lasts)).unwrap();
            Event::RenewalTold { told: window.map(told), again: Again { jitter, ..again } }
        }),
        Just(Event::Renewed { id: [7; 16] }),
        Just(Event::NotRenewed { again }),
        (
            prop::sample::select(vec![Decision::NotPlaced, Decision::Placed, Decision::GiveUp]),
            prop::option::of(any_capabilities()),
        )
            .prop_map(|(decision, can)| Event::Decide { now: at(4_000), decision, can }),
    ]
}

fn any_standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(vec![Standing::Free, Standing::Ours, Standing::Others])
}

pub(super) fn any_events(
    number: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<(Event, Standing)>> {
    prop::collection::vec((any_event(), any_standing()), number)
}

/// Lets these events happen to an order that does not exist yet, and returns the order at the end. `see` is called with
/// the order before each event, the event, and its step. Events that are refused are left out.
pub(super) fn played(
    events: Vec<(Event, Standing)>,
    mut see: impl FnMut(Option<&OrderState>, &Event, &Step) -> Result<(), TestCaseError>,
) -> Result<Option<OrderState>, TestCaseError> {
    let mut order: Option<OrderState> = None;
    for (event, standing) in events {
        let Ok(step) = step(&limits(), order.as_ref(), standing, event.clone()) else { continue };
        see(order.as_ref(), &event, &step)?;
        order = step.state;
    }
    Ok(order)
}

/// Returns the late certificates of an order.
fn late(state: &OrderState) -> impl Iterator<Item = &Pem> {
    state.late.iter().map(|late| &late.certificate).chain(&state.later)
}

/// Returns the order's own certificate, and its late ones.
fn kept(state: Option<&OrderState>) -> Vec<&Pem> {
    let Some(state) = state else { return Vec::new() };
    state.certificate.iter().map(|issued| &issued.certificate).chain(late(state)).collect()
}

/// Tells whether a state is consistent in itself.
fn is_legal(state: &OrderState) -> bool {
    let action = state.scheduled.map(|scheduled| scheduled.action);
    let scheduled_fits = match state.phase {
        Phase::Submitted => action == Some(Action::Issue),
        Phase::Asking(_) | Phase::Undecided => action.is_none(),
        Phase::Waiting => {
            action.is_some_and(|action| !matches!(action, Action::Revoke | Action::Store | Action::Renew))
        }
        Phase::Storing => action == Some(Action::Store),
        Phase::Finished(end) => action.is_none_or(|action| match action {
            Action::Revoke | Action::Renew => true,
            Action::Cancel | Action::Check => {
                end == End::Failed && state.certificate.is_none() && state.late.is_none()
            }
            _ => false,
        }),
    };
    let has_certificate = state.certificate.is_some();
    let certificate_fits = match state.phase {
        Phase::Storing | Phase::Finished(End::Generated) => has_certificate,
        Phase::Finished(End::Failed) => true,
        _ => !has_certificate,
    };
    scheduled_fits && certificate_fits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_sequence_leads_to_an_illegal_state_and_what_is_final_stays(events in any_events(1..24)) {
        played(events, |before, event, step| {
            prop_assert!(step.state.is_some() || step.command.is_none(), "a command needs a stored step");
            prop_assert!(!(step.keeps_claim && step.command.is_some()));
            let after = step.state.as_ref();
            let new = kept(after).into_iter().find(|kept_now| !kept(before).contains(kept_now));
            prop_assert_eq!(new.is_some(), step.notes, "a certificate is noted when the order keeps it");
            if let (Some(new), Some(next)) = (new, after) {
                let own = match next.phase {
                    Phase::Finished(End::Failed) => KeptAs::Quarantined,
                    _ => KeptAs::Accepted,
                };
                let is_late = late(next).any(|late| late == new);
                prop_assert_eq!(next.kept_as(), if is_late { KeptAs::Late } else { own });
            }
            // A record is removed only if a client deleted the order.
            if let (Some(before), None) = (before, after) {
                prop_assert!(before.delete || *event == deleted(), "{event:?}");
            }
            let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
            prop_assert!(is_legal(after), "{event:?}: {before:?} {after:?}");
            if let Phase::Finished(_) = before.phase {
                prop_assert_eq!(before.phase, after.phase);
                prop_assert_eq!(&before.certificate, &after.certificate);
                prop_assert_eq!(&before.metadata, &after.metadata);
                prop_assert_eq!((before.status(), before.sub_status), (after.status(), after.sub_status));
            }
            // A new certificate becomes the order's own or a late certificate.
            if let Event::Answered(answered) = event
                && let Answer::Generated(brought) | Answer::Rejected(Some(brought)) = &answered.answer
            {
                prop_assert!(kept(Some(after)).contains(&&brought.certificate));
            }
            // A late certificate stays until it is revoked, or the attempts have ended.
            let is_over = |late: &Late| match event {
                Event::Answered(answered) => answered.revoking == Some(Revoking::Late(late.number)),
                Event::Wake { .. } => before.failures >= limits().retries.attempts,
                _ => false,
            };
            let gone = before.late.as_ref().filter(|late| late.is_settled() || is_over(late));
            for certificate in kept(Some(before)) {
                let is_gone = gone.is_some_and(|late| late.certificate == *certificate);
                prop_assert!(
                    is_gone || kept(Some(after)).contains(&certificate),
                    "{event:?}: {before:?} {after:?}"
                );
            }
            Ok(())
        })?;
    }

    #[test]
    fn every_state_comes_back_from_its_stored_form_and_a_cut_one_is_refused(
        events in any_events(1..24), cut: prop::sample::Index,
    ) {
        played(events, |_, _, step| {
            let Some(state) = &step.state else { return Ok(()) };
            let mut bytes = Vec::new();
            state.write(&mut bytes);
            prop_assert!(bytes.len() <= state.encoded_len());
            prop_assert_eq!(&OrderState::read(&mut Reader::new(&bytes)).unwrap(), state);
            let cut = cut.index(bytes.len());
            prop_assert!(OrderState::read(&mut Reader::new(&bytes[..cut])).is_err());
            Ok(())
        })?;
    }

    #[test]
    fn every_pair_of_state_and_event_ends(
        events in any_events(0..12), last in any_event(), answer in any_answer(), can in any_capabilities(),
    ) {
        let order = played(events, |_, _, _| Ok(()))?;
        let again = Again { now: at(6_000), retry_after: None, jitter: 0 };
        follow::<OrderWorkflow>(&limits(), order, Standing::Free, last, |_| false, |command, _| match command {
            Command::Ask(_) => reply(answer.clone(), can),
            Command::Store => Event::NotStored { again, message: String::new() },
            Command::Notify => Event::Notified { again, delivered: false },
            Command::AskRenewal => Event::RenewalTold { told: None, again },
            Command::Renew => Event::NotRenewed { again },
        });
    }

    /// Lets workers take up an order until nothing is due any more. The authority always gives the same answer, unless
    /// it is `None`: then each worker is lost while it calls the authority.
    #[test]
    fn every_order_comes_to_rest_and_goes_if_it_was_deleted(
        events in any_events(1..24), can in any_capabilities(), answer in prop::option::of(any_end()),
        reconciled in any_reconciled(),
    ) {
        let mut order = played(events, |_, _, _| Ok(()))?;
        let mut now = at(100_000);
        for _ in 0..100 {
            let Some(due) = order.as_ref().and_then(OrderState::next) else { break };
            now = now.max(due);
            let wake = Event::Wake { now, setup: setup(can), deadline: None };
            let mut woken = step(&limits(), order.as_ref(), Standing::Free, wake).expect("it is due");
            while let Some(command) = woken.command {
                let again = Again { now, retry_after: None, jitter: 0 };
                let revoking = woken.state.as_ref().and_then(OrderState::revoking);
                let event = match (command, &answer) {
                    (Command::Ask(_), None) => break,
                    (Command::Ask(action), Some(answer)) => {
                        let answer = match (action, answer) {
                            (Action::Reconcile, _) => &reconciled,
                            (Action::Revoke, Answer::Generated(_) | Answer::Canceled) => &Answer::Revoked,
                            (_, answer) => answer,
                        };
                        let Event::Answered(answered) = reply(answer.clone(), can) else { unreachable!() };
                        Event::Answered(Box::new(Answered { again, revoking, ..*answered }))
                    }
                    (Command::Store, _) => {
                        Event::Stored { now, setup: setup(can), expires: None, renew_at: None }
                    }
                    (Command::Notify, _) => Event::Notified { again, delivered: true },
                    (Command::AskRenewal, _) => Event::RenewalTold { told: None, again },
                    (Command::Renew, _) => Event::Renewed { id: [7; 16] },
                };
                woken = step(&limits(), woken.state.as_ref(), Standing::Ours, event).expect("it is ours");
            }
            order = woken.state;
        }
        let Some(order) = order else { return Ok(()) };
        prop_assert_eq!(order.next(), None, "{:?} {:?}", answer, order);
        let is_decided = order.phase != Phase::Undecided;
        prop_assert!(!is_decided || matches!(order.phase, Phase::Finished(_)), "{order:?}");
        prop_assert!(!(is_decided && order.delete), "{answer:?} {order:?}");
        prop_assert!(!is_decided || order.to_revoke().is_none(), "{answer:?} {order:?}");
        prop_assert!(order.later.is_empty(), "{answer:?} {order:?}");
    }

    #[test]
    fn a_delay_is_never_shorter_than_the_plugin_says(seconds in 1..1_000_000_u64, jitter: u8) {
        let asking = state(Phase::Asking(Action::Check));
        let Event::Answered(mut answered) = reply(Answer::WaitingForCa, can()) else { unreachable!() };
        let asked = Duration::from_secs(seconds);
        answered.again = Again { now: at(2_000), retry_after: Some(asked), jitter };
        let waiting = next(&asking, Standing::Ours, Event::Answered(answered));
        prop_assert!(waiting.scheduled.unwrap().at >= at(2_000).plus(asked));
    }
}
