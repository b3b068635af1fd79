//! The fixture of the rules: opens the issuer, owns a scratch folder, and cleans up credentials.

use std::ops::Deref;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use keyway_core::PluginError as _;
use keyway_issuers::{Context, CredentialRef, Issued, Issuer, IssuerError, Json, Revocation, SecretText};
use tempfile::TempDir;

use super::handle::Handle;
use super::{IssuerExample, IssuerSubject};
use crate::lock::locked;
use crate::notation::Fixture;
use crate::polled::contained;
use crate::scratch::scratch_folder;
use crate::unique::new_intent;
use crate::{Broken, Trial, broken};

/// Opens handles of the issuer under test, and revokes the remaining credentials at the end of the rule.
#[derive(Debug)]
pub(super) struct IssuerFixture<'a> {
    trial: &'a Trial<'a, IssuerSubject>,
    scratch: TempDir,
    /// The credentials to revoke at the end.
    pub(super) left: Mutex<Vec<(Context, CredentialRef)>>,
}

impl<'a> Fixture<'a> for IssuerFixture<'a> {
    type Subject = IssuerSubject;

    fn new(trial: &'a Trial<'a, IssuerSubject>) -> Result<Self, Broken> {
        Ok(Self { trial, scratch: scratch_folder()?, left: Mutex::default() })
    }

    fn clean_up(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.revoke_all())
    }
}

impl<'a> Deref for IssuerFixture<'a> {
    type Target = Trial<'a, IssuerSubject>;

    fn deref(&self) -> &Self::Target {
        self.trial
    }
}

impl<'a> IssuerFixture<'a> {
    /// Returns the example of the subject.
    pub(super) fn example(&self) -> &'a IssuerExample {
        &self.subject().example
    }

    /// Revokes the remaining credentials. Ignores errors and panics, since other rules judge whether revoking works.
    pub(super) async fn revoke_all(&self) {
        let left = std::mem::take(&mut *locked(&self.left));
        if left.is_empty() {
            return;
        }
        let Ok(issuer) = self.subject().open(self.scratch()) else { return };
        for (context, state) in left {
            let revocation = Revocation::new(context.with_intent(new_intent()), state);
            let _ = contained(issuer.revoke(&revocation)).await;
        }
    }

    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Opens a new handle of the issuer, as a host does after a restart.
    pub(super) fn open(&self) -> Result<Arc<dyn Issuer>, Broken> {
        self.history().record("open");
        let issuer = self.subject().open(self.scratch());
        let failed = |error: IssuerError| format!("opening it failed: {}", error.detail());
        issuer.map_err(|error| broken("a handle to the issuer", failed(error)))
    }

    /// Opens the issuer and asks for its description.
    pub(super) async fn handle(&self) -> Result<Handle<'_, 'a>, Broken> {
        let issuer = self.open()?;
        let begun = Instant::now();
        let description = issuer.describe().await;
        self.history().took("describe", begun.elapsed());
        let description = description.map_err(|error| self.unexpected("describe", &error))?;
        self.history().record("describe: ok");
        Ok(Handle::new(self, issuer, description))
    }

    /// Opens the issuer and makes the credential of the example.
    pub(super) async fn made(&self) -> Result<(Handle<'_, 'a>, Context, Issued), Broken> {
        let handle = self.handle().await?;
        let (context, issued) = handle.made().await?;
        Ok((handle, context, issued))
    }

    /// Lists the references (`state` on the wire) to the existing credentials, sorted.
    pub(super) fn listed(&self) -> Result<Vec<CredentialRef>, Broken> {
        let Some(listing) = &self.subject().listing else {
            return Err(Broken::Missing { capability: "listing" });
        };
        let mut states = listing(self.scratch());
        states.sort();
        Ok(states)
    }

    /// Makes the verdict for a call that failed but should have succeeded.
    pub(super) fn unexpected(&self, call: &str, error: &IssuerError) -> Broken {
        broken(format!("{call} to succeed"), self.clean(&error.detail()))
    }

    /// Removes the secrets of the examples from a text. What an operator configures may be a secret, too.
    pub(super) fn clean(&self, text: &str) -> String {
        let examples = [Some(self.example()), self.subject().refused.as_ref()].into_iter().flatten();
        let tokens = examples.clone().flat_map(IssuerExample::tokens).map(SecretText::expose);
        let entered = examples.clone().flat_map(|example| example.parameters.values());
        let configured = examples.flat_map(|example| example.configured.iter().map(|(_, value)| value));
        tokens
            .chain(entered.chain(configured).filter_map(Json::as_text))
            .filter(|secret| secret.len() >= CredentialRef::SHORTEST_SECRET_BYTES)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}
