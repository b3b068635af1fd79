//! A small issuer that keeps the whole contract, apart from the defect that it is given.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyway_issuers::{
    Capabilities, CredentialPart, CredentialRef, CredentialRequest, Description, IntendedEffect, Issued,
    Issuer, IssuerError, IssuerPlugin, Json, LoginRequired, OpenContext, ParameterDescriptor, Reconciled,
    Reconciliation, RequestOutcome, Revocation, async_trait,
};

use super::defect::Defect;
use super::ledger::{Entry, Ledger};
use super::shell;

/// The plugin.
#[derive(Debug)]
pub(super) struct CounterPlugin(pub(super) Defect);

impl IssuerPlugin for CounterPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), IssuerError> {
        folder(configuration).map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        Ok(Arc::new(Counter {
            defect: self.0,
            ledger: Ledger::new(&folder(&context.configuration)?),
            busy: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            working: AtomicUsize::new(0),
            requesting: AtomicUsize::new(0),
            seen: Mutex::default(),
        }))
    }
}

fn folder(configuration: &Json) -> Result<PathBuf, IssuerError> {
    let folder = configuration.get("folder").and_then(Json::as_text).map(PathBuf::from);
    folder.ok_or_else(|| IssuerError::invalid("the configuration of the plugin", "`folder` must be a path"))
}

struct Counter {
    defect: Defect,
    ledger: Ledger,
    busy: AtomicBool,
    calls: AtomicU64,
    /// How many calls it works on, and how many of them are requests.
    working: AtomicUsize,
    requesting: AtomicUsize,
    /// What only some defects keep in memory.
    seen: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.defect {
            Defect::ShowsTheSecret => write!(f, "Counter({:?})", self.seen),
            _ => f.write_str("Counter"),
        }
    }
}

/// Counts a call as long as it is worked on, also when it is dropped.
struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    /// With how many others there are.
    fn among(counter: &'c AtomicUsize) -> (usize, Self) {
        (counter.fetch_add(1, Ordering::SeqCst), Self(counter))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Gives way to others once.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl Counter {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn refuse(&self, log: &str) -> IssuerError {
        match self.defect {
            Defect::TellsNoUser => IssuerError::refused("", log),
            Defect::TellsNoLog => IssuerError::refused("Sorry.", " "),
            Defect::SaysTheSameTwice => IssuerError::refused(log, log),
            _ => IssuerError::refused("Sorry, that is not possible.", log),
        }
    }

    /// What becomes of a call when there are so many others.
    fn admit(&self, others: usize) -> Result<(), IssuerError> {
        match self.defect {
            // It declares that it works on one at a time, so that nobody may ask for more.
            Defect::Strange if others > 0 => Err(self.refuse("another call has not ended")),
            Defect::DeclaresTooMuch if others > 4 => Err(self.refuse("five calls have not ended")),
            _ => Ok(()),
        }
    }

    fn remember(&self, text: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    fn remembers(&self, text: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|seen| seen == text)
    }

    /// What a request needs before anything is made.
    fn check(&self, request: &CredentialRequest) -> Result<Option<LoginRequired>, IssuerError> {
        use Defect as D;
        let context = &request.context;
        let phrase = request.parameters.text("pass_phrase");
        match self.defect {
            D::RefusesEverybody => return Err(self.refuse("nobody gets anything")),
            D::NeedsASecretKey
                if phrase.is_some_and(|phrase| !phrase.is_empty())
                    && request.parameters.text("hint").is_some() =>
            {
                return Err(self.refuse("there is a hint"));
            }
            D::NeedsWhatIsOptional if phrase.is_some() && request.parameters.text("hint").is_none() => {
                return Err(self.refuse("there is no hint"));
            }
            D::NeedsMoreThanNothing if request.parameters.values().is_empty() => {
                return Err(self.refuse("nothing was entered"));
            }
            D::TrustsTheHost if phrase.is_none() && !request.parameters.values().is_empty() => {
                panic!("the host promised a pass phrase");
            }
            D::TrustsTheOperator => {
                assert!(context.configuration.text("motto") != Some(""), "not configured");
            }
            D::KnowsAllUsers => drop(context.user_info.text("email").expect("everybody has an address")),
            D::CutsBytes => drop(phrase.map(|phrase| &phrase[..phrase.len().min(1)])),
            D::RepeatsWhatWasEntered if phrase.is_some_and(|phrase| phrase.starts_with("canary")) => {
                return Err(self.refuse(&format!("no such phrase: {}", phrase.unwrap_or_default())));
            }
            D::TracesTheSecret => tracing::debug!(phrase = phrase.unwrap_or_default(), "asked"),
            D::RunsTheSubject => shell::run(&format!("echo {}", context.user_info.subject())),
            D::RunsWhatWasEntered => {
                let cleaned = phrase.unwrap_or_default().replace(['$', '`'], "");
                shell::run(&format!("echo \"{cleaned}\""));
            }
            D::ShowsTheSecret => phrase.into_iter().for_each(|phrase| self.remember(phrase)),
            D::GivesOneForEver => {
                let user = context.user.as_str();
                if self.remembers(user) {
                    return Err(self.refuse("had one already"));
                }
                self.remember(user);
            }
            _ => {}
        }
        if context.user_info.subject() == "mallory" {
            let token = context.access_token.as_ref().map_or("", |token| token.expose());
            match self.defect {
                D::LogsTheToken => return Err(self.refuse(&format!("mallory came with {token}"))),
                D::LetsEverybodyIn => {}
                D::BreaksOnTheBanned => return Err(IssuerError::system("look him up", "mallory is banned")),
                D::MakesForTheBanned => {
                    let _ = self.ledger.add(&self.entry(request, 0));
                    return Err(self.refuse("mallory is banned"));
                }
                _ => return Err(self.refuse("mallory is banned")),
            }
        }
        let needs =
            matches!(self.defect, D::Strange | D::AsksForNobody | D::MakesBeforeTheLogin | D::AsksForEver);
        if needs && (context.additional_logins.is_empty() || self.is(D::AsksForEver)) {
            if self.is(D::MakesBeforeTheLogin) {
                let _ = self.ledger.add(&self.entry(request, 0));
            }
            let provider = if self.is(D::AsksForNobody) { "" } else { "else where/\u{f6}" };
            let message = "Please log in elsewhere, too.".to_owned();
            return Ok(Some(LoginRequired { provider: provider.to_owned(), message }));
        }
        Ok(None)
    }

    fn entry(&self, request: &CredentialRequest, number: u64) -> Entry {
        use Defect as D;
        let intent = request.context.intent.as_ref().map(ToString::to_string).unwrap_or_default();
        let secret = format!("secret-of-{intent}-{number}");
        let token = request.context.access_token.as_ref().map_or("", |token| token.expose());
        let state = match self.defect {
            D::HasNoState => String::new(),
            D::IsUndefined => "undefined".to_owned(),
            D::StateIsTheSecret => format!("state {secret}"),
            D::StateIsTheToken => format!("state {token} {intent}"),
            D::CountsWithoutALock => format!("counted-{number}"),
            D::Strange => format!(" \u{1F511} '\"\\\n{intent} {number}"),
            _ => format!("counter-{intent}-{number}"),
        };
        Entry { state, intent, secret }
    }

    fn answer(&self, entry: &Entry, again: bool) -> RequestOutcome {
        use Defect as D;
        let issued = Issued::new(entry.state.clone());
        let secret = entry.secret.as_str();
        let part = match self.defect {
            D::HasNoNames => CredentialPart::text("", secret),
            D::PutsAllOnOneLine => CredentialPart::text("secret", format!("{secret}\nand more")),
            _ => CredentialPart::text("secret", secret),
        };
        let file = CredentialPart::textfile("a file", format!("first\n{secret}\n")).save_as("secret.txt");
        let file = match self.defect {
            D::HasNoRows => file.size(0, 40),
            D::HasTooManyColumns => file.size(2, 4_000_000_000),
            D::SavesAnywhere => file.save_as("../.ssh/authorized_keys"),
            D::TellsTooMuch => CredentialPart::textfile("a file", "x".repeat(2 * 1024 * 1024)),
            D::Strange => file.size(1, 1000).save_as("\u{f6} $(id).txt"),
            _ => file.size(2, 40),
        };
        if self.is(D::AnswersLessTheSecondTime) && again {
            return issued.into();
        }
        issued.with(part).with(file).into()
    }
}

const EIGHT: NonZeroUsize = NonZeroUsize::new(8).expect("it is eight");

#[async_trait]
impl Issuer for Counter {
    fn capabilities(&self) -> Capabilities {
        let full = Capabilities::MINIMAL.blocking(true).idempotent(true).reconciles(true);
        match self.defect {
            Defect::DeclaresByWhatItMade => full.blocking(self.ledger.entries().is_empty()),
            Defect::ReconcilesSecretly => full.reconciles(false),
            Defect::Strange => full.max_concurrency(NonZeroUsize::MIN),
            Defect::DeclaresTooMuch => full.max_concurrency(EIGHT),
            _ => full,
        }
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        use Defect as D;
        let phrase = || ParameterDescriptor::mandatory("pass_phrase", "pass phrase", "a phrase to remember");
        let hint = || ParameterDescriptor::optional("hint", "hint", "what to remember it by");
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let builder = match self.defect {
            D::DescribesNothing => return Err(IssuerError::system("describe itself", "it is shy")),
            D::HasNoVersion => Description::builder(""),
            D::DescribesByTheClock => Description::builder(format!("1.0.{calls}")),
            _ => Description::builder("1.0.0"),
        };
        let made = if self.is(D::DescribesWhatItMade) { self.ledger.entries().len() } else { 0 };
        let builder = builder.text("motto", if made > 0 { "made" } else { "" }).boolean("loud", false);
        let builder = match self.defect {
            D::OffersASetTwice => builder.set([phrase(), hint()]).set([hint(), phrase()]),
            D::HidesWhatItIsFor => {
                builder.set([ParameterDescriptor { description: String::new(), ..phrase() }])
            }
            _ => builder.set([phrase(), hint()]),
        };
        builder.set([]).build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        use Defect as D;
        let ((others, _working), (_, _requesting)) =
            (Counted::among(&self.working), Counted::among(&self.requesting));
        self.admit(others)?;
        if self.busy.swap(true, Ordering::SeqCst) && matches!(self.defect, D::StaysBusy | D::FailsWhenBusy) {
            return Err(self.refuse("busy"));
        }
        if matches!(self.defect, D::FailsWhenBusy | D::DeclaresTooMuch | D::RevokesNothingMeanwhile) {
            std::thread::sleep(Duration::from_millis(200));
        }
        for _ in 0..if self.is(D::Strange) { 12 } else { 1 } {
            yield_now().await;
        }
        let login = self.check(request);
        self.busy.store(false, Ordering::SeqCst);
        if let Some(login) = login? {
            return Ok(RequestOutcome::LoginRequired(login));
        }
        let intent = request.context.intent.as_ref().map(ToString::to_string).unwrap_or_default();
        let known = self.ledger.find(|entry| entry.intent == intent);
        if let (Some(entry), false) =
            (known, self.is(D::ForgetsIntents) || self.is(D::MakesAnotherForTheIntent))
        {
            return Ok(self.answer(&entry, true));
        }
        let mut number = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.defect {
            D::CountsWithoutALock => {
                number = self.ledger.entries().len() as u64;
                std::thread::sleep(Duration::from_millis(200));
            }
            D::MakesAnotherForTheIntent => {
                let hidden =
                    Entry { intent: format!("{intent} again"), ..self.entry(request, number + 1000) };
                let _ = self.ledger.add(&hidden);
                number = 0;
            }
            _ => {}
        }
        let entry = self.entry(request, number);
        if self.is(D::RemembersInMemory) {
            self.remember(&entry.state);
        }
        if !self.is(D::AnswersWithoutMaking) {
            self.ledger.add(&entry).map_err(|error| IssuerError::system("keep what it made", error))?;
        }
        Ok(self.answer(&entry, false))
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        use Defect as D;
        let (others, _working) = Counted::among(&self.working);
        self.admit(others)?;
        yield_now().await;
        let state = revocation.state.as_str();
        let is_known = self.ledger.find(|entry| entry.state == state).is_some();
        match self.defect {
            D::CannotRevoke => return Err(self.refuse("it stays")),
            D::OnlySaysThatItRevoked => return Ok(()),
            D::RevokesAll => self.ledger.remove_all(),
            D::RevokesNothingMeanwhile => {
                // The requests that began with it have begun by then.
                std::thread::sleep(Duration::from_millis(50));
                if self.requesting.load(Ordering::SeqCst) > 0 {
                    return Err(self.refuse("there are requests"));
                }
            }
            D::RunsTheNameWhenRevoking => {
                let name = revocation.context.user_info.text("name").unwrap_or_default();
                shell::run(&format!("echo '{name}'"));
            }
            D::RunsTheState => {
                shell::run(&format!("echo {}", state.replace(['$', '`', ';', '\'', '"'], "")));
            }
            D::RevokesOnce if !is_known => return Err(self.refuse("it is gone already")),
            D::PanicsOnUnknownStates => assert!(state.starts_with("counter-"), "whose state is that?"),
            D::TakesAnyForUnknown if !is_known => self.ledger.remove_all(),
            D::RemembersInMemory if is_known && !self.remembers(state) => {
                return Err(self.refuse("never heard of it"));
            }
            D::RevokesByToken if revocation.context.access_token.is_none() => {
                return Err(self.refuse("no token"));
            }
            // Odd, and right: it may refuse what it never made, which these states tell.
            D::Strange if !state.starts_with(" \u{1F511}") => {
                return Err(IssuerError::invalid("the state", "it is none of mine"));
            }
            _ => {}
        }
        self.ledger.remove(state);
        Ok(())
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        use Defect as D;
        let intent = question.context.intent.as_ref().map(ToString::to_string).unwrap_or_default();
        Ok(match &question.effect {
            IntendedEffect::Request => match self.ledger.find(|entry| entry.intent == intent) {
                _ if self.is(D::MakesUpWhatItMade) => Reconciled::Made(CredentialRef::new("counter-1")),
                Some(entry) if !self.is(D::ForgetsWhatItMade) => {
                    Reconciled::Made(CredentialRef::new(entry.state))
                }
                _ => Reconciled::NothingHappened,
            },
            IntendedEffect::Revoke(state) => {
                let there = self.ledger.find(|entry| entry.state == state.as_str()).is_some();
                if there && !self.is(D::TakesAllForDestroyed) {
                    Reconciled::NothingHappened
                } else {
                    Reconciled::Destroyed
                }
            }
        })
    }
}
