//! The file of a revocation list, and the record beside it.

use keyway_core::{Effect, PluginError};
use std::path::{Path, PathBuf};

use keyway_files::{FileError, FilePath, Found, Rights};
use keyway_issuers::IssuerError;

use super::krl::{RevocationList, RevocationListFault};
use super::record::Record;
use crate::file::{IssuerFile, failed};

/// Makes the empty list of revoked certificates that `krl_file` will name, with its record beside it, so that
/// `ssh-ca` can issue certificates and `sshd` lets their owners in. It blocks.
///
/// If there is a list, it stays as it is, and if it has no record, it gets one. Doing it twice is harmless.
///
/// # Errors
/// When the record says that there was a list, and it is missing or older: it has to come from a copy. What the
/// system refuses is an error, too; what was made until then is made use of by the next call.
pub fn set_up_revocation_list(krl_file: impl AsRef<Path>) -> Result<(), IssuerError> {
    let invalid =
        |reason: &dyn std::fmt::Display| IssuerError::invalid("the path of the list", reason.to_string());
    let path = krl_file.as_ref().to_str().ok_or_else(|| invalid(&"use a path that is text"))?;
    let list = FilePath::new(path).map_err(|fault| invalid(&fault))?;
    ListFile::new(IssuerFile::new(list)).set_up()
}

/// A list and its record. Each is replaced as a whole; the record comes first.
#[derive(Clone, Debug)]
pub(super) struct ListFile {
    list: IssuerFile,
    record: IssuerFile,
}

/// The list cannot be used as it was found.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListFault {
    #[error("there is no list yet, and without one `sshd` lets nobody in by a key: make it once, with `keyway-ssh-ca set-up {}` or `keyway_ssh::set_up_revocation_list`", .0.display())]
    NotSetUp(PathBuf),
    #[error("{} is missing, and {} says that it was written (number {number}); meanwhile `sshd` lets nobody in by a key. Put the newest copy back. {NO_COPY}", .list.display(), .record.display())]
    Lost { list: PathBuf, record: PathBuf, number: u64 },
    #[error("{} is older (number {found}) than {} says (number {number}); meanwhile `sshd` lets in certificates that were revoked since. Put the newest copy back. {NO_COPY}", .list.display(), .record.display())]
    Older { list: PathBuf, record: PathBuf, found: u64, number: u64 },
    #[error("{} was written (number {found}), and its record {} is missing, so it may be an old copy; `sshd` goes by it meanwhile. Put the record back, or, if the list is the newest, run `keyway-ssh-ca set-up`", .list.display(), .record.display())]
    NoRecord { list: PathBuf, record: PathBuf, found: u64 },
    #[error("{} is no record of a list: put it back from a copy, or, if the list beside it is the newest, remove it and run `keyway-ssh-ca set-up`", .0.display())]
    Record(PathBuf),
    #[error(transparent)]
    List(#[from] RevocationListFault),
}

/// The way out when the revocations are gone.
const NO_COPY: &str = "Without a copy, give the authority another key, since all that was revoked is good again; \
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

/// A list that fits its record.
struct Opened {
    list: RevocationList,
    record: Record,
    /// Whether the record is written down.
    recorded: bool,
}

/// The files to write, the record first.
#[derive(Default)]
struct Change {
    record: Option<Record>,
    list: Option<RevocationList>,
    /// Whether there is more to do behind it.
    again: bool,
}

impl ListFile {
    /// Neither is a secret: `sshd` and operators read them.
    const RIGHTS: Rights = Rights::Kept { new_mode: 0o644 };
    /// How often a change is tried while programs without a lock write, too.
    const ATTEMPTS: usize = 20;

    pub(super) fn new(list: IssuerFile) -> Self {
        Self { record: list.beside(".keyway-record"), list }
    }

    /// Notes that a certificate is about to be issued: it can be revoked, is not, and its revocation will be
    /// kept for long enough.
    pub(super) fn admit(&self, key_id: &str, valid_seconds: u64, now: u64) -> Result<(), IssuerError> {
        self.change(now, |Opened { list, mut record, recorded }| {
            if list.revokes(key_id)? {
                return Err(IssuerError::refused(
                    "This request was withdrawn. Please make a new one.",
                    "a certificate was asked for again after it was revoked",
                ));
            }
            // Others may have raised the number.
            let is_ahead = list.version() > record.number;
            if recorded && !is_ahead && valid_seconds <= record.longest_seconds {
                return Ok(Change::default());
            }
            record.longest_seconds = record.longest_seconds.max(valid_seconds);
            if is_ahead {
                (record.number, record.last) = (list.version(), None);
            }
            Ok(Change { record: Some(record), ..Change::default() })
        })
    }

    /// Revokes the certificates with this key id. Doing it again is harmless.
    pub(super) fn revoke(&self, key_id: &str, now: u64) -> Result<(), IssuerError> {
        self.change(now, |Opened { mut list, mut record, .. }| {
            if !list.revoke(key_id, now, record.longest_seconds)? {
                return Ok(Change::default());
            }
            (record.number, record.last) = (list.version(), Some(key_id.to_owned()));
            Ok(Change { record: Some(record), list: Some(list), again: false })
        })
    }

    /// See [`set_up_revocation_list`].
    fn set_up(&self) -> Result<(), IssuerError> {
        self.rewrite(|content, record| {
            // Nothing was issued or revoked, so nothing is lost.
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

    /// Changes a list that fits its record, after what was left to do has been done.
    fn change(
        &self,
        now: u64,
        mut edit: impl FnMut(Opened) -> Result<Change, IssuerError>,
    ) -> Result<(), IssuerError> {
        self.rewrite(|content, record| {
            let mut opened = self.compare(content, record)?;
            // A step of its own: two changes in one would put the record two ahead.
            if opened.catch_up(now)? {
                return Ok(Change { list: Some(opened.list), again: true, record: None });
            }
            edit(opened)
        })
    }

    /// Writes what `edit` makes of list and record, under the lock of the list.
    fn rewrite(
        &self,
        edit: impl FnMut(Option<&[u8]>, Option<Record>) -> Result<Change, IssuerError>,
    ) -> Result<(), IssuerError> {
        let mut is_noted = false;
        match self.try_rewrite(edit, &mut is_noted) {
            // The next call finds the change in the record, and makes it.
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
                // Nothing is noted that cannot be done.
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
            // As `touch` and `ssh-keygen` make it.
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
    /// Revokes what the record says was to be revoked next, if the list does not have it: a process ended between
    /// the two writes, or the last list was replaced by the one before. True when the list was changed.
    fn catch_up(&mut self, now: u64) -> Result<bool, ListFault> {
        match &self.record.last {
            Some(last) if self.list.version() < self.record.number => {
                Ok(self.list.revoke(last, now, self.record.longest_seconds)?)
            }
            _ => Ok(false),
        }
    }
}
