//! Makes calls that hold secrets and are likely to fail, and collects all texts that could show the secrets.

use keyway_credentials::{CandidateQuestion, CredentialError, FetchOutcome, Json, Verification};

use super::{Broken, StoreFixture, USED, broken, nobody, placed};
use crate::credentials::given::name;
use crate::polled::contained;
use crate::unique::new_intent;
use crate::words;

/// The results of calls that are likely to fail.
#[derive(Default)]
pub(super) struct Provoked {
    /// The names of the calls that failed, and their errors.
    pub(super) errors: Vec<(String, CredentialError)>,
    /// The names of calls, and their messages to the user.
    pub(super) messages: Vec<(String, String)>,
    /// The calls that panicked.
    pub(super) panics: Vec<String>,
    /// The `Debug` text of the handle after all calls.
    pub(super) handle: String,
}

impl Provoked {
    /// Returns the answer of a call that succeeded. Otherwise records the error or the panic, and returns `None`.
    fn note<T>(&mut self, what: &str, answer: Option<Result<T, CredentialError>>) -> Option<T> {
        match answer {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => self.errors.push((what.to_owned(), error)),
            None => self.panics.push(what.to_owned()),
        }
        None
    }
}

/// Makes calls with canaries: in the login at the gateway, in `key_value_pairs` (statements of the user or of other
/// plugins), and in the cookies.
pub(super) async fn provoke(fixture: &StoreFixture<'_>) -> Result<Provoked, Broken> {
    let mut provoked = Provoked::default();
    let subject = fixture.subject();
    let told = [&subject.denied, &subject.needs_info, &subject.unavailable].into_iter().flatten();
    let mut candidates = vec![nobody()?];
    for place in told.chain(&subject.failing).chain(subject.found.iter().map(|(_, place)| place)) {
        candidates.push(placed(place)?);
    }
    let canary = fixture.canary("secret");
    fixture.keep_secret(canary.as_str());
    let store = fixture.open()?;
    for with_login in [true, false] {
        let mut session = fixture.session()?;
        session.change(|it| {
            it.key_value_pairs.insert("otp".to_owned(), Json::text(canary.as_str()));
            if !with_login {
                it.gateway_username = Some("kit".to_owned());
                it.gateway_password = Some(canary.as_str().into());
            }
        });
        let context = session.context()?;
        for cookie in [&context.cookie, &context.session_cookie] {
            cookie.set("token", canary.as_str()).map_err(|error| broken("a token", error.to_string()))?;
        }
        for candidate in &candidates {
            for kind in fixture.kinds() {
                let mut fetch = session.request(candidate)?;
                fetch.session = context.clone();
                let answer = contained(crate::credentials::given::fetch(&*store, kind, &fetch)).await;
                if let Some(answer) = &answer {
                    session.keep(kind, &fetch, answer);
                }
                let what = name(kind);
                match provoked.note(what, answer) {
                    Some(FetchOutcome::Denied(it)) => provoked.messages.push((what.to_owned(), it.message)),
                    Some(FetchOutcome::NeedInfo(it)) => provoked.messages.push((what.to_owned(), it.message)),
                    Some(FetchOutcome::Found(found)) => {
                        if let Some(lease) = found.lease {
                            let check_in = keyway_credentials::CheckIn::new(
                                new_intent(),
                                lease,
                                candidate.clone(),
                                context.clone(),
                                USED,
                            );
                            provoked.note("check_in", contained(store.check_in(&check_in)).await);
                        }
                    }
                    _ => {}
                }
            }
            let verified = contained(store.verify(&Verification::new(candidate.clone()))).await;
            provoked.note("verify", verified);
        }
        let question = CandidateQuestion::accounts(context.clone());
        provoked.note("accounts", contained(store.accounts(&question)).await);
        let event = keyway_credentials::SessionEvent::new(new_intent(), context.clone());
        let completed = contained(store.authentication_completed(&event)).await;
        provoked.note("authentication_completed", completed);
        provoked.note("session_ended", contained(store.session_ended(&event)).await);
    }
    provoked.handle = format!("{store:?}");
    Ok(provoked)
}

/// Collects all texts of an error and of its causes.
pub(super) fn all_words(error: &CredentialError) -> String {
    words::all_words(error, &error.user_message())
}
