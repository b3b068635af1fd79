//! Carries out the commands of the state machine by calling certificate authorities.

use std::sync::Arc;

use keyway_certificates::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CreateCa, DeleteCa,
    IntendedCall, IntentId, ObjectRef, Reconciled, Reconciliation,
};
use keyway_core::{Effect, ErrorKind, PluginError, Timestamp};
use tracing::warn;

use super::super::asking::one_line;
use super::super::authority::{Connections, not_connected};
use super::super::cas::Cas;
use super::error::SubordinateError;
use super::machine::{self, Command, Event, Phase, State, TransitionError};
use super::record::Requested;
use crate::plugin::LaneGuard;
use crate::records::{Due, Entry, NameTag, Names, RecordKind, Recorded, id_text};
use crate::work::{Carried, Claimed, Lane, Limits, Machine, Workflow};

/// The parts of a host that the work on subordinate authorities needs.
#[derive(Debug)]
pub(crate) struct SubordinateWorkflow {
    pub(super) authorities: Connections,
    pub(super) cas: Arc<Cas>,
    pub(super) limits: Limits,
}

impl Recorded for SubordinateWorkflow {
    const KIND: RecordKind = RecordKind::SubordinateCa;
    type Fixed = Requested;
    type State = State;

    /// Returns the names that only one record may have: the authority's name, over all connections, and the plugin's id
    /// within its connection (decision B14).
    fn unique<'a>(_: &'a NameTag, requested: &'a Requested, state: &'a State) -> Vec<Names<'a>> {
        let name = Names::of([b"name", requested.name.as_bytes()]);
        let of = |ca: &'a CaId| Names::of([requested.authority.as_str().as_bytes(), ca.as_str().as_bytes()]);
        std::iter::once(name).chain(state.ca.as_ref().map(of)).collect()
    }

    fn due(_: &Requested, state: &State) -> Due {
        match state.phase {
            Phase::Active => Due::Never,
            Phase::Undecided => Due::Decision,
            Phase::Creating | Phase::Deleting => state.next.map_or(Due::Decision, Due::At),
        }
    }

    fn lane(requested: &Requested) -> &str {
        requested.authority.as_str()
    }
}

type Done = Carried<SubordinateWorkflow>;

impl Workflow for SubordinateWorkflow {
    type Event = Event;
    type Command = Command;
    type TransitionError = TransitionError;
    /// A waiting owner passes no data of its own to the worker.
    type Live = ();
    type Answer = CaInformation;
    type Failure = SubordinateError;

    const ENGINE: &'static str = "subordinate authorities";
    const STEP: Machine<Self> = machine::step;

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn taken(&self, event: &Event, _: &Entry<Self>) -> Event {
        match event {
            Event::Create { .. } => Event::NameTaken,
            Event::Created { now, .. } => taken(*now),
            Event::Decide { .. } => Event::DecisionTaken,
            other => other.clone(),
        }
    }

    fn wake(&self, requested: &Requested, now: Timestamp) -> Event {
        Event::Wake { now, can: self.can(requested) }
    }

    fn record_id(entry: &Entry<Self>) -> String {
        id_text(&entry.address.id)
    }

    fn is_elsewhere(failure: &SubordinateError) -> bool {
        matches!(failure, SubordinateError::Refused(TransitionError::NotDue | TransitionError::NoCa))
    }

    fn stored(&self, entry: &Entry<Self>, _: &Self::Event) {
        if let Some(State { phase: Phase::Active, ca: Some(ca), .. }) = &entry.state {
            self.cas.learned(&entry.fixed, ca);
        }
    }

    fn lanes(&self) -> Vec<Lane> {
        self.authorities.lanes()
    }

    fn guard(&self, lane: &str) -> Option<&dyn LaneGuard> {
        self.authorities.guard(lane)
    }

    async fn carry_out(&self, on: &Claimed<'_, Self>, command: Command, live: Option<&()>) -> Done {
        match command {
            Command::Create => Box::pin(self.create(on, live.is_some())).await,
            Command::Reconcile => Box::pin(self.reconcile(on)).await,
            Command::Delete => Box::pin(self.delete(on)).await,
        }
    }
}

/// Returns the event for an answer that names an authority that is not new: the authority of another record, or one
/// that all owners may use.
fn taken(now: Timestamp) -> Event {
    let message = "the plugin answered with an authority that was there before".to_owned();
    Event::CannotTell { now, message }
}

/// Returns the id of the intent to create an authority. A person names an undecided authority by this id, because it
/// has no id of its own yet.
pub(super) fn creation(id: &NameTag) -> IntentId {
    intent(id_text(id))
}

fn deletion(id: &NameTag) -> IntentId {
    intent(format!("{}.delete", id_text(id)))
}

fn intent(text: String) -> IntentId {
    IntentId::new(text).unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
}

impl SubordinateWorkflow {
    fn can(&self, requested: &Requested) -> Capabilities {
        self.authorities.capabilities(&requested.authority).unwrap_or(Capabilities::MINIMAL)
    }

    async fn create(&self, on: &Claimed<'_, Self>, is_awaited: bool) -> Done {
        let request = request(on);
        let answer = self.call(on, "create_ca", |ca| async move { ca.create_ca(&request).await }).await;
        self.authorities.want_upkeep(&on.entry.fixed.authority);
        match answer {
            Ok(information) => self.created(on, information),
            Err(error) if error.effect() == Effect::None => {
                let is_passing = matches!(error.kind(), ErrorKind::Unavailable { .. });
                let (again, message) =
                    (on.again(error.kind().retry_after()), one_line(error.client_message()));
                let (gives_up, can) = (is_awaited || !is_passing, self.can(&on.entry.fixed));
                failed(on, Event::NotCreated { again, gives_up, can, message }, error)
            }
            Err(error) => self.unanswered(on, error),
        }
    }

    /// Accepts the plugin's answer, unless it names an authority that belongs to another owner or that all owners may
    /// use.
    fn created(&self, on: &Claimed<'_, Self>, information: CaInformation) -> Done {
        let (now, requested) = (on.now(), &on.entry.fixed);
        if !self.cas.may_be_new(requested, &information.id) {
            let error =
                CertificateError::system("create an authority", "it answered with one that was there");
            return failed(on, taken(now), error);
        }
        Carried::answered(Event::Created { now, ca: information.id.clone() }, information)
    }

    fn unanswered(&self, on: &Claimed<'_, Self>, error: CertificateError) -> Done {
        let (again, message) = (on.again(error.kind().retry_after()), one_line(error.client_message()));
        failed(on, Event::Unanswered { again, can: self.can(&on.entry.fixed), message }, error)
    }

    /// Asks the plugin whether an earlier call created the authority (decision R2).
    async fn reconcile(&self, on: &Claimed<'_, Self>) -> Done {
        let question = Reconciliation::from(IntendedCall::CreateCa(request(on)));
        let answer = self.call(on, "reconcile", |ca| async move { ca.reconcile(&question).await }).await;
        let now = on.now();
        match answer {
            Ok(Reconciled::Made(ObjectRef::Ca(id))) => self.created(on, on.entry.fixed.information(&id)),
            Ok(Reconciled::NothingHappened) => Carried::done(Event::NeverCreated { now }),
            Ok(_) => {
                let message = "the plugin cannot tell whether it created the authority".to_owned();
                Carried::done(Event::CannotTell { now, message })
            }
            Err(error) => self.unanswered(on, error),
        }
    }

    /// Deletes the authority, and then its owner's preference for it. Both steps can be repeated after a crash.
    async fn delete(&self, on: &Claimed<'_, Self>) -> Done {
        let requested = &on.entry.fixed;
        let Some(ca) = on.entry.state.as_ref().and_then(|state| state.ca.clone()) else {
            // The plugin can delete only an authority whose id is in the record. Without an id, nothing is left to do.
            return Carried::done(Event::Deleted);
        };
        let request = DeleteCa::new(deletion(&on.entry.address.id), ca.clone());
        let called = self.call(on, "delete_ca", |ca| async move { ca.delete_ca(&request).await }).await;
        if let Err(error) = called {
            let is_final =
                error.effect() == Effect::None && !matches!(error.kind(), ErrorKind::Unavailable { .. });
            let (again, message) = (on.again(error.kind().retry_after()), one_line(error.client_message()));
            return failed(on, Event::NotDeleted { again, is_final, message }, error);
        }
        self.authorities.want_upkeep(&requested.authority);
        if let Err(error) = self.cas.forget(requested, &ca).await {
            let (again, message) = (on.again(None), one_line(error.to_string()));
            return Carried::failed(Event::NotDeleted { again, is_final: false, message }, error.into());
        }
        Carried::done(Event::Deleted)
    }

    async fn call<T, F>(
        &self,
        on: &Claimed<'_, Self>,
        operation: &'static str,
        work: impl FnOnce(Arc<dyn CertificateAuthority>) -> F + Send + 'static,
    ) -> Result<T, CertificateError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CertificateError>> + Send + 'static,
    {
        let opened = self.authorities.opened(&on.entry.fixed.authority).ok_or_else(not_connected)?;
        opened.call(operation, on.working().await, work).await
    }
}

fn request(on: &Claimed<'_, SubordinateWorkflow>) -> CreateCa {
    let Requested { owner, parent, name, subject_dn, description, .. } = on.entry.fixed.clone();
    let request = CreateCa::new(creation(&on.entry.address.id), name, subject_dn, parent, owner);
    match description {
        Some(description) => request.with_description(description),
        None => request,
    }
}

fn failed(on: &Claimed<'_, SubordinateWorkflow>, event: Event, error: CertificateError) -> Done {
    let Requested { authority, name, .. } = on.entry.fixed.clone();
    warn!(%authority, ca = name, error = %error.detail(), "a certificate authority failed at a subordinate one");
    Carried::failed(event, SubordinateError::Authority { authority, name, error })
}

impl Requested {
    /// Describes the authority with the facts of the record. Other facts are left out, because only the plugin knows
    /// them.
    pub(in super::super) fn information(&self, id: &CaId) -> CaInformation {
        let information = CaInformation::new(id.clone(), self.name.clone());
        match &self.description {
            Some(description) => information.with_description(description.clone()),
            None => information,
        }
    }
}
