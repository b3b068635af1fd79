//! The end of an order, and its life afterwards: notices, revocations, a renewal, and the cancellation of a failed
//! order.

use std::time::Duration;

use keyway_certificates::Capabilities;
use keyway_core::Timestamp;

use super::machine::Setup;
use super::state::{
    About, Action, End, KeptAs, Late, Notice, OrderState, Phase, Renewing, Revoking, Scheduled, ToRevoke,
};
use crate::work::Limits;

impl OrderState {
    /// Ends the order. A notice that is not delivered yet stays in the record.
    pub(super) fn finished(self, now: Timestamp, end: End) -> Self {
        Self {
            phase: Phase::Finished(end),
            since: now,
            scheduled: None,
            displaced: None,
            proposed: None,
            changing: None,
            failures: 0,
            unknown: None,
            ..self
        }
    }

    /// Ends the order as failed. If the authority may still work on the order, it is asked to cancel it at the time
    /// `at`: otherwise it could make a certificate that the host never hears of (decision H321). The order still knows
    /// whether the call that places it may be under way. `can` is `None` if no connection told its capabilities yet.
    pub(super) fn given_up(self, now: Timestamp, at: Timestamp, can: Option<Capabilities>) -> Self {
        let cancels = self.is_placed && can.is_none_or(|can| can.cancels);
        let scheduled = cancels.then_some(Scheduled { action: Action::Cancel, at });
        let unknown = self.unknown.filter(|action| cancels && *action == Action::Issue);
        Self { scheduled, unknown, ..self.finished(now, End::Failed) }
    }

    /// Ends the attempts to cancel a failed order.
    pub(super) fn withdrawn(self) -> Self {
        Self { scheduled: None, failures: 0, unknown: None, ..self }
    }

    /// Ends the attempts to revoke the certificate that is to be revoked next, and schedules the remaining action.
    pub(super) fn unrevoked(mut self, now: Timestamp) -> Self {
        match (self.revoking(), &mut self.revocation, &mut self.late) {
            (Some(Revoking::Own { .. }), Some(own), _) => own.ended = true,
            (Some(Revoking::Late(_)), _, Some(late)) => late.ended = true,
            _ => {}
        }
        self.living_on(now)
    }

    /// Ends the order with its certificate, and adds a notice for the listeners if `notifies` is set.
    pub(super) fn ready(self, notifies: bool, now: Timestamp) -> Self {
        let notice = notifies.then_some(Notice { about: About::Ready, at: now, failures: 0 });
        let ready = Self { notice, ..self.finished(now, End::Generated) };
        ready.living_on(now)
    }

    /// Ends the order, whose certificate is now stored where the host keeps certificates, and plans the renewal.
    pub(super) fn kept(
        self,
        now: Timestamp,
        setup: Setup,
        expires: Option<Timestamp>,
        renew_at: Option<Timestamp>,
    ) -> Self {
        let renewal = renew_at.map(|due| Renewing::planned(due, now, setup.can));
        Self { expires, renewal, ..self }.ready(setup.notifies, now)
    }

    /// Schedules the remaining action of a finished order: a revocation first, then the renewal. If nothing is left to
    /// do for the late certificate, the next one takes its place.
    pub(super) fn living_on(mut self, now: Timestamp) -> Self {
        if let Some(late) = self.late.as_mut().filter(|late| late.is_settled() && !self.later.is_empty()) {
            let number = late.number.saturating_add(1);
            *late = Late { certificate: self.later.remove(0), revoked: false, ended: false, number };
        }
        let revokes = self.to_revoke().map(|_| Scheduled { action: Action::Revoke, at: now });
        Self { scheduled: revokes.or(self.renews()), failures: 0, ..self }
    }

    /// Returns the renewal, if it is wanted and not placed yet.
    pub(super) fn renews(&self) -> Option<Scheduled> {
        let renewal = self.renewal.as_ref().filter(|renewal| renewal.id.is_none())?;
        let is_wanted = self.revocation.is_none();
        is_wanted.then_some(Scheduled { action: Action::Renew, at: renewal.next })
    }

    /// Tells whether a notice of a past event is undelivered, which delays the removal of the record. A notice of
    /// expiry does not delay it.
    pub(super) fn owes_notice(&self) -> bool {
        self.notice.as_ref().is_some_and(|notice| notice.about != About::Expiring)
    }

    /// Tells whether nothing is scheduled, or only the renewal, which does not delay the removal of the record.
    pub(super) fn is_at_rest(&self) -> bool {
        self.scheduled.is_none_or(|scheduled| scheduled.action == Action::Renew)
    }

    /// Returns the time at which the listeners hear that the certificate expires. If it is to be renewed, the renewal
    /// has half of the remaining validity to succeed.
    pub(super) fn expiry_told_at(&self, limits: &Limits) -> Option<Timestamp> {
        let expires = self.expires?;
        let usual = expires.minus(limits.expiry_notice);
        Some(self.renewal.as_ref().map_or(usual, |Renewing { due, .. }| {
            let rest = expires.as_milliseconds().saturating_sub(due.as_milliseconds());
            usual.max(due.plus(Duration::from_millis(rest / 2)))
        }))
    }

    /// Tells whether the listeners hear that the certificate expires. They do not if the certificate is revoked, or if
    /// the order that renews it has a certificate.
    pub(super) fn is_expiry_news(&self, renewal: Option<&Self>) -> bool {
        let is_revoked = self.revocation.as_ref().is_some_and(|revocation| revocation.revoked);
        !is_revoked && !renewal.is_some_and(Self::is_kept)
    }

    /// Returns how the order keeps the newest of its certificates.
    pub(super) fn kept_as(&self) -> KeptAs {
        match self.phase {
            _ if self.late.is_some() => KeptAs::Late,
            Phase::Finished(End::Failed) => KeptAs::Quarantined,
            _ => KeptAs::Accepted,
        }
    }

    /// Returns the certificate that is to be revoked next.
    pub(super) fn to_revoke(&self) -> Option<ToRevoke<'_>> {
        let wanted = self.revocation.as_ref().filter(|wanted| !(wanted.revoked || wanted.ended));
        if let (Some(wanted), Some(issued)) = (wanted, &self.certificate) {
            return Some(ToRevoke::Own(&issued.certificate, wanted.reason));
        }
        self.late.as_ref().filter(|late| !late.is_settled()).map(ToRevoke::Late)
    }

    /// Returns the revocation that is to be asked for next.
    pub(super) fn revoking(&self) -> Option<Revoking> {
        let wanted = self.revocation.as_ref();
        match (self.to_revoke()?, wanted) {
            (ToRevoke::Own(_, reason), wanted) => Some(Revoking::Own { reason, since: wanted?.since }),
            (ToRevoke::Late(late), _) => Some(Revoking::Late(late.number)),
        }
    }

    /// Tells whether a client deleted the order, and nothing is left to do for it.
    pub(super) fn is_settled(&self) -> bool {
        let is_quiet = !self.owes_notice() && self.is_at_rest();
        self.delete && matches!(self.phase, Phase::Finished(_)) && is_quiet
    }
}
