//! The stored form of an order: the placed request, which is sealed once, and the state.

use std::fmt;
use std::time::Duration;

use keyway_certificates::{
    AuthorityName, CaId, CertificateStatus, IssuedCertificate, OrderMetadata, Owner, Pem, PluginMeta,
    RevocationReason,
};
use keyway_core::codec::{
    LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time, put_u32, put_u64,
};
use keyway_core::{Timestamp, Wiped};
use keyway_x509::IssuedFacts;

use super::renewal::Renewal;
use super::state::{
    About, Action, Cancel, End, Late, Notice, OrderState, Phase, Renewing, Revocation, Scheduled,
};
use crate::records::{NameTag, Stored, id_text, read_code, read_id};

/// The maximum size of an order's record. It is more than the 512 KiB of other records (decision R8), because the host
/// also keeps the request that it made and the certificate that the order replaces.
pub(super) const LARGEST: usize = 640 << 10;

/// Checks that the record of the largest order fits, so that a certificate is never lost because its order is too
/// large. `fixed` is the sealed fixed part, in base64, with two PEM texts and short names. `asked` is the state while
/// the plugin is asked, with three versions of the metadata. `ended` is the later state, with one version of the
/// metadata, a certificate, its chain, a late certificate, and waiting ones of at most its size in total.
const _: () = {
    let fixed = (2 * Pem::MAX_BYTES + (8 << 10)) / 3 * 4;
    let asked = PluginMeta::MAX_BYTES + 3 * OrderMetadata::MAX_BYTES;
    let ended = PluginMeta::MAX_BYTES + OrderMetadata::MAX_BYTES + 4 * Pem::MAX_BYTES;
    assert!(fixed + asked < LARGEST && fixed + ended < LARGEST);
};

/// The part of an order that never changes. For example, the authority is chosen only once (decision B10).
#[derive(Clone, PartialEq)]
pub(crate) struct Placed {
    pub(super) owner: Owner,
    /// The connection to the CA that works on the order.
    pub(super) authority: AuthorityName,
    pub(super) ca: Option<CaId>,
    /// The request that the host made from a stored key.
    pub(super) generated_csr: Option<Pem>,
    /// The certificate that this order's certificate replaces, if this order is a renewal.
    pub(super) replaces: Option<Pem>,
    /// The reference to the container with the stored key.
    pub(super) key_container: Option<String>,
    /// The first order of the chain, if this order is a renewal.
    pub(super) chain: Option<NameTag>,
    /// Whether the certificate is renewed, and when.
    pub(super) renewal: Option<Renewal>,
    pub(super) made: Timestamp,
    /// The moment at which the order is ended if it is still open.
    pub(super) deadline: Option<Timestamp>,
}

impl Placed {
    /// Returns the first order of this order's chain of renewals. An order is in a chain if it renews another order, or
    /// is to be renewed.
    pub(super) fn chain_of(&self, own: &NameTag) -> Option<NameTag> {
        self.chain.or_else(|| self.renewal.map(|_| *own))
    }

    /// Returns when the certificate is to be renewed; `None` if no renewal is wanted.
    pub(super) fn renew_at(&self, facts: &IssuedFacts, now: Timestamp) -> Option<Timestamp> {
        Some(self.renewal?.due(facts.not_before, facts.not_after, now))
    }
}

impl Stored for Placed {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        let text = |text: &str| 1 + LENGTH_BYTES + text.len();
        let optional = |value: Option<&str>| text(value.unwrap_or_default());
        2 * 9
            + 1
            + 32
            + LENGTH_BYTES
            + 5
            + text(self.owner.as_str())
            + text(self.authority.as_str())
            + optional(self.ca.as_ref().map(CaId::as_str))
            + optional(self.generated_csr.as_ref().map(Pem::as_str))
            + optional(self.replaces.as_ref().map(Pem::as_str))
            + optional(self.key_container.as_deref())
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_time(out, self.made);
        put_optional(out, self.deadline, put_time);
        put_text(out, self.owner.as_str());
        put_text(out, self.authority.as_str());
        put_optional(out, self.ca.as_ref().map(CaId::as_str), put_text);
        put_optional(out, self.generated_csr.as_ref().map(Pem::as_str), put_text);
        put_optional(out, self.key_container.as_deref(), put_text);
        put_optional(out, self.chain.as_ref(), |out, chain| put_text(out, &id_text(chain)));
        put_optional(out, self.renewal, |out, renewal| put_u32(out, renewal.thousandths().into()));
        put_optional(out, self.replaces.as_ref().map(Pem::as_str), put_text);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (made, deadline) = (reader.time()?, reader.optional(Reader::time)?);
        let owner = Owner::new(reader.text()?).map_err(|_| Malformed { expected: "an owner" })?;
        let authority = AuthorityName::new(reader.text()?)
            .map_err(|_| Malformed { expected: "the name of a connection to a CA" })?;
        let ca = reader.optional(Reader::text)?.map(CaId::new).transpose();
        let ca = ca.map_err(|_| Malformed { expected: "the id of a CA" })?;
        let generated_csr = reader.optional(pem)?;
        let key_container = reader.optional(Reader::text)?.map(str::to_owned);
        let chain = reader.optional(id)?;
        let renewal = reader.optional(|reader| {
            let thousandths = u16::try_from(reader.u32()?);
            thousandths.map(Renewal::at_thousandths).map_err(|_| Malformed { expected: "a share" })
        })?;
        let replaces = reader.optional(pem)?;
        Ok(Self {
            owner,
            authority,
            ca,
            generated_csr,
            replaces,
            key_container,
            chain,
            renewal,
            made,
            deadline,
        })
    }
}

impl fmt::Debug for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placed").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Stored for OrderState {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        let certificate = |certificate: &IssuedCertificate| {
            let intermediates = certificate.intermediates.as_ref().map_or(0, |pem| pem.as_str().len());
            2 * (1 + LENGTH_BYTES) + certificate.certificate.as_str().len() + intermediates
        };
        let texts = self.message.len() + self.metadata.len() + self.plugin_meta.len();
        96 + 6 * LENGTH_BYTES
            + texts
            + [&self.proposed, &self.changing].into_iter().flatten().map(|text| text.len()).sum::<usize>()
            + self.certificate.as_ref().map_or(0, certificate)
            + self.late.as_ref().map_or(0, |late| late.certificate.as_str().len() + 8)
            + self.later.iter().map(|pem| LENGTH_BYTES + pem.as_str().len()).sum::<usize>()
            + (1 + 8)
            + (1 + 2 * 8 + 1 + LENGTH_BYTES + 32)
            + self.revocation.as_ref().map_or(0, |revocation| LENGTH_BYTES + 10 + revocation.message.len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(phase_code(self.phase));
        put_optional(out, self.sub_status, |out, status| out.push(status_code(status)));
        out.push(self.cancel as u8);
        out.extend([self.checkpointed, self.is_placed, self.delete].map(u8::from));
        put_optional(out, self.unknown, |out, action| out.push(action as u8));
        put_u32(out, self.failures);
        put_u32(out, self.modifications);
        put_time(out, self.since);
        put_optional(out, self.scheduled, put_scheduled);
        put_optional(out, self.displaced, put_scheduled);
        put_optional(out, self.notice.as_ref(), put_notice);
        put_text(out, &self.message);
        put_text(out, &self.metadata);
        put_optional(out, self.proposed.as_ref().map(|text| text.as_str()), put_text);
        put_optional(out, self.changing.as_ref().map(|text| text.as_str()), put_text);
        put_text(out, &self.plugin_meta);
        put_optional(out, self.certificate.as_ref(), put_certificate);
        put_optional(out, self.late.as_ref(), |out, late| {
            let is_alone = late.number == 0 && self.later.is_empty();
            out.push(revoked_code(late.revoked, late.ended) + if is_alone { 0 } else { WITH_OTHERS });
            put_text(out, late.certificate.as_str());
            if !is_alone {
                put_u32(out, late.number);
                put_u32(out, u32::try_from(self.later.len()).unwrap_or(u32::MAX));
                for other in &self.later {
                    put_text(out, other.as_str());
                }
            }
        });
        put_optional(out, self.revocation.as_ref(), |out, revocation| {
            let revoked = revoked_code(revocation.revoked, revocation.ended);
            out.extend([revocation.reason.code(), revoked]);
            put_time(out, revocation.since);
            put_text(out, &revocation.message);
        });
        put_optional(out, self.expires, put_time);
        put_optional(out, self.renewal.as_ref(), |out, renewal| {
            put_time(out, renewal.due);
            put_time(out, renewal.next);
            put_optional(out, renewal.id.as_ref(), |out, id| put_text(out, &id_text(id)));
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let phase = read_code(reader, &PHASES, phase_code, "the phase of an order")?;
        let sub_status = reader.optional(|reader| {
            read_code(reader, &CertificateStatus::ALL, status_code, "the status of a certificate")
        })?;
        let cancel = read_code(reader, &CANCELS, |cancel| cancel as u8, "how far a cancel has come")?;
        let (checkpointed, is_placed, delete) = (reader.flag()?, reader.flag()?, reader.flag()?);
        let unknown = reader.optional(action)?;
        let (failures, modifications, since) = (reader.u32()?, reader.u32()?, reader.time()?);
        let scheduled = reader.optional(scheduled)?;
        let displaced = reader.optional(self::scheduled)?;
        let notice = reader.optional(notice)?;
        let message = reader.text()?.to_owned();
        let metadata = wiped(reader)?;
        let proposed = reader.optional(wiped)?;
        let changing = reader.optional(wiped)?;
        let plugin_meta = wiped(reader)?;
        let certificate = reader.optional(certificate)?;
        let (late, later) = reader.optional(late)?.unzip();
        let revocation = reader.optional(revocation)?;
        let expires = reader.optional(Reader::time)?;
        let renewal = reader.optional(|reader| {
            Ok(Renewing { due: reader.time()?, next: reader.time()?, id: reader.optional(id)? })
        })?;
        Ok(Self {
            phase,
            since,
            sub_status,
            message,
            scheduled,
            failures,
            certificate,
            late,
            later: later.unwrap_or_default(),
            revocation,
            expires,
            renewal,
            metadata,
            proposed,
            changing,
            plugin_meta,
            checkpointed,
            modifications,
            is_placed,
            unknown,
            cancel,
            delete,
            displaced,
            notice,
        })
    }
}

fn id(reader: &mut Reader<'_>) -> Result<NameTag, Malformed> {
    read_id(reader.text()?).ok_or(Malformed { expected: "the id of an order" })
}

fn wiped(reader: &mut Reader<'_>) -> Result<Wiped<String>, Malformed> {
    Ok(Wiped::new(reader.text()?.to_owned()))
}

fn put_scheduled(out: &mut Vec<u8>, scheduled: Scheduled) {
    out.push(scheduled.action as u8);
    put_time(out, scheduled.at);
}

fn scheduled(reader: &mut Reader<'_>) -> Result<Scheduled, Malformed> {
    Ok(Scheduled { action: action(reader)?, at: reader.time()? })
}

fn action(reader: &mut Reader<'_>) -> Result<Action, Malformed> {
    read_code(reader, &ACTIONS, |action| action as u8, "an action")
}

fn put_notice(out: &mut Vec<u8>, notice: &Notice) {
    let (code, wait) = match notice.about {
        About::Ready => (1, Duration::ZERO),
        About::Unavailable(wait) => (2, wait),
        About::Expiring => (3, Duration::ZERO),
    };
    out.push(code);
    put_u64(out, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    put_time(out, notice.at);
    put_u32(out, notice.failures);
}

fn notice(reader: &mut Reader<'_>) -> Result<Notice, Malformed> {
    let (code, wait) = (reader.byte()?, Duration::from_millis(reader.u64()?));
    let about = match code {
        1 => About::Ready,
        2 => About::Unavailable(wait),
        3 => About::Expiring,
        _ => return Err(Malformed { expected: "the subject of a notice" }),
    };
    Ok(Notice { about, at: reader.time()?, failures: reader.u32()? })
}

fn revocation(reader: &mut Reader<'_>) -> Result<Revocation, Malformed> {
    let reason =
        read_code(reader, &RevocationReason::ALL, RevocationReason::code, "the reason of a revocation")?;
    let ((revoked, ended), since) = (revoked(reader.byte()?)?, reader.time()?);
    Ok(Revocation { reason, since, revoked, message: reader.text()?.to_owned(), ended })
}

/// Returns the byte that is stored for the progress of a revocation. It never changes.
const fn revoked_code(revoked: bool, ended: bool) -> u8 {
    match (revoked, ended) {
        (false, false) => 0,
        (true, _) => 1,
        (false, true) => 2,
    }
}

/// Returns whether a certificate is revoked, and whether the attempts have ended without success.
const fn revoked(code: u8) -> Result<(bool, bool), Malformed> {
    match code {
        0 => Ok((false, false)),
        1 => Ok((true, false)),
        2 => Ok((false, true)),
        _ => Err(Malformed { expected: "whether a certificate is revoked" }),
    }
}

/// The number added to the code of a late certificate if its number and the certificates that wait follow.
const WITH_OTHERS: u8 = 3;

/// Reads a late certificate, and those that wait for it.
fn late(reader: &mut Reader<'_>) -> Result<(Late, Vec<Pem>), Malformed> {
    let code = reader.byte()?;
    let others = code.checked_sub(WITH_OTHERS);
    let ((revoked, ended), certificate) = (revoked(others.unwrap_or(code))?, pem(reader)?);
    let (mut number, mut later) = (0, Vec::new());
    if others.is_some() {
        number = reader.u32()?;
        for _ in 0..reader.u32()? {
            later.push(pem(reader)?);
        }
    }
    Ok((Late { certificate, revoked, ended, number }, later))
}

fn pem(reader: &mut Reader<'_>) -> Result<Pem, Malformed> {
    Pem::new(reader.text()?).map_err(|_| Malformed { expected: "a PEM text" })
}

fn put_certificate(out: &mut Vec<u8>, certificate: &IssuedCertificate) {
    put_text(out, certificate.certificate.as_str());
    put_optional(out, certificate.intermediates.as_ref().map(Pem::as_str), put_text);
}

fn certificate(reader: &mut Reader<'_>) -> Result<IssuedCertificate, Malformed> {
    let certificate = IssuedCertificate::new(pem(reader)?);
    Ok(match reader.optional(pem)? {
        Some(intermediates) => certificate.with_intermediates(intermediates),
        None => certificate,
    })
}

const ACTIONS: [Action; 8] = [
    Action::Issue,
    Action::Check,
    Action::Modify,
    Action::Cancel,
    Action::Reconcile,
    Action::Revoke,
    Action::Store,
    Action::Renew,
];

const PHASES: [Phase; 13] = [
    Phase::Submitted,
    Phase::Asking(Action::Issue),
    Phase::Asking(Action::Check),
    Phase::Asking(Action::Modify),
    Phase::Asking(Action::Cancel),
    Phase::Asking(Action::Reconcile),
    Phase::Asking(Action::Revoke),
    Phase::Waiting,
    Phase::Undecided,
    Phase::Storing,
    Phase::Finished(End::Generated),
    Phase::Finished(End::Canceled),
    Phase::Finished(End::Failed),
];

/// Returns the byte that is stored for a phase. It never changes.
const fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Submitted => 1,
        Phase::Waiting => 2,
        Phase::Undecided => 3,
        Phase::Storing => 4,
        Phase::Finished(end) => 5 + end as u8,
        Phase::Asking(action) => 10 + action as u8,
    }
}

const CANCELS: [Cancel; 3] = [Cancel::No, Cancel::Wanted, Cancel::Told];

/// Returns the byte that is stored for a status. It never changes.
const fn status_code(status: CertificateStatus) -> u8 {
    match status {
        CertificateStatus::Generated => 1,
        CertificateStatus::WaitingForCa => 2,
        CertificateStatus::ClientDataIssue => 3,
        CertificateStatus::CaUnavailable => 4,
        CertificateStatus::Canceled => 5,
        CertificateStatus::InvalidOperation => 6,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyway_seal::{Key, KeyRing};
    use keyway_storage::Memory;
    use proptest::prelude::*;

    use super::super::workflow::OrderWorkflow;
    use super::*;
    use crate::records::{Address, Applied, Change, Entry, Journal, SealedRecords};

    proptest! {
        #[test]
        fn a_placed_order_comes_back_and_a_cut_one_is_refused(
            owner in "[a-z ]{1,9}", ca in prop::option::of("[a-z ]{1,9}"), csr in prop::option::of("[a-z]{1,40}"), old in prop::option::of("[a-z]{1,40}"), key: Option<String>, chain: Option<[u8; 16]>, share: Option<u16>,
            made: u64, deadline: Option<u64>, cut: prop::sample::Index,
        ) {
            let placed = Placed {
                owner: Owner::new(owner).unwrap(),
                authority: AuthorityName::new("desk").unwrap(),
                ca: ca.map(|ca| CaId::new(ca).unwrap()),
                generated_csr: csr.map(|csr| Pem::new(csr).unwrap()),
                replaces: old.map(|old| Pem::new(old).unwrap()),
                key_container: key,
                chain,
                renewal: share.map(Renewal::at_thousandths),
                made: Timestamp::from_milliseconds(made),
                deadline: deadline.map(Timestamp::from_milliseconds),
            };
            let mut bytes = Vec::new();
            placed.write(&mut bytes);
            prop_assert!(bytes.len() <= placed.encoded_len());
            prop_assert!(Placed::read(&mut Reader::new(&bytes)).unwrap() == placed);
            prop_assert!(Placed::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
        }
    }

    #[tokio::test]
    async fn the_largest_order_is_stored() {
        let text = |bytes: usize| Wiped::new("x".repeat(bytes));
        let pem = || Pem::new("x".repeat(Pem::MAX_BYTES)).unwrap();
        let placed = Placed {
            owner: Owner::new("o".repeat(Owner::MAX_BYTES)).unwrap(),
            authority: AuthorityName::new("desk").unwrap(),
            ca: None,
            generated_csr: Some(pem()),
            replaces: Some(pem()),
            key_container: Some("k".repeat(2048)),
            chain: None,
            renewal: None,
            made: Timestamp::from_milliseconds(0),
            deadline: None,
        };
        let mut issued = IssuedCertificate::new(pem());
        issued.intermediates = Some(pem());
        let mut ended = OrderState::new(Timestamp::from_milliseconds(0), text(OrderMetadata::MAX_BYTES));
        ended.plugin_meta = text(PluginMeta::MAX_BYTES);
        ended.certificate = Some(issued);
        ended.late = Some(Late { certificate: pem(), revoked: false, ended: false, number: 1 });
        ended.later = vec![pem()];

        let ring = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let records = SealedRecords::open(Arc::new(Memory::new()), ring).await.unwrap();
        let journal: Journal<OrderWorkflow> = Journal::new(Arc::new(records), "host".into());
        let mut entry = Entry::new(Address { scope: [1; 16], id: [2; 16] }, placed);
        let stored = journal.apply(&mut entry, Change::to(Some(ended))).await;
        assert!(matches!(stored, Ok(Applied::Stored)), "{:?}", stored.err());
    }
}
