//! Tests against a model of an authority that it neither works on an order for which nothing is scheduled any more, nor
//! makes a certificate that the host never sees (decisions H321, H323, H324).

use proptest::prelude::*;

use super::*;

/// What happens to a call of the authority.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// The authority cannot be reached.
    Unavailable,
    /// The call is lost without an effect, or its answer is.
    Lost {
        has_effect: bool,
    },
    /// A call that places the order has its effect during a later call.
    Delayed,
    /// The plugin panics.
    Panics {
        has_effect: bool,
    },
    /// The worker is lost.
    Killed {
        has_effect: bool,
    },
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        1 => Just(Fault::Unavailable),
        2 => any::<bool>().prop_map(|has_effect| Fault::Lost { has_effect }),
        2 => Just(Fault::Delayed),
        1 => any::<bool>().prop_map(|has_effect| Fault::Panics { has_effect }),
        1 => any::<bool>().prop_map(|has_effect| Fault::Killed { has_effect }),
    ]
}

/// A wish of a client, or the end of the time that it gave the order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Cancel,
    Delete,
    Deadline,
}

fn any_wish() -> impl Strategy<Value = Wish> {
    prop::sample::select(vec![Wish::Cancel, Wish::Delete, Wish::Deadline])
}

/// The state of the order at the authority.
#[derive(Clone, Copy, Debug, PartialEq)]
enum There {
    Open,
    Canceling,
    Canceled,
    Issued,
}

/// An authority that refuses calls for an order that it does not have.
#[derive(Debug)]
struct Authority {
    order: Option<There>,
    /// The number of calls until the delayed call has its effect.
    delayed: Option<u32>,
    /// The number of calls until the authority makes the certificate of an open order.
    issues_after: u32,
    /// Whether the authority cancels an order at the next call, and may make the certificate first.
    cancels_later: bool,
}

impl Authority {
    /// Lets the effects happen whose time has come.
    fn pass(&mut self) {
        let is_due = self.issues_after == 0;
        self.order = match self.order {
            Some(There::Open | There::Canceling) if is_due => Some(There::Issued),
            Some(There::Canceling) => Some(There::Canceled),
            order => order,
        };
        if self.order.is_some() {
            self.issues_after = self.issues_after.saturating_sub(1);
        }
        self.delayed = self.delayed.and_then(|calls| {
            let left = calls.checked_sub(1);
            if left.is_none() {
                self.order = self.order.or(Some(There::Open));
            }
            left
        });
    }

    fn call(&mut self, action: Action, unknown: Option<Action>) -> Answer {
        match (action, self.order) {
            (Action::Reconcile, order) => {
                let happened = match unknown {
                    Some(Action::Cancel) => matches!(order, Some(There::Canceling | There::Canceled)),
                    _ => order.is_some(),
                };
                if happened {
                    return Answer::Happened;
                }
                // It refuses the call if it comes later.
                self.delayed = None;
                Answer::NothingHappened
            }
            (Action::Issue, None) => {
                self.order = Some(There::Open);
                Answer::WaitingForCa
            }
            (Action::Cancel, Some(There::Open)) => {
                self.order = Some(if self.cancels_later { There::Canceling } else { There::Canceled });
                self.call(Action::Check, unknown)
            }
            (_, None) => Answer::InvalidOperation,
            (_, Some(There::Open | There::Canceling)) => Answer::WaitingForCa,
            (_, Some(There::Canceled)) => Answer::Canceled,
            (_, Some(There::Issued)) => Answer::Generated(certificate("c")),
        }
    }

    /// Calls the authority. Returns its answer, or `None` if the worker is lost.
    fn asked(&mut self, action: Action, unknown: Option<Action>, fault: Fault) -> Option<Answer> {
        self.pass();
        let answer = match fault {
            Fault::None => return Some(self.call(action, unknown)),
            Fault::Unavailable => return Some(Answer::CaUnavailable),
            Fault::Delayed if action == Action::Issue => {
                self.delayed = Some(1);
                return Some(Answer::Unanswered);
            }
            Fault::Lost { .. } | Fault::Delayed => Some(Answer::Unanswered),
            Fault::Panics { .. } => Some(Answer::Panicked),
            Fault::Killed { .. } => None,
        };
        if let Fault::Lost { has_effect: true }
        | Fault::Panics { has_effect: true }
        | Fault::Killed { has_effect: true } = fault
        {
            self.call(action, unknown);
        }
        answer
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_authority_and_its_host_agree_on_the_end_of_each_order(
        faults in prop::collection::vec(any_fault(), 0..6),
        wishes in prop::collection::vec((any_wish(), 0..8_usize, any::<bool>()), 1..4),
        able in any::<[bool; 4]>(), issues_after in prop_oneof![0..12_u32, Just(u32::MAX)],
    ) {
        let [idempotent, reconciles, checkpoints, cancels_later] = able;
        let can = Capabilities::MINIMAL.cancels(true).idempotent(idempotent).reconciles(reconciles);
        let limits = limits().with_retries(Retries::default().with_attempts(12));
        let mut authority = Authority { order: None, delayed: None, issues_after, cancels_later };
        let (mut faults, mut has_seen) = (faults.into_iter(), false);
        let (mut order, mut now) = (Some(state(Phase::Submitted)), at(1_000));
        for round in 0..100 {
            let Some(state) = &order else { break };
            has_seen |= state.certificate.is_some() || state.late.is_some();
            if state.phase == Phase::Undecided {
                let decided = Event::Decide { now, decision: Decision::GiveUp, can: Some(can) };
                order = step(&limits, Some(state), Standing::Free, decided).unwrap().state;
            }
            // The wishes of this round come between two calls, or during a call.
            let wished = |mut order: Option<OrderState>, standing, now| {
                for (wish, _, _) in
                    wishes.iter().filter(|wish| (wish.1, wish.2) == (round, standing == Standing::Others))
                {
                    let event = match wish {
                        Wish::Cancel => Event::Cancel { now },
                        Wish::Delete => Event::Delete { now },
                        Wish::Deadline => continue,
                    };
                    if let Ok(step) = step(&limits, order.as_ref(), standing, event) {
                        order = step.state;
                    }
                }
                order
            };
            order = wished(order, Standing::Free, now);
            let Some(due) = order.as_ref().and_then(OrderState::next) else { continue };
            now = now.max(due);
            let has_passed = wishes.iter().any(|(wish, from, _)| *wish == Wish::Deadline && round >= *from);
            let deadline = has_passed.then_some(now);
            let wake = Event::Wake { now, setup: setup(can), deadline };
            let woken = step(&limits, order.as_ref(), Standing::Free, wake).expect("it is due");
            order = woken.state;
            let again = Again { now, retry_after: None, jitter: 0 };
            let event = match woken.command {
                Some(Command::Ask(Action::Revoke)) => {
                    let Event::Answered(answered) = reply(Answer::Revoked, can) else { unreachable!() };
                    let revoking = order.as_ref().and_then(OrderState::revoking);
                    Event::Answered(Box::new(Answered { again, revoking, ..*answered }))
                }
                Some(Command::Ask(action)) => {
                    if checkpoints {
                        let saved = Event::Checkpoint { plugin_meta: meta("{\"saved\":1}") };
                        order = step(&limits, order.as_ref(), Standing::Ours, saved).unwrap().state;
                    }
                    let unknown = order.as_ref().and_then(|state| state.unknown);
                    let fault = faults.next().unwrap_or(Fault::None);
                    let Some(answer) = authority.asked(action, unknown, fault) else {
                        order = wished(order, Standing::Others, now);
                        continue;
                    };
                    let Event::Answered(answered) = reply(answer, can) else { unreachable!() };
                    Event::Answered(Box::new(Answered { again, ..*answered }))
                }
                Some(Command::Notify) => Event::Notified { again, delivered: true },
                Some(Command::Store) => {
                    Event::Stored { now, setup: setup(can), expires: None, renew_at: None }
                }
                command => {
                    prop_assert_eq!(command, None);
                    order = wished(order, Standing::Others, now);
                    continue;
                }
            };
            order = wished(order, Standing::Others, now);
            order = step(&limits, order.as_ref(), Standing::Ours, event).unwrap().state;
        }
        // An authority that works on the order ends it now.
        (0..3).for_each(|_| authority.pass());
        if let Some(state) = &order {
            let is_at_rest = matches!(state.phase, Phase::Finished(_)) && state.scheduled.is_none();
            prop_assert!(is_at_rest, "{state:?}");
        }
        prop_assert!(!matches!(authority.order, Some(There::Open | There::Canceling)), "{order:?}");
        prop_assert_eq!(authority.order == Some(There::Issued), has_seen, "{:?}", order);
    }
}
