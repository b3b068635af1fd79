//! The plugin `ssh-authorized-keys` and its issuer.

use std::sync::Arc;

use keyway_issuers::{
    Capabilities, CredentialRef, CredentialRequest, Description, IntendedEffect, Issued, Issuer, IssuerError,
    IssuerPlugin, OpenContext, Reconciled, Reconciliation, RequestOutcome, Revocation, async_trait,
};

use super::lines::{self, Note};
use super::settings::{RevocationSettings, Settings, describe};
use crate::key::LoginKey;
use crate::state::{check, with_text};

/// The plugin `ssh-authorized-keys`. It has no configuration of its own; its issuer describes the settings of a
/// service.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthorizedKeysPlugin;

impl IssuerPlugin for AuthorizedKeysPlugin {
    fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        Ok(Arc::new(AuthorizedKeys))
    }
}

/// Manages lines in the `authorized_keys` file of one account. See the [crate](crate).
///
/// Calls block their thread, and the issuer declares this. Dropping the future of a call stops nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthorizedKeys;

impl AuthorizedKeys {
    /// The mode of a new file.
    pub(super) const NEW_MODE: u32 = 0o600;

    fn make(request: &CredentialRequest) -> Result<Issued, IssuerError> {
        let configuration = &request.context.configuration;
        let RevocationSettings { file, prefix } = RevocationSettings::read(configuration)?;
        let settings = Settings::read(configuration)?;
        let state = prefix.state(&request.context)?;

        let key = LoginKey::of(&request.parameters, &settings.key_types, &state)?;
        let line = format!("{} {state}", key.line()?);
        let line =
            if settings.key_options.is_empty() { line } else { [settings.key_options, &line].join(" ") };
        let issued = with_text(Issued::new(state.as_str()), "login name", settings.login_name);
        let issued = key.add_to(with_text(issued, "host", settings.host))?;
        check(&issued)?;

        file.change(Self::NEW_MODE, |content| {
            let content = content.unwrap_or_default();
            if let Some(note) = lines::note_of(content, &state) {
                return Err(too_late(note, &state));
            }
            let changed = lines::with(content, &state, &line);
            let same = content == changed;
            Ok(((!same).then_some(changed), ()))
        })?;
        Ok(issued)
    }

    /// Removes the lines of a state. The state is marked as revoked, even if it has no line. A process that was
    /// suspended before it took the lock may still carry out a request for it, and is then refused.
    ///
    /// See decision H315.
    fn remove(revocation: &Revocation) -> Result<(), IssuerError> {
        let RevocationSettings { file, prefix } =
            RevocationSettings::read(&revocation.context.configuration)?;
        let state = prefix.own(&revocation.state)?;
        // Without an intent, the states of this host are random, and no request for them can be repeated.
        let is_repeatable = revocation.context.intent.is_some();
        // A missing directory is an error: it may be on a disk that is only temporarily absent.
        file.change(Self::NEW_MODE, |content| {
            let content = content.unwrap_or_default();
            let left = lines::without(content, state);
            let is_noted = !is_repeatable || lines::note_of(content, state).is_some();
            let noted = (!is_noted)
                .then(|| lines::with_note(left.as_deref().unwrap_or(content), state, Note::Revoked));
            Ok((noted.or(left), ()))
        })
    }

    /// Tells what became of a request or a revocation: looks for a line of the state, under the lock, so that no other
    /// change is in progress. If a request has left no line, its state is marked as never issued. A process that was
    /// suspended before it took the lock may still carry out the request, and is then refused.
    fn tell(question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        let RevocationSettings { file, prefix } = RevocationSettings::read(&question.context.configuration)?;
        let state = match (&question.effect, &question.context.intent) {
            (IntendedEffect::Revoke(state), _) => prefix.own(state)?.to_owned(),
            (IntendedEffect::Request, Some(_)) => prefix.state(&question.context)?,
            // Without an intent, the state was random, and only the lost answer contained it.
            (IntendedEffect::Request, None) => return Ok(Reconciled::Unknown),
        };
        let (is_there, note) = file.change(Self::NEW_MODE, |content| {
            let content = content.unwrap_or_default();
            let found = (lines::has(content, &state), lines::note_of(content, &state));
            let is_void = question.effect == IntendedEffect::Request && found == (false, None);
            Ok((is_void.then(|| lines::with_note(content, &state, Note::NeverIssued)), found))
        })?;
        Ok(match (&question.effect, is_there) {
            (IntendedEffect::Request, true) => Reconciled::Made(CredentialRef::new(state)),
            (IntendedEffect::Request, false) if note == Some(Note::Revoked) => Reconciled::Destroyed,
            (IntendedEffect::Revoke(_), false) => Reconciled::Destroyed,
            (IntendedEffect::Request, false) | (IntendedEffect::Revoke(_), true) => {
                Reconciled::NothingHappened
            }
        })
    }
}

fn too_late(note: Note, state: &str) -> IssuerError {
    match note {
        Note::NeverIssued => {
            let told = format!("the host was told that {state} is not issued");
            IssuerError::refused("It is too late for this request.", told)
        }
        Note::Revoked => {
            let told = format!("{state} was revoked before, so this request is late or repeated");
            IssuerError::refused("This request was withdrawn. Please make a new one.", told)
        }
    }
}

#[async_trait]
impl Issuer for AuthorizedKeys {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(true).reconciles(true).blocking(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        describe(crate::VERSION).map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        Self::make(request).map(RequestOutcome::Issued)
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        Self::remove(revocation)
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        Self::tell(question)
    }
}
