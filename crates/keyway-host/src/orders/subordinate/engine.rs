//! The engine for subordinate authorities.

use std::sync::Arc;

use keyway_certificates::{CaId, CertificateError, IntentId, Owner};
use keyway_x509::DistinguishedName;

use super::super::authority::Connections;
use super::super::ca_owners::CaRefusal;
use super::super::ca_table::CaTable;
use super::super::cas::Cas;
use super::super::hosted_ca::host_id;
use super::error::SubordinateError;
use super::machine::{Decision, Event, Phase, TransitionError};
use super::record::Requested;
use super::view::{CaPage, NewCa, SubordinateCa};
use super::workflow::{SubordinateWorkflow, creation};
use crate::host::Lent;
use crate::records::{Address, Entry, NameTag, random, read_id};
use crate::work::{Limits, Submitted, Worker};

/// The engine for subordinate authorities: owners create them, order certificates from them, and delete them.
///
/// Get it from [`Orders::subordinate_cas`](crate::orders::Orders::subordinate_cas). A call of the engine asks the
/// plugin and waits for the answer. The [host's loop](crate::Host::run) continues work that a call leaves open. A clone
/// is another handle to the same engine. The futures need a tokio runtime, and block as much as the storage engine
/// does.
#[derive(Clone, Debug)]
pub struct SubordinateCas {
    pub(crate) worker: Arc<Worker<SubordinateWorkflow>>,
}

type CaEntry = Box<Entry<SubordinateWorkflow>>;

impl SubordinateCas {
    pub(in super::super) fn open(
        lent: &Lent,
        authorities: Connections,
        cas: Arc<Cas>,
        limits: Limits,
    ) -> Self {
        Self { worker: lent.worker(SubordinateWorkflow { authorities, cas, limits }) }
    }

    /// Creates a subordinate authority, and returns it. Only its owner can use and delete it (decision B19).
    ///
    /// A request with an [id](NewCa::with_request_id) can be repeated without creating a second authority. The repeated
    /// call returns the authority in its present state, which may still be [`Creating`](Phase::Creating).
    ///
    /// # Errors
    /// [`SubordinateError::Invalid`] names the field; [`SubordinateError::Ca`] when the owner may not use the parent;
    /// [`TransitionError::NameTaken`]; [`SubordinateError::Record`]; [`SubordinateError::Authority`] if the plugin
    /// failed. If the failed call may have had an effect, the host finds out what happened, and the authority stays in
    /// the list.
    ///
    /// # Cancel safety
    /// If the future is dropped, the authority may have been requested or not. The host continues a request that was
    /// stored.
    pub async fn create(&self, new: NewCa) -> Result<SubordinateCa, SubordinateError> {
        let (worker, cas) = (&self.worker, &self.worker.workflow.cas);
        let NewCa { owner, parent, name, subject_dn, description, request } = new;
        let id = match &request {
            Some(request) => worker.journal.id_of(&[owner.as_str(), request.as_str()].map(str::as_bytes)),
            None => random()?,
        };
        let address = Address { scope: cas.scope(&owner), id };
        if request.is_some()
            && let Some(known) =
                worker.journal.load(address).await?.and_then(|known| SubordinateCa::of(&known))
        {
            return Ok(known);
        }
        check_fields(&name, &subject_dn)?;
        let parent = cas.usable::<SubordinateError>(&owner, &parent).await?;
        if cas.table().named(&name).is_some() {
            return Err(TransitionError::NameTaken.into());
        }
        let (authority, parent) = (parent.authority, parent.information.id);
        let requested =
            Requested { owner, authority, parent, name, subject_dn, description, made: worker.clock.now() };
        let can = worker.workflow.authorities.capabilities(&requested.authority);
        if can.is_some_and(|can| !can.creates_cas) {
            return Err(unsupported(requested, "subordinate certificate authorities"));
        }
        let event = Event::Create { now: requested.made };
        let submitted = worker.submit(Box::new(Entry::new(address, requested)), event, Some(&())).await;
        let Submitted { entry, answer, failures, .. } = match submitted.map_err(SubordinateError::from) {
            // Another caller made the same request first.
            Err(SubordinateError::Refused(TransitionError::Exists)) => {
                let known = worker.journal.load(address).await?;
                return Ok(known.and_then(|known| SubordinateCa::of(&known)).ok_or(TransitionError::NoCa)?);
            }
            submitted => submitted?,
        };
        if let Some(failure) = failures.into_iter().next() {
            return Err(failure);
        }
        if let Some(information) = answer {
            cas.created(&entry.fixed, information);
        }
        Ok(SubordinateCa::of(&entry).ok_or(TransitionError::NoCa)?)
    }

    /// Deletes a subordinate authority of this owner, and the owner's preference for that authority. `ca` is the host's
    /// id of the authority.
    ///
    /// # Errors
    /// [`SubordinateError::Ca`] when the owner has no such authority, when `ca` is a base authority, or when the owner
    /// prefers this authority and has other authorities (decision B19). [`SubordinateError::Authority`] if the plugin
    /// failed: the authority stays, and unless the plugin refused, the host tries again. [`TransitionError::NotDue`]
    /// while the authority is being deleted; [`SubordinateError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the authority active, gone, or being deleted; in the last case the host continues the
    /// deletion.
    pub async fn delete(&self, owner: &Owner, ca: &CaId) -> Result<(), SubordinateError> {
        let worker = &self.worker;
        let cas = &worker.workflow.cas;
        let entries = cas.learn(owner).await?;
        cas.read_preference(Some(owner)).await?;
        cas.table().check_delete(owner, ca)?;
        let is_it = |entry: &CaEntry| {
            let state = entry.state.as_ref();
            state
                .and_then(|state| state.ca.as_ref())
                .is_some_and(|id| host_id(&entry.fixed.authority, id) == *ca)
        };
        let entry = entries.into_iter().find(is_it).ok_or_else(|| CaRefusal::Unknown { ca: ca.clone() })?;
        let can = worker.workflow.authorities.capabilities(&entry.fixed.authority);
        if can.is_some_and(|can| !can.deletes_cas) {
            return Err(unsupported(entry.fixed, "deleting a certificate authority"));
        }
        let event = Event::Delete { now: worker.clock.now() };
        let submitted = worker.submit(entry, event, Some(&())).await?;
        submitted.failures.into_iter().next().map_or(Ok(()), Err)
    }

    /// Lists the subordinate authorities of an owner, the oldest first. The list includes authorities that are being
    /// created or deleted.
    ///
    /// # Errors
    /// [`SubordinateError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn list(&self, owner: &Owner) -> Result<Vec<SubordinateCa>, SubordinateError> {
        let entries = self.worker.journal.of_scope(&self.scope(owner)).await?;
        let mut cas: Vec<_> = entries.iter().filter_map(|entry| SubordinateCa::of(entry)).collect();
        cas.sort_by(|one, other| (one.made, &one.intent).cmp(&(other.made, &other.intent)));
        Ok(cas)
    }

    /// Lists the subordinate authorities of all owners that wait for a person's decision, at most `limit` of them.
    /// `after` is [`CaPage::next`] of the page before.
    ///
    /// # Errors
    /// [`SubordinateError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn undecided(
        &self,
        after: Option<&IntentId>,
        limit: usize,
    ) -> Result<CaPage, SubordinateError> {
        let after = after.and_then(|intent| read_id(intent.as_str()));
        let (entries, next) = self.worker.journal.undecided(after.as_ref(), limit).await?;
        let cas = entries.iter().filter_map(|entry| SubordinateCa::of(entry)).collect();
        Ok(CaPage { cas, next: next.as_ref().map(creation) })
    }

    /// Records a person's decision about an authority. The person should first look at the authorities of the plugin.
    /// Returns the authority; `None` if the decision makes the host forget it.
    ///
    /// # Errors
    /// [`TransitionError::NothingToDecide`], [`TransitionError::IdTaken`], [`TransitionError::NoCa`];
    /// [`SubordinateError::Ca`] for the id of an authority that all owners may use, or that belongs to another owner;
    /// [`SubordinateError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the authority decided or unchanged.
    pub async fn decide(
        &self,
        owner: &Owner,
        intent: &IntentId,
        decision: Decision,
    ) -> Result<Option<SubordinateCa>, SubordinateError> {
        let (worker, cas) = (&self.worker, &self.worker.workflow.cas);
        let id = read_id(intent.as_str()).ok_or(TransitionError::NoCa)?;
        let address = Address { scope: self.scope(owner), id };
        let entry = worker.journal.load(address).await?.ok_or(TransitionError::NoCa)?;
        let deleted = entry.state.as_ref().filter(|state| state.phase == Phase::Deleting);
        let deleted = deleted.and_then(|state| state.ca.clone());
        if let Decision::Exists(ca) = &decision
            && !cas.may_be_new(&entry.fixed, ca)
        {
            return Err(CaRefusal::Base { ca: ca.clone() }.into());
        }
        let event = Event::Decide { now: worker.clock.now(), decision };
        let submitted = worker.submit(entry, event, None).await?;
        let decided = SubordinateCa::of(&submitted.entry);
        if let (None, Some(ca)) = (&decided, deleted) {
            cas.forget(&submitted.entry.fixed, &ca).await?;
        }
        Ok(decided)
    }

    fn scope(&self, owner: &Owner) -> NameTag {
        self.worker.workflow.cas.scope(owner)
    }
}

fn check_fields(name: &str, subject_dn: &str) -> Result<(), SubordinateError> {
    let invalid = |field, reason| Err(SubordinateError::Invalid { field, reason });
    if !CaTable::is_name(name) {
        let limit = CaTable::MAX_NAME_BYTES;
        return invalid("name", format!("use 1 to {limit} bytes without control characters"));
    }
    match subject_dn.parse::<DistinguishedName>() {
        Ok(_) => Ok(()),
        Err(error) => invalid("subject", error.to_string()),
    }
}

fn unsupported(Requested { authority, name, .. }: Requested, what: &'static str) -> SubordinateError {
    SubordinateError::Authority { authority, name, error: CertificateError::Unsupported { what } }
}
