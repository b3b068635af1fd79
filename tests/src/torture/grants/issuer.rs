//! The issuer of the torture: it keeps its credentials in the accounts, and fails on request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keyway_issuers::{
    Action, Capabilities, Context, ContractViolation, CredentialPart, CredentialRef, CredentialRequest,
    Description, IntendedEffect, Issued, Issuer, IssuerError, ParameterDescriptor, Reconciled,
    Reconciliation, RequestOutcome, Revocation, Rule, Violation,
};

use super::Defect;
use super::accounts::{Accounts, IntentOutcome, IssueRequest, Made};
use super::offer::Offer;
use crate::torture::draw::Draw;
use crate::torture::line::{Line, say};

/// The failure that a request demands by its parameter `then`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// No failure.
    Works,
    /// The issuer refuses, and nothing happened.
    Refused,
    /// The issuer is unavailable, and nothing happened.
    Away,
    /// The issuer fails with unknown effect. In fact, nothing happened.
    FailsBefore,
    /// The issuer fails with unknown effect. In fact, it made the credential.
    FailsAfter,
    /// The issuer makes the credential, and never answers.
    Hangs,
    /// The issuer makes the credential, and names it in an answer that breaks the contract.
    Violates,
    /// The issuer makes a credential whose reference (`state` on the wire) contains a part of the credential.
    Tells,
}

impl Then {
    pub(super) const FAULTS: [Self; 7] = [
        Self::Refused,
        Self::Away,
        Self::FailsBefore,
        Self::FailsAfter,
        Self::Hangs,
        Self::Violates,
        Self::Tells,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Refused => "refused",
            Self::Away => "away",
            Self::FailsBefore => "fails-before",
            Self::FailsAfter => "fails-after",
            Self::Hangs => "hangs",
            Self::Violates => "violates",
            Self::Tells => "tells",
        }
    }

    fn of(word: &str) -> Self {
        Self::FAULTS.into_iter().find(|then| then.word() == word).unwrap_or(Self::Works)
    }
}

/// The behaviour of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Works correctly, at once.
    Correct,
    /// Is sometimes slow, and sometimes fails at revocations and reconciliations. It reports its actions.
    Faulty,
    /// Behaves as [`Faulty`](Self::Faulty) in a separate process. The output of that process is the answer.
    Executable,
}

/// The issuer of one service.
#[derive(Debug)]
pub(super) struct FaultyIssuer {
    pub(super) offer: &'static Offer,
    pub(super) accounts: Arc<Accounts>,
    pub(super) behaviour: Behaviour,
    pub(super) draw: Mutex<Draw>,
    pub(super) defect: Option<Defect>,
}

impl FaultyIssuer {
    fn chance(&self, percent: u64) -> bool {
        self.behaviour != Behaviour::Correct
            && self.draw.lock().unwrap_or_else(PoisonError::into_inner).chance(percent)
    }

    /// Waits, so that a kill may happen at this point.
    async fn pause(&self) {
        if !self.chance(50) {
            return;
        }
        let pause = self.draw.lock().unwrap_or_else(PoisonError::into_inner).below(4000);
        let pause = Duration::from_micros(pause);
        match self.behaviour {
            Behaviour::Executable => std::thread::sleep(pause),
            _ => tokio::time::sleep(pause).await,
        }
    }

    fn note(&self, what: &str, cell: &str) {
        if self.behaviour == Behaviour::Faulty {
            say(&Line::Note(format!("{what} {cell}")));
        }
    }

    fn make(&self, context: &Context, cell: &str) -> Result<String, IssuerError> {
        let two = format!("one-of-two-{}", usize::from(cell.ends_with(['1', '3', '5', '7', '9'])));
        let intent = intent_of(context);
        let wanted = IssueRequest {
            service: self.offer.name,
            user: context.requester.user_info.subject(),
            intent: &intent,
            cell,
            state: self.offer.few_states.then_some(two.as_str()),
            idempotent: self.offer.capabilities.idempotent && self.defect != Some(Defect::MakesAnother),
            limit: self.offer.limit,
        };
        match self
            .accounts
            .make(&wanted)
            .map_err(|error| IssuerError::system("change the accounts", error))?
        {
            Made::Made(state) => Ok(state),
            Made::TooLate => {
                Err(IssuerError::refused("It is too late.", "the intent came to nothing before"))
            }
        }
    }
}

fn intent_of(context: &Context) -> String {
    context.intent.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[async_trait]
impl Issuer for FaultyIssuer {
    fn capabilities(&self) -> Capabilities {
        self.offer.capabilities
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1.0.0")
            .set([
                ParameterDescriptor::mandatory("cell", "cell", "the name of the request"),
                ParameterDescriptor::mandatory("then", "then", "what goes wrong"),
            ])
            .build()
            .map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let cell = request.parameters.text("cell").unwrap_or_default();
        let then = Then::of(request.parameters.text("then").unwrap_or_default());
        self.pause().await;
        match then {
            Then::Refused => return Err(IssuerError::refused("No.", "it was told to refuse")),
            Then::Away => {
                return Err(IssuerError::Unavailable {
                    what: "the accounts",
                    retry_after: None,
                    source: None,
                });
            }
            Then::FailsBefore => return Err(IssuerError::system("go on", "it was told to fail")),
            _ => {}
        }
        let state = self.make(&request.context, cell)?;
        self.note("made", cell);
        self.pause().await;
        let value = format!("value of {state}");
        match then {
            Then::Hangs if self.behaviour != Behaviour::Executable => std::future::pending().await,
            Then::Hangs => {
                // The host ends this process. If the host was killed, the process ends by itself.
                std::thread::sleep(Duration::from_secs(3));
                Err(IssuerError::system("go on", "its host did not end it"))
            }
            Then::FailsAfter => Err(IssuerError::system("go on", "it was told to fail")),
            Then::Violates => Err(IssuerError::ContractViolation(Box::new(ContractViolation {
                action: Action::Request,
                violations: Violation::new("credential", Rule::Missing).into(),
                orphan: Some(CredentialRef::new(state)),
                note: String::new(),
            }))),
            // The credential has a part whose value is the reference to the credential (`state`).
            Then::Tells => {
                let part = CredentialPart::text("name", state.as_str());
                Ok(Issued::new(state).with(part).into())
            }
            _ => Ok(Issued::new(state).with(CredentialPart::text("value", value)).into()),
        }
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        let state = revocation.state.as_str();
        self.pause().await;
        if self.chance(15) {
            return Err(IssuerError::Unavailable { what: "the accounts", retry_after: None, source: None });
        }
        if self.defect == Some(Defect::KeepsWhatIsRevoked) && self.chance(30) {
            return Ok(());
        }
        self.accounts
            .destroy(self.offer.name, revocation.context.requester.user_info.subject(), state)
            .map_err(|error| IssuerError::system("change the accounts", error))?;
        self.note("destroyed", state);
        self.pause().await;
        if self.chance(10) {
            return Err(IssuerError::system("go on", "it fails now and then"));
        }
        Ok(())
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        if !self.offer.capabilities.reconciles {
            return Err(IssuerError::Unsupported { what: "reconcile" });
        }
        if self.chance(10) {
            return Err(IssuerError::Unavailable { what: "the accounts", retry_after: None, source: None });
        }
        if question.effect != IntendedEffect::Request || self.chance(5) {
            return Ok(Reconciled::Unknown);
        }
        if self.defect == Some(Defect::DeniesWhatItMade) {
            return Ok(Reconciled::NothingHappened);
        }
        let intent = intent_of(&question.context);
        let told =
            self.accounts.tell(&intent).map_err(|error| IssuerError::system("read the accounts", error))?;
        self.note("told", &intent);
        self.pause().await;
        Ok(match told {
            IntentOutcome::Made(state) => Reconciled::Made(CredentialRef::new(state)),
            IntentOutcome::Destroyed => Reconciled::Destroyed,
            IntentOutcome::Nothing => Reconciled::NothingHappened,
        })
    }
}
