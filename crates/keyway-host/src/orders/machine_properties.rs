//! Tests the properties of the state machine of orders over any sequence of events, with a crash at any point.

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
        Just(Answer::Unavailable),
        Just(Answer::Unanswered),
        Just(Answer::NothingHappened),
        Just(Answer::Happened),
        Just(Answer::CannotTell),
        Just(Answer::Revoked),
    ]
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
    prop::sample::select(vec![None, Some(Revoking::Late), Some(own)])
}

pub(super) fn any_event() -> impl Strategy<Value = Event> {
    let again = Again { now: at(5_000), retry_after: None, jitter: 9 };
    prop_oneof![
        Just(Event::Submit { now: at(1_000), metadata: meta("{}") }),
        any_capabilities().prop_map(|can| Event::Modify { now: at(2_000), metadata: meta("{\"m\":1}"), can }),
        Just(canceled()),
        Just(deleted()),
        any_capabilities().prop_map(|can| Event::Revoke {
            now: at(2_500),
            reason: RevocationReason::Superseded,
            can: can.revokes(true),
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
            any_capabilities(),
        )
            .prop_map(|(decision, can)| Event::Decide { now: at(4_000), decision, can }),
    ]
}

pub(super) fn any_standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(vec![Standing::Free, Standing::Ours, Standing::Others])
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
    fn no_sequence_leads_to_an_illegal_state_and_what_is_final_stays(
        events in prop::collection::vec((any_event(), any_standing()), 1..24),
    ) {
        let mut order: Option<OrderState> = None;
        for (event, standing) in events {
            let brings = match &event {
                Event::Answered(answered) => match &answered.answer {
                    Answer::Generated(certificate) | Answer::Rejected(Some(certificate)) => {
                        Some(certificate.clone())
                    }
                    _ => None,
                },
                _ => None,
            };
            let Ok(step) = step(&limits(), order.as_ref(), standing, event.clone()) else { continue };
            prop_assert!(step.state.is_some() || step.command.is_none(), "a command needs a stored step");
            prop_assert!(!(step.keeps_claim && step.command.is_some()));
            let kept = |state: &Option<OrderState>| {
                let state = state.as_ref();
                let late = state.and_then(|state| state.late.clone()).map(|late| late.certificate);
                (state.and_then(|state| state.certificate.clone()), late)
            };
            let is_new = step.state.is_some() && kept(&step.state) != kept(&order);
            prop_assert_eq!(is_new, step.notes, "a certificate is noted when the order keeps it");
            if let (true, Some(next)) = (is_new, &step.state) {
                let own = match next.phase {
                    Phase::Finished(End::Failed) => KeptAs::Quarantined,
                    _ => KeptAs::Accepted,
                };
                let is_late = kept(&step.state).1 != kept(&order).1;
                prop_assert_eq!(next.kept_as(), if is_late { KeptAs::Late } else { own });
            }
            if let (Some(before), Some(after)) = (&order, &step.state) {
                prop_assert!(is_legal(after), "{event:?}: {before:?} {after:?}");
                if let Phase::Finished(_) = before.phase {
                    prop_assert_eq!(before.phase, after.phase);
                    prop_assert_eq!(&before.certificate, &after.certificate);
                    prop_assert_eq!(&before.metadata, &after.metadata);
                    prop_assert_eq!((before.status(), before.sub_status), (after.status(), after.sub_status));
                }
                // A new certificate becomes the order's own or its late certificate, unless the order has a late
                // certificate already.
                if let Some(brought) = brings {
                    let late = after.late.as_ref().map(|late| &late.certificate);
                    let kept = after.certificate.as_ref() == Some(&brought) || late == Some(&brought.certificate);
                    prop_assert!(kept || late.is_some());
                }
                let pems = |state: &OrderState| {
                    let own = state.certificate.as_ref().map(|issued| issued.certificate.clone());
                    [own, state.late.as_ref().map(|late| late.certificate.clone())]
                };
                for kept in pems(before).into_iter().flatten() {
                    prop_assert!(pems(after).contains(&Some(kept)), "{event:?}: {before:?} {after:?}");
                }
            }
            // A record is removed only if a client deleted the order.
            if let (Some(before), None) = (&order, &step.state) {
                prop_assert!(before.delete || event == deleted(), "{event:?}");
            }
            order = step.state;
        }
    }

    #[test]
    fn every_state_comes_back_from_its_stored_form_and_a_cut_one_is_refused(
        events in prop::collection::vec((any_event(), any_standing()), 1..24), cut: prop::sample::Index,
    ) {
        let mut order: Option<OrderState> = None;
        for (event, standing) in events {
            let Ok(step) = step(&limits(), order.as_ref(), standing, event) else { continue };
            if let Some(state) = &step.state {
                let mut bytes = Vec::new();
                state.write(&mut bytes);
                prop_assert!(bytes.len() <= state.encoded_len());
                prop_assert_eq!(&OrderState::read(&mut Reader::new(&bytes)).unwrap(), state);
                let cut = cut.index(bytes.len());
                prop_assert!(OrderState::read(&mut Reader::new(&bytes[..cut])).is_err());
            }
            order = step.state;
        }
    }

    #[test]
    fn every_pair_of_state_and_event_ends(
        events in prop::collection::vec((any_event(), any_standing()), 0..12), last in any_event(),
        answer in any_answer(), can in any_capabilities(),
    ) {
        let mut order = None;
        for (event, standing) in events {
            if let Ok(step) = step(&limits(), order.as_ref(), standing, event) {
                order = step.state;
            }
        }
        let again = Again { now: at(6_000), retry_after: None, jitter: 0 };
        follow::<OrderWorkflow>(&limits(), order, Standing::Free, last, |_| false, |command, _| match command {
            Command::Ask(_) => reply(answer.clone(), can),
            Command::Store => Event::NotStored { again, message: String::new() },
            Command::Notify => Event::Notified { again, delivered: false },
            Command::AskRenewal => Event::RenewalTold { told: None, again },
            Command::Renew => Event::NotRenewed { again },
        });
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
