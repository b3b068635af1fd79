//! The account at the server. It is made with the first order and kept in a record, and its key can be replaced.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use keyway_certificates::CertificateError;
use keyway_core::Wiped;
use keyway_storage::{Expectation, Revision};
use serde_json::{Value, json};

use crate::account_key::AccountKey;
use crate::account_record::AccountRecord;
use crate::acme::Acme;
use crate::client::Credentials;
use crate::failure::Failure;
use crate::http::Answer;
use crate::jws::{Signer, bind, sign};
use crate::problem::ProblemKind;
use crate::records::{Kind, corrupt};

/// The maximum number of rounds of an operation. A new round begins after a key was stored, or if another writer was
/// faster.
const MAX_ATTEMPTS: usize = 16;

/// An account that can sign requests.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) url: String,
    pub(crate) key: AccountKey,
}

impl Account {
    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials { key: &self.key, signer: Signer::Account(&self.url) }
    }
}

impl Acme {
    /// Sends a request of the account. If another handle has changed the key, the request is repeated with the new key.
    pub(crate) async fn post(
        &self,
        url: &str,
        payload: Option<&Value>,
        until: Instant,
    ) -> Result<Answer, Failure> {
        let account = self.account(until).await?;
        let answer = self.client.post(url, account.credentials(), payload, until);
        match answer {
            Err(Failure::Problem(problem)) if may_mean_another_key(&problem.kind) => {
                self.forget_account();
                let stored = self.account(until).await?;
                if stored.key.thumbprint() == account.key.thumbprint() {
                    return Err(problem.into());
                }
                self.client.post(url, stored.credentials(), payload, until)
            }
            answer => answer,
        }
    }

    /// Reads an object of an order.
    pub(crate) async fn read(&self, url: &str, until: Instant) -> Result<Answer, Failure> {
        self.post(url, None, until).await.map_err(Failure::of_read)
    }

    /// Returns the account, and makes it if there is none.
    pub(crate) async fn account(&self, until: Instant) -> Result<Arc<Account>, Failure> {
        if let Some(account) = &*self.account.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(account));
        }
        for _ in 0..MAX_ATTEMPTS {
            let Some((record, revision)) = self.account_record().await? else {
                // The key is stored first, so that no account at the server is ever left without a known key.
                let record = AccountRecord { key: AccountKey::generate()?, ..AccountRecord::default() };
                self.store_account(&record, Expectation::Absent).await?;
                continue;
            };
            let record = match &record.pending {
                Some(pending) if self.known(pending, until)?.is_some() => {
                    let promoted =
                        AccountRecord { key: pending.clone(), pending: None, url: record.url.clone() };
                    if !self.store_account(&promoted, Expectation::Revision(revision)).await? {
                        continue;
                    }
                    promoted
                }
                _ => record,
            };
            let Some(url) = record.url.clone() else {
                let url = Some(self.new_account(&record.key, until)?);
                let made = AccountRecord { url, ..record };
                self.store_account(&made, Expectation::Revision(revision)).await?;
                continue;
            };
            let account = Arc::new(Account { url, key: AccountKey::from_pkcs8(&record.key)? });
            *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&account));
            return Ok(account);
        }
        Err(busy().into())
    }

    /// Replaces the key of the account.
    ///
    /// The new key is stored beside the old one before the server learns of it. After a crash or a failed call, the
    /// account uses the key that the server accepts. If this is still the old key, the next call of this method
    /// continues with the stored new key.
    ///
    /// The call waits for the server, and blocks the thread for `call_seconds` at most.
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) when the server does not support changes of keys;
    /// [`Unavailable`](CertificateError::Unavailable) when the server cannot be reached. After any error the account is
    /// usable, and the call can be repeated.
    ///
    /// # Cancel safety
    /// A dropped call may have changed the key. The next operation finds out which key the server accepts.
    pub async fn roll_over_account_key(&self) -> Result<(), CertificateError> {
        self.roll_over().await.map_err(Failure::into_error)
    }

    async fn roll_over(&self) -> Result<(), Failure> {
        let until = self.until();
        let Some(url) = self.client.directory(until)?.key_change else {
            return Err(CertificateError::Unsupported { what: "changes of the account key" }.into());
        };
        for _ in 0..MAX_ATTEMPTS {
            self.forget_account();
            let account = self.account(until).await?;
            let Some((mut record, revision)) = self.account_record().await? else { continue };
            let Some(pending) = record.pending.take() else {
                record.pending = Some(AccountKey::generate()?);
                self.store_account(&record, Expectation::Revision(revision)).await?;
                continue;
            };
            let next = AccountKey::from_pkcs8(&pending)?;
            let change = json!({ "account": account.url, "oldKey": account.key.jwk() });
            let inner = sign(&next, Signer::Key, None, &url, Some(&change))?;
            self.client.post(&url, account.credentials(), Some(&inner), until)?;
            let promoted = AccountRecord { key: pending, ..record };
            // If another writer was faster, nothing is left to do: that writer also found that the server accepts the
            // new key, and stored it.
            self.store_account(&promoted, Expectation::Revision(revision)).await?;
            self.forget_account();
            return Ok(());
        }
        Err(busy().into())
    }

    /// Asks the server for the URL of the account that belongs to a key. Returns `None` if no account belongs to the
    /// key.
    fn known(&self, pkcs8: &Wiped<Vec<u8>>, until: Instant) -> Result<Option<String>, Failure> {
        let payload = json!({ "onlyReturnExisting": true });
        match self.ask_for_account(pkcs8, &payload, until) {
            Ok(url) => Ok(Some(url)),
            Err(failure) if failure.is(&ProblemKind::AccountDoesNotExist) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes an account for a key, and returns the URL of the account. If the key has an account already, the server
    /// returns the URL of that account.
    fn new_account(&self, pkcs8: &Wiped<Vec<u8>>, until: Instant) -> Result<String, Failure> {
        let mut payload = json!({ "contact": self.configuration.contacts });
        if self.configuration.agree_to_terms {
            payload["termsOfServiceAgreed"] = true.into();
        }
        if let Some(external) = &self.external_account {
            let url = self.client.directory(until)?.new_account;
            payload["externalAccountBinding"] = bind(external, &AccountKey::from_pkcs8(pkcs8)?, &url);
        }
        self.ask_for_account(pkcs8, &payload, until)
    }

    fn ask_for_account(
        &self,
        pkcs8: &Wiped<Vec<u8>>,
        payload: &Value,
        until: Instant,
    ) -> Result<String, Failure> {
        let key = AccountKey::from_pkcs8(pkcs8)?;
        let url = self.client.directory(until)?.new_account;
        let credentials = Credentials { key: &key, signer: Signer::Key };
        let answer = self.client.post(&url, credentials, Some(payload), until)?;
        answer.location.ok_or(Failure::Protocol("newAccount gives no URL of the account"))
    }

    pub(crate) fn forget_account(&self) {
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn account_record(&self) -> Result<Option<(AccountRecord, Revision)>, CertificateError> {
        let key = self.records.key(Kind::Account, b"");
        let Some((content, revision)) = self.records.get(&key).await? else { return Ok(None) };
        let record = AccountRecord::decode(&content).map_err(|error| corrupt(error.to_string()))?;
        Ok(Some((record, revision)))
    }

    async fn store_account(
        &self,
        record: &AccountRecord,
        expectation: Expectation,
    ) -> Result<bool, CertificateError> {
        let key = self.records.key(Kind::Account, b"");
        self.records.put(&[(&key, &record.encode(), expectation)]).await
    }
}

/// Tells whether a refusal can mean that the request was signed with an older key.
const fn may_mean_another_key(kind: &ProblemKind) -> bool {
    matches!(kind, ProblemKind::AccountDoesNotExist | ProblemKind::Malformed | ProblemKind::Unauthorized)
}

fn busy() -> CertificateError {
    CertificateError::Unavailable {
        what: "the record of the ACME account, which many change at once,",
        retry_after: None,
        source: None,
    }
}
