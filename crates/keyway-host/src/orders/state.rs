//! The state of an order, and the ways from one state to the next.

use std::time::Duration;

use keyway_certificates::{CertificateStatus, IssuedCertificate, OrderId, Pem, RevocationReason};
use keyway_core::{Timestamp, Wiped};

use super::intents::order_id;
use super::machine::Setup;
use crate::records::NameTag;

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It is stored, and the plugin was not asked yet.
    Submitted,
    /// The plugin is being asked, or was asked and its answer is not stored.
    Asking(Action),
    /// The host asks the plugin again at a set time.
    Waiting,
    /// It cannot be known whether the plugin acted. The order stays listed until a person decides.
    Undecided,
    /// There is a certificate, sealed in the order, and the host writes it to its secret store.
    Storing,
    /// Nothing changes any more.
    Finished(End),
}

/// How an order ended. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// There is a certificate.
    Generated = 1,
    /// The CA or the client canceled it.
    Canceled = 2,
    /// It failed. The order's message has the reason.
    Failed = 3,
}

/// The status of an order as the seed has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// It goes on.
    Pending,
    /// It ended with a certificate, or was canceled (decisions B2, B5).
    Active,
    /// It failed (decision B6).
    Error,
}

/// A question or an order to the plugin. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Place the order.
    Issue = 1,
    /// Tell the order's status.
    Check = 2,
    /// Take over the client's new metadata.
    Modify = 3,
    /// Cancel the order.
    Cancel = 4,
    /// Tell the outcome of a call that was cut short.
    Reconcile = 5,
    /// Revoke a certificate that came late.
    Revoke = 6,
    /// Write the certificate to the host's secret store. It asks no plugin for certificates.
    Store = 7,
    /// Place the order that renews the certificate.
    Renew = 8,
}

/// The action that is next, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The action.
    pub action: Action,
    /// The time from which on it is due.
    pub at: Timestamp,
}

/// How far the client's wish to cancel has come. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Cancel {
    /// There is none.
    #[default]
    No = 0,
    /// The plugin is to be told.
    Wanted = 1,
    /// The plugin was told.
    Told = 2,
}

/// A message to the host's listeners that is not delivered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) about: About,
    /// The time of the next try.
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

/// A certificate that came after the order was canceled (decision B17).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// The certificate, without its chain.
    pub certificate: Pem,
    /// Whether the CA revoked it.
    pub revoked: bool,
}

/// The revocation of an order's certificate, as its owner wanted it (decision B18).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// The reason.
    pub reason: RevocationReason,
    /// When the owner wanted it.
    pub since: Timestamp,
    /// Whether the CA revoked it.
    pub revoked: bool,
    /// The plugin's message, if it did not.
    pub message: String,
}

/// The renewal of an order's certificate (decision B18).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewing {
    /// The moment at which the share of the validity has passed.
    pub due: Timestamp,
    /// When a worker next acts on the renewal; earlier than `due` for an authority that says when to renew.
    pub next: Timestamp,
    /// The order that renews it, when it is placed.
    pub(crate) id: Option<NameTag>,
}

impl Renewing {
    /// Returns the order that renews the certificate, when it is placed.
    pub fn order(&self) -> Option<OrderId> {
        self.id.as_ref().map(order_id)
    }
}

/// A certificate that is to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToRevoke<'a> {
    /// That of the order.
    Own(&'a Pem, RevocationReason),
    /// One that came late.
    Late(&'a Pem),
}

/// Describes an order as the host knows it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct OrderState {
    /// Where it is in its life.
    pub phase: Phase,
    /// When this phase began.
    pub since: Timestamp,
    /// The status of the plugin's last answer.
    pub sub_status: Option<CertificateStatus>,
    /// The plugin's message, or the host's reason. It holds no secret.
    pub message: String,
    /// The next action; `None` while none is scheduled.
    pub scheduled: Option<Scheduled>,
    /// How often the plugin failed since its last answer.
    pub failures: u32,
    /// The certificate. In [`End::Failed`] it is one that broke a rule, and is kept in quarantine.
    pub certificate: Option<IssuedCertificate>,
    /// A certificate that came after the order was canceled.
    pub late: Option<Late>,
    /// The revocation of the certificate; `None` while it is not wanted.
    pub revocation: Option<Revocation>,
    /// The end of the certificate's validity, when there is one.
    pub expires: Option<Timestamp>,
    /// The renewal of the certificate; `None` if it is not wanted, or there is no certificate yet.
    pub renewal: Option<Renewing>,
    /// The metadata that the plugin works with, as JSON.
    pub(crate) metadata: Wiped<String>,
    /// The client's update that the plugin was not told of yet, as JSON.
    pub(crate) proposed: Option<Wiped<String>>,
    /// The update that the plugin is told of, as JSON. The order has it when the authority took it over.
    pub(crate) changing: Option<Wiped<String>>,
    /// The plugin's own data for this order, as JSON (decision B9).
    pub(crate) plugin_meta: Wiped<String>,
    /// Whether the plugin saved its data during the call that is open.
    pub(crate) checkpointed: bool,
    /// How many updates the plugin was told of: each is an intent of its own.
    pub(crate) modifications: u32,
    /// Whether the plugin may know of the order.
    pub(crate) is_placed: bool,
    /// The action whose outcome is not known, while the plugin is asked about it.
    pub(crate) unknown: Option<Action>,
    pub(crate) cancel: Cancel,
    /// Whether the record goes when the order is settled.
    pub(crate) delete: bool,
    /// The action that a client's wish displaced.
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

    /// The status as the seed has it.
    pub fn status(&self) -> OrderStatus {
        match self.phase {
            Phase::Finished(End::Failed) => OrderStatus::Error,
            Phase::Finished(End::Generated | End::Canceled) => OrderStatus::Active,
            _ => OrderStatus::Pending,
        }
    }

    /// Waits for a scheduled action.
    pub(super) fn waiting(self, now: Timestamp, scheduled: Scheduled) -> Self {
        let next = Self { phase: Phase::Waiting, since: now, scheduled: Some(scheduled), ..self };
        next.with_wishes(now)
    }

    /// Puts a client's wish in front of the scheduled action. The plugin is not told about an order that it
    /// does not know.
    pub(super) fn with_wishes(mut self, now: Timestamp) -> Self {
        if self.phase != Phase::Waiting || self.is_being_placed() {
            return self;
        }
        let has_update = self.proposed.is_some() || self.changing.is_some();
        let action = match (self.cancel, has_update) {
            (Cancel::Wanted, _) if !self.is_placed => return self.finished(now, End::Canceled),
            (Cancel::Wanted, _) => Action::Cancel,
            (Cancel::No, true) if !self.is_placed => {
                self.metadata = self.proposed.take().unwrap_or(self.metadata);
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

    /// Tells whether the order may have arrived at the CA, and may not: it is placed again, or looked for. A client's
    /// wish waits until that is known, because a CA refuses a change of an order that it does not have.
    fn is_being_placed(&self) -> bool {
        let is_next = self.scheduled.is_some_and(|scheduled| scheduled.action == Action::Issue);
        self.is_placed && (is_next || self.unknown == Some(Action::Issue))
    }

    /// Ends the order. What is not delivered yet is still delivered.
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

    /// Waits for a person's decision.
    pub(super) fn undecided(self, now: Timestamp) -> Self {
        Self { phase: Phase::Undecided, since: now, scheduled: None, displaced: None, notice: None, ..self }
    }

    /// Ends the order with its certificate, and tells the listeners.
    pub(super) fn ready(self, notifies: bool, now: Timestamp) -> Self {
        let notice = notifies.then_some(Notice { about: About::Ready, at: now, failures: 0 });
        let ready = Self { notice, ..self.finished(now, End::Generated) };
        ready.living_on(now)
    }

    /// Ends the order once its certificate is where the host keeps it, and plans its renewal.
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

    /// Schedules what is left to do for a finished order: a revocation first, then the renewal.
    pub(super) fn living_on(self, now: Timestamp) -> Self {
        let renews =
            self.renewal.as_ref().filter(|renewal| renewal.id.is_none() && self.revocation.is_none());
        let scheduled = match (self.to_revoke(), renews) {
            (Some(_), _) => Some(Scheduled { action: Action::Revoke, at: now }),
            (None, Some(renewal)) => Some(Scheduled { action: Action::Renew, at: renewal.next }),
            (None, None) => None,
        };
        Self { scheduled, ..self }
    }

    /// Tells whether a notice of a past event is undelivered. A notice of expiry does not delay the removal of the
    /// record.
    pub(super) fn owes_notice(&self) -> bool {
        self.notice.as_ref().is_some_and(|notice| notice.about != About::Expiring)
    }

    /// Tells whether nothing but the renewal is scheduled, which does not delay the removal of the record.
    pub(super) fn is_at_rest(&self) -> bool {
        self.scheduled.is_none_or(|scheduled| scheduled.action == Action::Renew)
    }

    /// Takes over a client's wish to cancel.
    pub(super) fn with_cancel(self, now: Timestamp) -> Self {
        Self { cancel: Cancel::Wanted, proposed: None, ..self }.with_wishes(now)
    }

    /// Whether the authority is still to make the certificate.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Submitted | Phase::Waiting)
    }

    /// Whether the certificate is in the host's secret store, if there is one.
    pub(super) fn is_kept(&self) -> bool {
        self.phase == Phase::Finished(End::Generated)
    }

    /// Tells whether listeners are to hear that the certificate expires: not once it is revoked, or the order that
    /// renews it has a certificate.
    pub(super) fn is_expiry_news(&self, renewal: Option<&Self>) -> bool {
        let is_revoked = self.revocation.as_ref().is_some_and(|revocation| revocation.revoked);
        !is_revoked && !renewal.is_some_and(Self::is_kept)
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

    /// Whether a client deleted the order, and nothing is left to do for it.
    pub(super) fn is_settled(&self) -> bool {
        let has_late = self.late.as_ref().is_some_and(|late| !late.revoked);
        let is_quiet = !self.owes_notice() && self.is_at_rest();
        self.delete && matches!(self.phase, Phase::Finished(_)) && !has_late && is_quiet
    }

    /// The moment at which a worker looks at the order again, if no worker has claimed it.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let scheduled = match self.phase {
            // Without a claim, its worker was lost.
            Phase::Asking(_) => Some(self.since),
            Phase::Undecided => None,
            _ => self.scheduled.map(|scheduled| scheduled.at),
        };
        let notice = self.notice.as_ref().map(|notice| notice.at);
        scheduled.into_iter().chain(notice).min()
    }
}
