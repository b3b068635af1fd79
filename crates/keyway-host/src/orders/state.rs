//! Defines the state of an order, and its transitions.

use std::time::Duration;

use keyway_certificates::{
    Capabilities, CertificateStatus, IssuedCertificate, OrderId, Pem, RevocationReason,
};
use keyway_core::{Timestamp, Wiped};

use super::intents::order_id;
use super::machine::Setup;
use crate::records::NameTag;
use crate::work::Limits;

/// The phase of an order's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The order is stored, and the plugin was not asked yet.
    Submitted,
    /// The plugin is being asked, or it was asked and its answer is not stored yet.
    Asking(Action),
    /// The host asks the plugin again at a set time.
    Waiting,
    /// The host cannot know whether the plugin acted. The order stays listed until a person decides.
    Undecided,
    /// The certificate is sealed in the order's record, and the host writes it to its secret store.
    Storing,
    /// The order has ended.
    Finished(End),
}

/// How an order ended. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The order ended with a certificate.
    Generated = 1,
    /// The CA or the client canceled the order.
    Canceled = 2,
    /// The order failed. Its message has the reason. If the host gave up an order that the CA may still work on, it asks
    /// the CA to cancel the order, and [`OrderState::scheduled`] shows this until it is done.
    Failed = 3,
}

/// The status of an order in the terms of the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// The order has not ended.
    Pending,
    /// The order ended with a certificate, or was canceled (decisions B2, B5).
    Active,
    /// The order failed (decision B6).
    Error,
}

/// An action of the host for an order. Most actions are calls of the plugin. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Place the order.
    Issue = 1,
    /// Ask for the order's status.
    Check = 2,
    /// Send the client's new metadata to the plugin.
    Modify = 3,
    /// Cancel the order, because a client wants it or because the host gave the order up.
    Cancel = 4,
    /// Ask for the outcome of a call that was cut short.
    Reconcile = 5,
    /// Revoke the certificate, or one that came after the order ended.
    Revoke = 6,
    /// Write the certificate to the host's secret store. No certificate plugin is called.
    Store = 7,
    /// Place the order that renews the certificate.
    Renew = 8,
}

/// The next action, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The action.
    pub action: Action,
    /// The time when the action becomes due.
    pub at: Timestamp,
}

/// The progress of the client's wish to cancel. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Cancel {
    /// The client does not want to cancel.
    #[default]
    No = 0,
    /// The client wants to cancel, and the plugin is not told yet.
    Wanted = 1,
    /// The plugin was told.
    Told = 2,
}

/// A message to the host's listeners that is not delivered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) about: About,
    /// The time of the next try to deliver the message.
    pub(crate) at: Timestamp,
    pub(crate) failures: u32,
}

/// The subject of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The certificate is ready.
    Ready,
    /// The CA cannot be reached, and is asked again after this time.
    Unavailable(Duration),
    /// The certificate expires soon.
    Expiring,
}

/// A certificate that came after the order was canceled or ended (decision B17).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// The certificate, without its chain.
    pub certificate: Pem,
    /// Whether the CA revoked the certificate.
    pub revoked: bool,
}

/// How an order keeps a certificate. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeptAs {
    /// The certificate is the result of the order.
    Accepted = 1,
    /// The certificate broke a rule of the host, and the order failed.
    Quarantined = 2,
    /// The certificate came after the order was canceled or ended.
    Late = 3,
}

/// The revocation that the owner of an order wanted for its certificate (decision B18).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// The reason for the revocation.
    pub reason: RevocationReason,
    /// The time at which the owner asked for the revocation.
    pub since: Timestamp,
    /// Whether the CA revoked the certificate.
    pub revoked: bool,
    /// The plugin's message, if the certificate is not revoked.
    pub message: String,
}

/// The renewal of an order's certificate (decision B18).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewing {
    /// The moment at which the share of the validity has passed.
    pub due: Timestamp,
    /// When a worker next acts on the renewal. It is before `due` only for an authority that says when to renew. The
    /// worker then asks the authority.
    pub next: Timestamp,
    /// The order that renews the certificate, once it is placed.
    pub(crate) id: Option<NameTag>,
}

impl Renewing {
    /// Returns the order that renews the certificate, once it is placed.
    pub fn order(&self) -> Option<OrderId> {
        self.id.as_ref().map(order_id)
    }
}

/// The revocation that a plugin is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoking {
    /// The revocation of the order's certificate, with the wish that asked for it.
    Own { reason: RevocationReason, since: Timestamp },
    /// The revocation of a certificate that came after the order was canceled or ended.
    Late,
}

/// A certificate that is to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToRevoke<'a> {
    /// The certificate of the order.
    Own(&'a Pem, RevocationReason),
    /// A certificate that came after the order was canceled or ended.
    Late(&'a Pem),
}

/// Describes an order as the host knows it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct OrderState {
    /// The phase of the order's life.
    pub phase: Phase,
    /// When this phase began.
    pub since: Timestamp,
    /// The status of the plugin's last answer.
    pub sub_status: Option<CertificateStatus>,
    /// The plugin's message, or the host's reason. It holds no secret.
    pub message: String,
    /// The next action; `None` while none is scheduled.
    pub scheduled: Option<Scheduled>,
    /// How many times the plugin failed since its last answer.
    pub failures: u32,
    /// The certificate. In [`End::Failed`], the certificate broke a rule, and is kept in quarantine.
    pub certificate: Option<IssuedCertificate>,
    /// A certificate that came after the order was canceled or ended.
    pub late: Option<Late>,
    /// The revocation of the certificate; `None` unless the owner wanted one.
    pub revocation: Option<Revocation>,
    /// The end of the certificate's validity, if there is a certificate.
    pub expires: Option<Timestamp>,
    /// The renewal of the certificate; `None` if it is not wanted, or there is no certificate yet.
    pub renewal: Option<Renewing>,
    /// The metadata that the plugin works with, as JSON.
    pub(crate) metadata: Wiped<String>,
    /// The client's update, as JSON, that the plugin was not told of yet.
    pub(crate) proposed: Option<Wiped<String>>,
    /// The update of the metadata, as JSON, that is being sent to the plugin. When the authority accepts the update, it
    /// becomes the order's metadata.
    pub(crate) changing: Option<Wiped<String>>,
    /// The plugin's own data for this order, as JSON (decision B9).
    pub(crate) plugin_meta: Wiped<String>,
    /// Whether the plugin saved its data during the current call.
    pub(crate) checkpointed: bool,
    /// How many updates the plugin was told of. Each update is an intent of its own.
    pub(crate) modifications: u32,
    /// Whether the plugin may know of the order.
    pub(crate) is_placed: bool,
    /// The action with the unknown outcome, while the plugin is asked about it. In [`End::Failed`], [`Action::Issue`] while
    /// the order is canceled, and may still arrive at the authority.
    pub(crate) unknown: Option<Action>,
    pub(crate) cancel: Cancel,
    /// Whether the record is deleted once the order is settled.
    pub(crate) delete: bool,
    /// The action that was scheduled before a client's wish took its place.
    pub(crate) displaced: Option<Scheduled>,
    pub(crate) notice: Option<Notice>,
}

impl std::fmt::Debug for OrderState {
    /// Omits the data of the client and of the plugin.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderState")
            .field("phase", &self.phase)
            .field("sub_status", &self.sub_status)
            .field("message", &self.message)
            .field("scheduled", &self.scheduled)
            .field("failures", &self.failures)
            .field("cancel", &self.cancel)
            .field("late", &self.late)
            .finish_non_exhaustive()
    }
}

impl OrderState {
    pub(super) fn new(now: Timestamp, metadata: Wiped<String>) -> Self {
        Self {
            phase: Phase::Submitted,
            since: now,
            sub_status: None,
            message: String::new(),
            scheduled: Some(Scheduled { action: Action::Issue, at: now }),
            failures: 0,
            modifications: 0,
            certificate: None,
            late: None,
            revocation: None,
            expires: None,
            renewal: None,
            metadata,
            proposed: None,
            changing: None,
            plugin_meta: Wiped::new("{}".to_owned()),
            checkpointed: false,
            is_placed: false,
            unknown: None,
            cancel: Cancel::No,
            delete: false,
            displaced: None,
            notice: None,
        }
    }

    /// Returns the order's status in the terms of the seed.
    pub fn status(&self) -> OrderStatus {
        match self.phase {
            Phase::Finished(End::Failed) => OrderStatus::Error,
            Phase::Finished(End::Generated | End::Canceled) => OrderStatus::Active,
            _ => OrderStatus::Pending,
        }
    }

    /// Moves the order to the phase `Waiting`, with this scheduled action. A [wish](Self::with_wishes) of the client
    /// that is not carried out yet comes first, and may end the order instead.
    pub(super) fn waiting(self, now: Timestamp, scheduled: Scheduled) -> Self {
        let next = Self { phase: Phase::Waiting, since: now, scheduled: Some(scheduled), ..self };
        next.with_wishes(now)
    }

    /// Schedules the client's wish to change or cancel the order, ahead of the action that was scheduled so far. If the
    /// plugin does not know the order, the wish is carried out without a call.
    pub(super) fn with_wishes(mut self, now: Timestamp) -> Self {
        if self.phase != Phase::Waiting || self.is_being_placed() {
            return self;
        }
        let has_update = self.proposed.is_some() || self.changing.is_some();
        let action = match (self.cancel, has_update) {
            (Cancel::Wanted, _) if !self.is_placed => return self.finished(now, End::Canceled),
            (Cancel::Wanted, _) => Action::Cancel,
            (Cancel::No, true) if !self.is_placed => {
                if let Some(newest) = self.proposed.take() {
                    (self.metadata, self.changing) = (newest, None);
                }
                return self;
            }
            (Cancel::No, true) => Action::Modify,
            _ => return self,
        };
        if self.scheduled.is_none_or(|scheduled| scheduled.action != action) {
            self.displaced = self.displaced.or(self.scheduled);
            self.scheduled = Some(Scheduled { action, at: now });
        }
        self
    }

    /// Tells whether the CA may lack the order: the order is to be placed again, or the outcome of the call that placed
    /// it is unknown. A client's wish waits until this is settled, because a CA refuses to change an order that it does
    /// not have.
    fn is_being_placed(&self) -> bool {
        let is_next = self.scheduled.is_some_and(|scheduled| scheduled.action == Action::Issue);
        self.is_placed && (is_next || self.unknown == Some(Action::Issue))
    }

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

    /// Moves the order to the phase `Undecided`, in which it waits for a person.
    pub(super) fn undecided(self, now: Timestamp) -> Self {
        Self { phase: Phase::Undecided, since: now, scheduled: None, displaced: None, notice: None, ..self }
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

    /// Schedules the remaining action of a finished order: a revocation first, then the renewal.
    pub(super) fn living_on(self, now: Timestamp) -> Self {
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

    /// Stores a client's wish to cancel.
    pub(super) fn with_cancel(self, now: Timestamp) -> Self {
        Self { cancel: Cancel::Wanted, proposed: None, ..self }.with_wishes(now)
    }

    /// Tells whether the authority still has to make the certificate.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Submitted | Phase::Waiting)
    }

    /// Tells whether the order ended with a certificate. If the host named a secret store for certificates, the
    /// certificate is in that store.
    pub(super) fn is_kept(&self) -> bool {
        self.phase == Phase::Finished(End::Generated)
    }

    /// Returns the time at which the listeners hear that the certificate expires. If it is to be renewed, the renewal has
    /// half of the remaining validity to succeed.
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
        let wanted = self.revocation.as_ref().filter(|revocation| !revocation.revoked);
        if let (Some(wanted), Some(issued)) = (wanted, &self.certificate) {
            return Some(ToRevoke::Own(&issued.certificate, wanted.reason));
        }
        let late = self.late.as_ref().filter(|late| !late.revoked)?;
        Some(ToRevoke::Late(&late.certificate))
    }

    /// Returns the revocation that is to be asked for next.
    pub(super) fn revoking(&self) -> Option<Revoking> {
        let wanted = self.revocation.as_ref();
        match (self.to_revoke()?, wanted) {
            (ToRevoke::Own(_, reason), Some(wanted)) => Some(Revoking::Own { reason, since: wanted.since }),
            _ => Some(Revoking::Late),
        }
    }

    /// Tells whether a client deleted the order, and nothing is left to do for it.
    pub(super) fn is_settled(&self) -> bool {
        let has_late = self.late.as_ref().is_some_and(|late| !late.revoked);
        let is_quiet = !self.owes_notice() && self.is_at_rest();
        self.delete && matches!(self.phase, Phase::Finished(_)) && !has_late && is_quiet
    }

    /// Returns the moment at which a worker looks at the order again, if no worker has claimed it.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let scheduled = match self.phase {
            // No worker has a claim, so the worker that asked the plugin was lost, and the order is due at once.
            Phase::Asking(_) => Some(self.since),
            Phase::Undecided => None,
            _ => self.scheduled.map(|scheduled| scheduled.at),
        };
        let notice = self.notice.as_ref().map(|notice| notice.at);
        scheduled.into_iter().chain(notice).min()
    }
}
