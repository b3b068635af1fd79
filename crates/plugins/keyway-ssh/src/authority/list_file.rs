//! The file of a revocation list, and the record beside it.

use keyway_core::{Effect, PluginError};
use std::path::{Path, PathBuf};

use keyway_files::{FileError, FilePath, Found, Rights};
use keyway_issuers::IssuerError;

use super::krl::{RevocationList, RevocationListFault};
use super::record::Record;
use crate::file::{IssuerFile, failed};

/// Creates the empty list of revoked certificates for the setting `krl_file`, with its record beside it, so
/// that `ssh-ca` can issue certificates and `sshd` accepts them. Blocks.
///
/// Keeps an existing list, and adds its record if that is missing. Calling it again is harmless.
///
/// # Errors
/// An error if the record shows that the list is missing, or is older than the record: restore the list from a copy.
/// Also an error if the system refuses a step; the next call continues with that step.
pub fn set_up_revocation_list(krl_file: impl AsRef<Path>) -> Result<(), IssuerError> {
    let invalid =
        |reason: &dyn std::fmt::Display| IssuerError::invalid("the path of the list", reason.to_string());
    let path = krl_file.as_ref().to_str().ok_or_else(|| invalid(&"use a path that is text"))?;
    let list = FilePath::new(path).map_err(|fault| invalid(&fault))?;
    ListFile::new(IssuerFile::new(list)).set_up()
}

/// A list and its record. Each is replaced as a whole, the record first.
#[derive(Clone, Debug)]
pub(super) struct ListFile {
    list: IssuerFile,
    record: IssuerFile,
}

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListFault {
    #[error("there is no list yet, and without one `sshd` refuses all keys: create it once, with `keyway-ssh-ca set-up {}` or `keyway_ssh::set_up_revocation_list`", .0.display())]
    NotSetUp(PathBuf),
    #[error("{} is missing, and {} says that it was written (number {number}); meanwhile `sshd` refuses all keys. Put the newest copy back. {NO_COPY}", .list.display(), .record.display())]
    Lost { list: PathBuf, record: PathBuf, number: u64 },
    #[error("{} is older (number {found}) than {} says (number {number}); meanwhile `sshd` accepts certificates that were revoked since. Put the newest copy back. {NO_COPY}", .list.display(), .record.display())]
    Older { list: PathBuf, record: PathBuf, found: u64, number: u64 },
    #[error("{} was written (number {found}), and its record {} is missing, so it may be an old copy; `sshd` uses it meanwhile. Put the record back, or, if the list is the newest, run `keyway-ssh-ca set-up`", .list.display(), .record.display())]
    NoRecord { list: PathBuf, record: PathBuf, found: u64 },
    #[error("{} is not a record of a list: put it back from a copy, or, if the list beside it is the newest, remove it and run `keyway-ssh-ca set-up`", .0.display())]
    Record(PathBuf),
    #[error(transparent)]
    List(#[from] RevocationListFault),
}

/// The part of an error message that tells what to do if revocations are lost and there is no copy of the list.
const NO_COPY: &str = "Without a copy, give the authority another key, since the revoked certificates are valid again; \
    then remove list and record and run `keyway-ssh-ca set-up`";

impl From<RevocationListFault> for IssuerError {
    fn from(fault: RevocationListFault) -> Self {
        ListFault::from(fault).into()
    }
}

impl From<ListFault> for IssuerError {
    fn from(fault: ListFault) -> Self {
        let source = Some(fault.into());
        Self::Unavailable { what: "the list of revoked certificates", retry_after: None, source }
    }
}

/// A list that agrees with its record.
struct Opened {
    list: RevocationList,
    record: Record,
    /// Whether the record was read from its file. If not, it was assumed for a list that has no record yet.
    recorded: bool,
}

/// The files to write, the record first.
#[derive(Default)]
struct Change {
    record: Option<Record>,
    list: Option<RevocationList>,
    /// True if `edit` must run again after this change.
    again: bool,
}

impl ListFile {
    /// The mode of both files: `sshd` and operators read them, and they hold no secret.
    const RIGHTS: Rights = Rights::Kept { new_mode: 0o644 };
    /// The number of attempts at a change while programs without a lock write.
    const ATTEMPTS: usize = 20;

    pub(super) fn new(list: IssuerFile) -> Self {
        Self { record: list.beside(".keyway-record"), list }
    }

    /// Records that a certificate is about to be issued. Checks that the certificate is not revoked, that it can be
    /// revoked, and that its revocation would be kept long enough.
    pub(super) fn admit(&self, key_id: &str, valid_seconds: u64, now: u64) -> Result<(), IssuerError> {
        self.change(now, |Opened { list, record, recorded }| {
            if list.revokes(key_id)? {
                return Err(IssuerError::refused(
                    "This request was withdrawn. Please make a new one.",
                    "a certificate was asked for again after it was revoked",
                ));
            }
            let mut noted = record.clone();
            noted.note_certificate(valid_seconds, now);
            // Another program may have changed the list and increased its number.
            if list.version() > record.number {
                (noted.number, noted.last) = (list.version(), None);
            }
            let is_new = !recorded || noted != record;
            Ok(Change { record: is_new.then_some(noted), ..Change::default() })
        })
    }

    /// Revokes the certificates with this key id. Calling it again is harmless.
    pub(super) fn revoke(&self, key_id: &str, now: u64) -> Result<(), IssuerError> {
        self.change(now, |Opened { mut list, mut record, .. }| {
            if !list.revoke(key_id, now, record.all_expired(now))? {
                return Ok(Change::default());
            }
            (record.number, record.last) = (list.version(), Some(key_id.to_owned()));
            Ok(Change { record: Some(record), list: Some(list), again: false })
        })
    }

    /// Implements [`set_up_revocation_list`].
    fn set_up(&self) -> Result<(), IssuerError> {
        self.rewrite(|content, record| {
            // If the record is missing or new, no certificate was issued or revoked, so a missing list is no loss.
            let is_new = record.as_ref().is_none_or(|record| *record == Record::NEW);
            match (content, record) {
                (None, _) if is_new => {
                    Ok(Change { record: Some(Record::NEW), list: Some(RevocationList::EMPTY), again: false })
                }
                (Some(content), None) => {
                    let list = RevocationList::decode(content)?;
                    Ok(Change { record: Some(Record::of_others(list.version())), ..Change::default() })
                }
                (content, record) => Ok(self.compare(content, record).map(|_| Change::default())?),
            }
        })
    }

    /// Changes a list that fits its record, after completing an interrupted change.
    fn change(
        &self,
        now: u64,
        mut edit: impl FnMut(Opened) -> Result<Change, IssuerError>,
    ) -> Result<(), IssuerError> {
        self.rewrite(|content, record| {
            let mut opened = self.compare(content, record)?;
            // The interrupted change is completed in a step of its own: with two changes in one step, the record would
            // be two ahead of the list.
            if opened.catch_up(now)? {
                return Ok(Change { list: Some(opened.list), again: true, record: None });
            }
            edit(opened)
        })
    }

    /// Writes the record and the list that `edit` returns, under the lock of the list.
    fn rewrite(
        &self,
        edit: impl FnMut(Option<&[u8]>, Option<Record>) -> Result<Change, IssuerError>,
    ) -> Result<(), IssuerError> {
        let mut is_noted = false;
        match self.try_rewrite(edit, &mut is_noted) {
            // The record already names the change, so the next call completes the list.
            Err(error) if is_noted && error.effect() == Effect::None => {
                Err(IssuerError::system("change the list of revoked certificates", error))
            }
            other => other,
        }
    }

    fn try_rewrite(
        &self,
        mut edit: impl FnMut(Option<&[u8]>, Option<Record>) -> Result<Change, IssuerError>,
        is_noted: &mut bool,
    ) -> Result<(), IssuerError> {
        let [list, record] = [&self.list, &self.record].map(|file| file.open(Self::RIGHTS).map_err(failed));
        let (list, record) = (list?, record?);
        // The lock of the list covers both files: each writer of the record holds it.
        let lock = list.lock(IssuerFile::PATIENCE).map_err(failed)?;
        for _ in 0..Self::ATTEMPTS {
            let (old, old_record) = (list.read().map_err(failed)?, record.read().map_err(failed)?);
            let noted = old_record.as_ref().map(|found| self.parse(found)).transpose()?;
            let change = edit(old.as_ref().map(Found::content), noted)?;
            let new = change.list.map(|list| list.encode());
            if let Some(new) = new.as_ref().filter(|new| new.len() > IssuerFile::MAX_CONTENT_BYTES) {
                // A list that is too long is refused here, before the record names a change that cannot be made.
                let (bytes, limit) = (new.len() as u64, IssuerFile::MAX_CONTENT_BYTES);
                return Err(failed(FileError::TooLong { path: self.list.path(), bytes, limit }));
            }
            let written = change.record.map_or(Ok(()), |change| {
                record.replace(&lock, old_record.as_ref(), change.text().as_bytes())?;
                *is_noted = new.is_some();
                Ok(())
            });
            let written =
                written.and_then(|()| new.map_or(Ok(()), |new| list.replace(&lock, old.as_ref(), &new)));
            match written {
                Err(FileError::Changed(_)) => {}
                Err(error) => return Err(failed(error)),
                Ok(()) if change.again => {}
                Ok(()) => return Ok(()),
            }
        }
        Err(failed(FileError::Busy(self.list.path())))
    }

    fn parse(&self, record: &Found) -> Result<Record, ListFault> {
        Record::parse(record.content()).ok_or_else(|| ListFault::Record(self.record.path()))
    }

    /// Compares a list with its record.
    fn compare(&self, content: Option<&[u8]>, record: Option<Record>) -> Result<Opened, ListFault> {
        let [list_path, record_path] = [&self.list, &self.record].map(IssuerFile::path);
        let list = content.map(RevocationList::decode).transpose()?;
        match (list, record) {
            (None, None | Some(Record::NEW)) => Err(ListFault::NotSetUp(list_path)),
            (None, Some(Record { number, .. })) => {
                Err(ListFault::Lost { list: list_path, record: record_path, number })
            }
            // An empty file, as `touch` makes it, or the list of `ssh-keygen`.
            (Some(list), None) if list.version() == 0 => {
                Ok(Opened { list, record: Record::of_others(0), recorded: false })
            }
            (Some(list), None) => {
                Err(ListFault::NoRecord { list: list_path, record: record_path, found: list.version() })
            }
            (Some(list), Some(record)) => {
                let behind = record.number.saturating_sub(list.version());
                if behind > u64::from(record.last.is_some()) {
                    let (found, number) = (list.version(), record.number);
                    return Err(ListFault::Older { list: list_path, record: record_path, found, number });
                }
                Ok(Opened { list, record, recorded: true })
            }
        }
    }
}

impl Opened {
    /// Completes the revocation that the record names, if the list lacks it. This happens if a process ended between
    /// the two writes, or if the previous list was restored. Returns true if the list was changed.
    fn catch_up(&mut self, now: u64) -> Result<bool, ListFault> {
        match &self.record.last {
            Some(last) if self.list.version() < self.record.number => {
                Ok(self.list.revoke(last, now, self.record.all_expired(now))?)
            }
            _ => Ok(false),
        }
    }
}
