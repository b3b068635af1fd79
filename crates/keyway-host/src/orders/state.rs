//! Defines the state of an order, and its transitions.

use std::time::Duration;

use keyway_certificates::{CertificateStatus, IssuedCertificate, OrderId, Pem, RevocationReason};
use keyway_core::{Timestamp, Wiped};

use super::intents::order_id;
use crate::records::NameTag;

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
    /// The order failed. Its message has the reason. If the host gave up an order that the CA may still work on, it
    /// asks the CA to cancel the order, and [`OrderState::scheduled`] shows this until it is done.
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
    /// Whether the attempts to revoke the certificate have ended without success.
    pub(crate) ended: bool,
    /// The number of late certificates that the order kept before this one.
    pub(crate) number: u32,
}

impl Late {
    /// Tells whether the certificate is revoked, or the attempts to revoke it have ended.
    pub(super) const fn is_settled(&self) -> bool {
        self.revoked || self.ended
    }
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
    /// Whether the attempts to revoke the certificate have ended without success.
    pub(crate) ended: bool,
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
    /// The revocation of the late certificate with this number.
    Late(u32),
}

/// A certificate that is to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToRevoke<'a> {
    /// The certificate of the order.
    Own(&'a Pem, RevocationReason),
    /// A certificate that came after the order was canceled or ended.
    Late(&'a Late),
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
    /// A certificate that came after the order was canceled or ended. If there are several, they take this place one
    /// after another, when the attempts to revoke the one before have ended. The log of issued certificates has
    /// all that the host can read.
    pub late: Option<Late>,
    /// Further late certificates, which wait for their revocation.
    pub(crate) later: Vec<Pem>,
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
    /// The action with the unknown outcome, while the plugin is asked about it. In [`End::Failed`], [`Action::Issue`]
    /// while the order is canceled, and may still arrive at the authority.
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
            later: Vec::new(),
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

    /// Moves the order to the phase `Undecided`, in which it waits for a person.
    pub(super) fn undecided(self, now: Timestamp) -> Self {
        Self { phase: Phase::Undecided, since: now, scheduled: None, displaced: None, notice: None, ..self }
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
