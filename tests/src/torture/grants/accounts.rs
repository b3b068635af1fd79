//! The external accounts: the credentials that really exist.
//!
//! The accounts belong to the issuers, as the accounts of a cluster belong to the cluster. Changes are durable before
//! an issuer answers, and survive every host.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

/// The credentials that exist or existed.
#[derive(Debug)]
pub(super) struct Accounts {
    connection: Mutex<Connection>,
}

/// A request for a credential.
#[derive(Clone, Copy, Debug)]
pub(super) struct IssueRequest<'a> {
    pub(super) service: &'a str,
    pub(super) user: &'a str,
    /// The id of the host's intent, which identifies a repeated request.
    pub(super) intent: &'a str,
    /// The name of the request.
    pub(super) cell: &'a str,
    /// The reference to the credential (`state` on the wire), if the issuer does not make a new one for each
    /// credential.
    pub(super) state: Option<&'a str>,
    /// True if a repeated intent gets the same credential.
    pub(super) idempotent: bool,
    /// The maximum number of credentials that a user may have. A credential beyond this number is a fault.
    pub(super) limit: Option<u64>,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// The credential with this state exists.
    Made(String),
    /// The request comes too late: the issuer has already answered that the intent had no effect, or the credential of
    /// the intent has been destroyed.
    TooLate,
}

/// The outcome of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IntentOutcome {
    /// The credential with this state exists.
    Made(String),
    /// The credential was destroyed.
    Destroyed,
    /// The intent had no effect, and will have none.
    Nothing,
}

/// A credential that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Credential {
    pub(super) service: String,
    pub(super) user: String,
    pub(super) intent: String,
    pub(super) cell: String,
    pub(super) state: String,
}

const TABLES: &str = "\
    CREATE TABLE IF NOT EXISTS credentials (
        number INTEGER PRIMARY KEY, service TEXT NOT NULL, user TEXT NOT NULL, intent TEXT NOT NULL,
        cell TEXT NOT NULL, state TEXT NOT NULL, live INTEGER NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS by_intent ON credentials (intent);
    CREATE TABLE IF NOT EXISTS forbidden (intent TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS faults (doubled INTEGER NOT NULL, what TEXT NOT NULL) STRICT;";

impl Accounts {
    /// Opens the accounts in this folder.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        // Two processes that create the file at the same time may block each other despite the
        // timeout.
        let mut attempts = 0;
        loop {
            match Self::try_open(folder) {
                Ok(connection) => return Ok(Self { connection: Mutex::new(connection) }),
                Err(error) if attempts == 100 => {
                    return Err(format!("the accounts cannot be opened: {error}"));
                }
                Err(_) => attempts += 1,
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_open(folder: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(folder.join("accounts.db"))?;
        connection.busy_timeout(Duration::from_secs(20))?;
        let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        connection.execute_batch(TABLES)?;
        Ok(connection)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a credential.
    pub(super) fn make(&self, wanted: &IssueRequest<'_>) -> rusqlite::Result<Made> {
        let IssueRequest { service, user, intent, cell, .. } = *wanted;
        let mut connection = self.connection();
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if change
            .query_row("SELECT 1 FROM forbidden WHERE intent = ?1", [intent], |_| Ok(()))
            .optional()?
            .is_some()
        {
            return Ok(Made::TooLate);
        }
        let before: Vec<(String, bool)> = change
            .prepare("SELECT state, live FROM credentials WHERE intent = ?1")?
            .query_map([intent], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        if wanted.idempotent && !before.is_empty() {
            let live = before.into_iter().find(|(_, live)| *live);
            return Ok(live.map_or(Made::TooLate, |(state, _)| Made::Made(state)));
        }
        // A second credential is a fault only if each credential has a reference (`state`) of its own. If credentials
        // share a reference, the second credential is an orphan, and the grant with this reference counts it.
        if wanted.state.is_none() && before.iter().any(|(_, live)| *live) {
            let what = format!("{cell} has two credentials of the intent {intent}");
            change.execute("INSERT INTO faults VALUES (1, ?1)", [what])?;
        }
        change.execute(
            "INSERT INTO credentials (service, user, intent, cell, state, live) VALUES (?1, ?2, ?3, ?4, '', 1)",
            params![service, user, intent, cell],
        )?;
        let number = change.last_insert_rowid();
        let state = wanted.state.map_or_else(|| format!("{service}-credential-{number}"), ToOwned::to_owned);
        change.execute("UPDATE credentials SET state = ?1 WHERE number = ?2", params![state, number])?;
        let held: i64 = change.query_row(
            "SELECT count(*) FROM credentials WHERE service = ?1 AND user = ?2 AND live = 1",
            [service, user],
            |row| row.get(0),
        )?;
        if wanted.limit.is_some_and(|limit| u64::try_from(held).is_ok_and(|held| held > limit)) {
            let what =
                format!("{user} has {held} credentials of {service}, which is over the limit, by {cell}");
            change.execute("INSERT INTO faults VALUES (0, ?1)", [what])?;
        }
        change.commit()?;
        Ok(Made::Made(state))
    }

    /// Destroys the credentials with this state.
    pub(super) fn destroy(&self, service: &str, user: &str, state: &str) -> rusqlite::Result<()> {
        let text = "UPDATE credentials SET live = 0 WHERE service = ?1 AND user = ?2 AND state = ?3";
        self.connection().execute(text, [service, user, state]).map(|_| ())
    }

    /// Destroys the credential of an intent only.
    pub(super) fn destroy_of_intent(&self, intent: &str) -> rusqlite::Result<()> {
        self.connection().execute("UPDATE credentials SET live = 0 WHERE intent = ?1", [intent]).map(|_| ())
    }

    /// Returns the outcome of an intent. If the intent has had no effect so far, also forbids any later effect of it.
    pub(super) fn tell(&self, intent: &str) -> rusqlite::Result<IntentOutcome> {
        let mut connection = self.connection();
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: Option<(String, bool)> = change
            .query_row(
                "SELECT state, live FROM credentials WHERE intent = ?1 ORDER BY live DESC",
                [intent],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let told = match found {
            Some((state, true)) => IntentOutcome::Made(state),
            Some((_, false)) => IntentOutcome::Destroyed,
            None => {
                change.execute("INSERT OR IGNORE INTO forbidden VALUES (?1)", [intent])?;
                IntentOutcome::Nothing
            }
        };
        change.commit()?;
        Ok(told)
    }

    /// Returns all credentials that exist.
    pub(super) fn live(&self) -> rusqlite::Result<Vec<Credential>> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT service, user, intent, cell, state FROM credentials WHERE live = 1 ORDER BY number",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Credential {
                service: row.get(0)?,
                user: row.get(1)?,
                intent: row.get(2)?,
                cell: row.get(3)?,
                state: row.get(4)?,
            })
        })?;
        rows.collect()
    }

    /// Returns the request of an intent, if it had an effect.
    pub(super) fn cell_of(&self, intent: &str) -> rusqlite::Result<Option<String>> {
        let text = "SELECT cell FROM credentials WHERE intent = ?1";
        self.connection().query_row(text, [intent], |row| row.get(0)).optional()
    }

    /// Returns the faults of the accounts themselves: repeated effects, and credentials above a
    /// limit.
    pub(super) fn faults(&self) -> rusqlite::Result<Vec<(bool, String)>> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT doubled, what FROM faults")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, IntentOutcome, IssueRequest, Made};

    const REQUEST: IssueRequest<'_> = IssueRequest {
        service: "tells",
        user: "0",
        intent: "i1",
        cell: "tells/0/i",
        state: None,
        idempotent: true,
        limit: Some(2),
    };

    #[test]
    fn an_idempotent_intent_has_one_credential() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path()).unwrap();
        let Made::Made(state) = accounts.make(&REQUEST).unwrap() else { panic!("it is new") };
        let other = Accounts::open(folder.path()).unwrap();
        assert_eq!(other.make(&REQUEST).unwrap(), Made::Made(state.clone()));
        assert_eq!(other.live().unwrap().len(), 1);
        assert_eq!(accounts.tell("i1").unwrap(), IntentOutcome::Made(state.clone()));
        accounts.destroy("tells", "0", &state).unwrap();
        assert_eq!(accounts.make(&REQUEST).unwrap(), Made::TooLate);
        assert_eq!(accounts.tell("i1").unwrap(), IntentOutcome::Destroyed);
        assert_eq!(accounts.live().unwrap(), []);
        assert_eq!(accounts.faults().unwrap(), []);
    }

    #[test]
    fn an_account_that_was_reported_absent_stays_absent() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path()).unwrap();
        assert_eq!(accounts.tell("i1").unwrap(), IntentOutcome::Nothing);
        assert_eq!(accounts.make(&REQUEST).unwrap(), Made::TooLate);
        assert_eq!(accounts.tell("i1").unwrap(), IntentOutcome::Nothing);
    }

    #[test]
    fn doubles_and_what_is_over_the_limit_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path()).unwrap();
        let plain = IssueRequest { idempotent: false, ..REQUEST };
        accounts.make(&plain).unwrap();
        accounts.make(&plain).unwrap();
        assert!(matches!(&accounts.faults().unwrap()[..], [(true, _)]));
        accounts.make(&IssueRequest { intent: "i2", ..plain }).unwrap();
        assert!(matches!(&accounts.faults().unwrap()[..], [_, (false, _)]));
    }
}
