//! The steps that follow from a plugin's answer.

use std::time::Duration;

use keyway_certificates::{CertificateError, CertificateStatus, IssuedCertificate, Pem, RetryMethod};
use keyway_core::{CallError, Effect, ErrorKind, PluginError as _};

use super::machine::{Answer, Answered, Command, Step, after_unknown, next_try, next_wait};
use super::state::{
    About, Action, Cancel, End, Late, Notice, OrderState, Phase, Revocation, Revoking, Scheduled,
};
use super::wishes::beside;
use crate::work::{Again, Limits, Standing, stretched};

/// The number of late certificates that may wait for their revocation. Their size is limited, too.
const MAX_LATER: usize = 8;

impl Answer {
    /// Returns the certificate that the authority made, even if it broke a rule.
    pub(super) const fn certificate(&self) -> Option<&Pem> {
        match self {
            Self::Generated(issued) | Self::Rejected(Some(issued)) => Some(&issued.certificate),
            _ => None,
        }
    }

    /// Classifies an error of a plugin (decision B6).
    pub(super) fn of_error(error: &CertificateError) -> Self {
        match (error, error.kind(), error.effect()) {
            (CertificateError::Call(CallError::Panicked { .. }), ..) => Self::Panicked,
            (_, ErrorKind::Unavailable { .. }, Effect::None) => Self::Unavailable,
            (_, ErrorKind::Unsupported, Effect::None) => Self::Unsupported,
            (_, _, Effect::None) => Self::Broken,
            (_, _, Effect::Unknown) => Self::Unanswered,
        }
    }
}

/// Computes the step that a plugin's answer causes.
///
/// Only the answer of the worker that holds the claim on the order counts. There is one exception: a certificate is
/// kept, even if it arrives late or from a worker that lost its claim (decision B17).
pub(super) fn answered(limits: &Limits, state: &OrderState, standing: Standing, answered: Answered) -> Step {
    if let Answer::Generated(certificate) | Answer::Rejected(Some(certificate)) = &answered.answer {
        return issued(state, standing, certificate, &answered);
    }
    match state.phase {
        Phase::Asking(action) if standing == Standing::Ours => {
            settled(settle(limits, state, action, answered))
        }
        Phase::Finished(_) if standing == Standing::Ours => settled(match answered.revoking {
            Some(_) => revoked(limits, state, &answered),
            None => withdrawn(limits, state, &answered),
        }),
        _ => beside(standing, state.clone()),
    }
}

/// Returns the step to this state, or the removal of the order if a client deleted it and it is settled.
pub(super) fn settled(state: OrderState) -> Step {
    if state.is_settled() { Step::gone() } else { Step::to(state) }
}

/// Computes the step that a certificate causes, even if it broke a rule: the authority did issue it.
fn issued(
    state: &OrderState,
    standing: Standing,
    certificate: &IssuedCertificate,
    answered: &Answered,
) -> Step {
    // The same certificate may come again with another chain.
    let own = state.certificate.as_ref().map(|own| &own.certificate);
    let late = state.late.as_ref().map(|late| &late.certificate);
    let new = &certificate.certificate;
    if [own, late].contains(&Some(new)) || state.later.contains(new) {
        return beside(standing, state.clone());
    }
    let now = answered.again.now;
    let goes_on =
        matches!(state.phase, Phase::Submitted | Phase::Asking(_) | Phase::Waiting | Phase::Undecided);
    let told = if goes_on { state.told(answered) } else { state.clone() };
    match state.phase {
        _ if goes_on && state.cancel != Cancel::No => {
            let canceled = OrderState { late: None, ..told.finished(now, End::Canceled) };
            Step::to(canceled.with_late(certificate, answered)).noting()
        }
        _ if !goes_on => beside(standing, told.with_late(certificate, answered)).noting(),
        _ if matches!(answered.answer, Answer::Rejected(_)) => {
            let rejected = OrderState { certificate: Some(certificate.clone()), ..told };
            settled(rejected.finished(now, End::Failed)).noting()
        }
        _ => {
            let next = OrderState { certificate: Some(certificate.clone()), failures: 0, ..told };
            if !answered.setup.keeps {
                let expires = answered.facts.as_ref().map(|facts| facts.not_after);
                return settled(next.kept(now, answered.setup, expires, answered.renew_at)).noting();
            }
            let scheduled = Some(Scheduled { action: Action::Store, at: now });
            let next = OrderState { phase: Phase::Storing, since: now, scheduled, displaced: None, ..next };
            Step::to(OrderState { proposed: None, changing: None, unknown: None, ..next })
                .then(Command::Store)
                .noting()
        }
    }
}

fn settle(limits: &Limits, state: &OrderState, action: Action, answered: Answered) -> OrderState {
    let Again { now, .. } = answered.again;
    let can = answered.setup.can;
    let told = state.told(&answered);
    match answered.answer {
        Answer::WaitingForCa | Answer::ClientDataIssue => accepted(limits, told, action, &answered),
        Answer::Canceled => told.finished(now, End::Canceled),
        Answer::InvalidOperation | Answer::Broken | Answer::Rejected(None) => failed(told, action, &answered),
        Answer::Panicked => told.with_unknown(action).given_up(now, now, Some(can)),
        Answer::CaUnavailable | Answer::Unavailable => unavailable(limits, told, action, &answered),
        Answer::Unsupported => unsupported(limits, told, action, &answered),
        Answer::Unanswered => match after_unknown(state, action, can) {
            Some(next) => again(limits, told.with_unknown(action), next, &answered),
            None => told.with_unknown(action).undecided(now),
        },
        Answer::NothingHappened => {
            let action = told.unknown.unwrap_or(Action::Issue);
            let is_placed = told.is_placed && action != Action::Issue;
            let next = OrderState { unknown: None, is_placed, ..told };
            // The failures still count. Otherwise a call that fails each time would be repeated for ever.
            if next.failures >= limits.retries.attempts {
                next.given_up(now, now, Some(can))
            } else {
                next.waiting(now, Scheduled { action, at: now })
            }
        }
        Answer::Happened => {
            let check = Answered { retry_method: None, ..answered };
            let check =
                Answered { again: Again { retry_after: Some(Duration::ZERO), ..check.again }, ..check };
            accepted(limits, told, action, &check)
        }
        Answer::CannotTell if state.checkpointed => {
            told.waiting(now, Scheduled { action: Action::Check, at: now })
        }
        Answer::CannotTell => told.undecided(now),
        // The function `issued` handles certificates. Only a finished order gets the answer `Revoked`.
        Answer::Generated(_) | Answer::Rejected(Some(_)) | Answer::Revoked => told,
    }
}

/// Computes the state when the CA has accepted the call and is working on the order. If the call sent new metadata, it
/// becomes the order's metadata.
fn accepted(limits: &Limits, mut told: OrderState, action: Action, answered: &Answered) -> OrderState {
    let Again { now, retry_after, jitter } = answered.again;
    if action == Action::Modify || told.unknown == Some(Action::Modify) {
        told.metadata = told.changing.take().unwrap_or(told.metadata);
    }
    let delay = stretched(retry_after.unwrap_or(limits.check_every), jitter);
    // The answer to a check does not tell whether the authority got a cancellation that was not answered.
    let cancels_again = action == Action::Check && told.unknown == Some(Action::Cancel);
    let (usual, failures) = if cancels_again { (Action::Cancel, told.failures) } else { (Action::Check, 0) };
    let next = OrderState { failures, is_placed: true, unknown: None, displaced: None, ..told };
    let action = match answered.retry_method {
        Some(method) if method != RetryMethod::Check => of_method(&next, method),
        _ => usual,
    };
    next.waiting(now, Scheduled { action, at: now.plus(delay) })
}

/// Computes the state when the CA cannot be reached: the host repeats the action later, or takes the action that the
/// answer names, and tells the listeners (decision B3).
fn unavailable(limits: &Limits, told: OrderState, action: Action, answered: &Answered) -> OrderState {
    let now = answered.again.now;
    let same = answered.retry_method.map_or(action, |method| of_method(&told, method));
    let next = again(limits, told, same, answered);
    let notifies =
        answered.setup.notifies && answered.answer == Answer::CaUnavailable && next.phase == Phase::Waiting;
    let goes_on = next.scheduled.filter(|_| notifies);
    let notice = goes_on.map(|scheduled| Notice {
        about: About::Unavailable(Duration::from_millis(
            scheduled.at.as_milliseconds().saturating_sub(now.as_milliseconds()),
        )),
        at: now,
        failures: 0,
    });
    OrderState { notice: notice.or(next.notice.clone()), ..next }
}

/// Schedules an action after a failure (decision B7). When the retries are used up, the order fails, or waits for a
/// person's decision if it is unknown what the plugin did. For a renewal, an authority that cannot be reached is asked
/// without end: nothing else places a renewal again.
fn again(limits: &Limits, told: OrderState, action: Action, answered: &Answered) -> OrderState {
    let Again { now, retry_after, jitter } = answered.again;
    let failures = told.failures.saturating_add(1);
    // If the CA cannot be reached, the host waits at least as long as the CA says. If the CA does not say it, the host
    // waits at least as long as before a usual check.
    let delay = Some(limits.check_every).filter(|_| answered.answer != Answer::Unanswered);
    let again = Again { now, retry_after: retry_after.or(delay), jitter };
    let is_endless = answered.renews && answered.answer != Answer::Unanswered;
    let at = next_wait(limits, failures, again);
    match answered.answer {
        _ if is_endless || failures < limits.retries.attempts => {
            OrderState { failures, ..told }.waiting(now, Scheduled { action, at })
        }
        Answer::Unanswered => told.undecided(now),
        _ => told.given_up(now, at, Some(answered.setup.can)),
    }
}

/// Computes the state when the CA does not support an action. After an update, the order stays as it was (decision
/// B16). After a cancellation, the order ends as canceled (decision B19). After a question about an outcome, a person
/// decides. After any other action, the order has failed.
fn unsupported(limits: &Limits, told: OrderState, action: Action, answered: &Answered) -> OrderState {
    let now = answered.again.now;
    match action {
        Action::Modify => {
            let check = Scheduled { action: Action::Check, at: now.plus(limits.check_every) };
            let before = told.displaced.unwrap_or(check);
            OrderState { proposed: None, changing: None, displaced: None, ..told }.waiting(now, before)
        }
        Action::Cancel => told.finished(now, End::Canceled),
        Action::Reconcile => told.undecided(now),
        Action::Issue | Action::Check | Action::Revoke | Action::Store | Action::Renew => {
            failed(told, action, answered)
        }
    }
}

/// Ends an order as failed because of the plugin's answer. Nothing is called afterwards (decision B6), unless the call
/// that places the order may still be under way: the authority may get the order after this answer.
fn failed(told: OrderState, action: Action, answered: &Answered) -> OrderState {
    let now = answered.again.now;
    // Only an idempotent plugin is asked again, and its answer is about both calls.
    let is_answered = action == Action::Issue && answered.answer == Answer::InvalidOperation;
    if told.unknown == Some(Action::Issue) && !is_answered {
        told.given_up(now, now, Some(answered.setup.can))
    } else {
        told.finished(now, End::Failed)
    }
}

/// Computes the state after the revocation of a certificate succeeded or failed. The order stays finished, with the
/// same result.
///
/// The answer is about the certificate and the reason that the plugin was asked about. The owner may have asked for
/// another revocation meanwhile, which is scheduled already.
fn revoked(limits: &Limits, state: &OrderState, answered: &Answered) -> OrderState {
    let (mut next, now) = (state.clone(), answered.again.now);
    let revoked = answered.answer == Answer::Revoked;
    let is_wanted = answered.revoking == state.revoking();
    match answered.revoking {
        Some(Revoking::Own { reason, since }) if revoked || is_wanted => {
            let message = answered.message.clone();
            next.revocation = Some(Revocation { reason, since, revoked, message, ended: false });
        }
        Some(Revoking::Late(number)) if revoked || is_wanted => {
            if let Some(late) = next.late.as_mut().filter(|late| late.number == number) {
                late.revoked = revoked;
            }
        }
        _ => {}
    }
    if revoked {
        return next.living_on(now);
    }
    if !is_wanted {
        return next;
    }
    let is_own = matches!(answered.revoking, Some(Revoking::Own { .. }));
    if is_own && answered.answer == Answer::Unsupported && !answered.setup.can.revokes {
        // The wish was stored while the capabilities were unknown. The order stays as it was, as if it were refused.
        return OrderState { revocation: None, ..next }.living_on(now);
    }
    let is_final = matches!(answered.answer, Answer::Unsupported | Answer::Broken);
    // The call counted as a failure when it began.
    match next_try(limits, next.failures, answered.again).filter(|_| !is_final) {
        Some(at) => OrderState { scheduled: Some(Scheduled { action: Action::Revoke, at }), ..next },
        // A certificate that cannot be revoked keeps neither the other one from its revocation, nor the order's own
        // from its renewal.
        None => next.unrevoked(now),
    }
}

/// Computes the state after the authority was asked to cancel a failed order. The order stays as it ended. If the
/// authority cancels later, it is checked, because a certificate may come first. Both calls share one number of
/// attempts. It begins anew when the authority works on the cancellation, until the time of the retries has passed. A
/// refusal ends the attempts, unless the order may still arrive (decision H323).
fn withdrawn(limits: &Limits, state: &OrderState, answered: &Answered) -> OrderState {
    // A certificate from another worker came first.
    let Some(Scheduled { action: action @ (Action::Cancel | Action::Check), .. }) = state.scheduled else {
        return state.clone();
    };
    let Again { now, retry_after, .. } = answered.again;
    let works_on_it = matches!(answered.answer, Answer::WaitingForCa | Answer::ClientDataIssue);
    let did_nothing = matches!(
        answered.answer,
        Answer::CaUnavailable | Answer::Unavailable | Answer::Unanswered | Answer::Panicked
    );
    let method = match answered.retry_method {
        // An authority that wants to get the order again does not have it.
        Some(RetryMethod::Cancel | RetryMethod::Issue) => Action::Cancel,
        _ if works_on_it => Action::Check,
        _ if did_nothing => action,
        // The authority does not have the order yet, so it has no cancellation to check either.
        _ => Action::Cancel,
    };
    let has_it = works_on_it && answered.retry_method != Some(RetryMethod::Issue);
    let unknown = state.unknown.filter(|_| !has_it);
    let goes_on = did_nothing || (answered.answer != Answer::Canceled && (works_on_it || unknown.is_some()));
    let plugin_meta = answered.plugin_meta.clone();
    if !goes_on {
        return OrderState { plugin_meta, ..state.clone().withdrawn() };
    }
    let is_anew = works_on_it && now < state.since.plus(limits.retries.within);
    let failures = if is_anew { 0 } else { state.failures };
    let again = Again { retry_after: retry_after.or(Some(limits.check_every)), ..answered.again };
    let scheduled = Some(Scheduled { action: method, at: next_wait(limits, failures, again) });
    OrderState { scheduled, failures, plugin_meta, unknown, ..state.clone() }
}

/// Returns the action that a plugin requested. A modification is possible only if there is a change to send, and a
/// cancellation only if a client canceled the order. In all other cases the order is checked.
fn of_method(told: &OrderState, method: RetryMethod) -> Action {
    match method {
        RetryMethod::Issue => Action::Issue,
        RetryMethod::Modify if told.changing.is_some() || told.proposed.is_some() => Action::Modify,
        RetryMethod::Cancel if told.cancel != Cancel::No => Action::Cancel,
        RetryMethod::Check | RetryMethod::Modify | RetryMethod::Cancel => Action::Check,
    }
}
impl OrderState {
    /// Returns the order with the plugin's data, message and status.
    fn told(&self, answered: &Answered) -> Self {
        let status = match &answered.answer {
            Answer::Generated(_) | Answer::Rejected(_) => Some(CertificateStatus::Generated),
            Answer::WaitingForCa => Some(CertificateStatus::WaitingForCa),
            Answer::CaUnavailable | Answer::Unavailable => Some(CertificateStatus::CaUnavailable),
            Answer::ClientDataIssue => Some(CertificateStatus::ClientDataIssue),
            Answer::Canceled => Some(CertificateStatus::Canceled),
            Answer::InvalidOperation | Answer::Broken | Answer::Panicked => {
                Some(CertificateStatus::InvalidOperation)
            }
            _ => None,
        };
        Self {
            sub_status: status.or(self.sub_status),
            message: answered.message.clone(),
            plugin_meta: answered.plugin_meta.clone(),
            ..self.clone()
        }
    }

    /// Keeps a late certificate, which is to be revoked. If another one is to be revoked, this one waits for it. If too
    /// many wait, the oldest of them is left to the log of issued certificates (decision H365).
    fn with_late(mut self, certificate: &IssuedCertificate, answered: &Answered) -> Self {
        let certificate = certificate.certificate.clone();
        let number = match &self.late {
            Some(late) if !late.is_settled() => {
                self.later.push(certificate);
                let bytes = |later: &[Pem]| later.iter().map(|pem| pem.as_str().len()).sum::<usize>();
                while self.later.len() > MAX_LATER || bytes(&self.later) > Pem::MAX_BYTES {
                    self.later.remove(0);
                }
                return self;
            }
            Some(late) => late.number.saturating_add(1),
            None => 0,
        };
        let revoke = Scheduled { action: Action::Revoke, at: answered.again.now };
        // In the phase Storing, the scheduled action stays: the certificate is stored first, and the late one is
        // revoked afterwards.
        let is_finished = matches!(self.phase, Phase::Finished(_));
        let (scheduled, failures) =
            if is_finished { (Some(revoke), 0) } else { (self.scheduled, self.failures) };
        let late = Some(Late { certificate, revoked: false, ended: false, number });
        Self { scheduled, failures, late, ..self }
    }

    /// Remembers the action whose outcome is unknown. A question that was not answered leaves the earlier one unknown.
    pub(super) fn with_unknown(self, action: Action) -> Self {
        let is_question = matches!(action, Action::Check | Action::Reconcile);
        let unknown = if is_question { self.unknown } else { Some(action) };
        Self { unknown, is_placed: true, ..self }
    }
}
