//! Proving the names of an order.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use keyway_certificates::{CertificateError, CertificateOrder, OrderOutcome};
use serde_json::json;

use crate::account::Account;
use crate::account_key::AccountKey;
use crate::acme::Acme;
use crate::client::document;
use crate::documents::{Authorization, AuthorizationStatus, Challenge, ChallengeStatus, Identifier};
use crate::failure::Failure;
use crate::kept::{Kept, ShownProof};
use crate::placement::Seen;
use crate::progress::waiting;
use crate::proof::{choose, proof};
use crate::responder::Visibility;

const CHECKED: &str = "The certificate authority checks the names.";
/// The delay before the call that continues the work for which a call had no time left.
pub(crate) const CONTINUES: Duration = Duration::from_secs(1);

impl Acme {
    /// Shows the proofs that an order needs, and tells the server to check them. Returns `None` if no name is left to
    /// prove.
    ///
    /// A call that has little time left returns after some of the names, and the next call continues.
    pub(crate) async fn proved(
        &self,
        order: &CertificateOrder,
        seen: &Seen,
        until: Instant,
    ) -> Result<Option<OrderOutcome>, Failure> {
        let kept = Kept(&order.plugin_meta);
        let names = self.request(order)?.names;
        let account = self.account(until).await?;
        // The server checks a proof with the key that the account has when the server is told of the proof.
        let key = account.key.thumbprint();
        let is_good = |shown: &ShownProof| shown.is_announced || shown.key == key;
        let good = kept.proofs().into_iter().filter(is_good).map(|shown| shown.authorization).collect();
        if !self.outdated_removed(order, &good, until).await? {
            return Ok(Some(waiting(CHECKED, Some(CONTINUES))));
        }
        let mut proofs = kept.proofs();
        let known = proofs.len();
        for url in &seen.state.authorizations {
            if self.is_late(until) {
                break;
            }
            if proofs.iter().any(|shown| shown.authorization == *url) {
                continue;
            }
            let authorization: Authorization = document(&self.read(url, until).await?, "an authorization")?;
            match self.needed(&names, &authorization, url, &account.key)? {
                Needed::Proof(shown) => proofs.push(shown),
                Needed::Refused(reason) => return Ok(Some(OrderOutcome::InvalidOperation(reason.into()))),
            }
        }
        let is_complete = proofs.len() >= seen.state.authorizations.len();
        if is_complete && proofs.iter().all(|shown| shown.proof.is_none()) {
            return Ok(None);
        }
        if proofs.len() > known {
            // The proofs are recorded before they are shown, so that they are removed even after a kill.
            kept.set_proofs(&proofs)?;
            kept.save().await?;
        }
        let was_visible: Vec<_> = proofs.iter().map(|shown| shown.is_visible).collect();
        let delay = match self.shown(kept, &mut proofs, until).await? {
            Some(delay) => Some(delay),
            None => self.announced(kept, &mut proofs, &was_visible, &account, until).await?,
        };
        let delay = if is_complete { delay.or(seen.retry_after) } else { Some(CONTINUES) };
        Ok(Some(waiting(CHECKED, delay)))
    }

    fn needed(
        &self,
        names: &[Identifier],
        authorization: &Authorization,
        url: &str,
        key: &AccountKey,
    ) -> Result<Needed, Failure> {
        match authorization.status {
            AuthorizationStatus::Valid => {
                let authorization = url.to_owned();
                return Ok(Needed::Proof(ShownProof {
                    authorization,
                    proof: None,
                    key: String::new(),
                    is_shown: true,
                    is_visible: true,
                    is_announced: true,
                }));
            }
            AuthorizationStatus::Pending => {}
            _ => {
                let fault = authorization.fault();
                let name = &authorization.identifier.value;
                let reason = fault.unwrap_or_else(|| format!("{name}: its authorization ended."));
                return Ok(Needed::Refused(format!("The certificate authority refused the order. {reason}")));
            }
        }
        let name = &authorization.identifier.value;
        // The name becomes a place where the responder writes, so the server does not choose it freely.
        if !names.iter().any(|asked| asked.is_proved_by(&authorization.identifier)) {
            let reason =
                "The certificate authority asks for the proof of a name that the order does not have.";
            return Ok(Needed::Refused(reason.to_owned()));
        }
        let Some((kind, challenge)) = choose(authorization, &self.configuration.challenges) else {
            let reason = "The certificate authority offers no proof that this service is configured for.";
            return Ok(Needed::Refused(reason.to_owned()));
        };
        let proof = proof(kind, name, &challenge.token, key)?;
        let is_announced = challenge.status != ChallengeStatus::Pending;
        let (authorization, proof) = (url.to_owned(), Some((proof, challenge.url.clone())));
        let key = key.thumbprint();
        let (is_shown, is_visible) = (false, false);
        Ok(Needed::Proof(ShownProof { authorization, proof, key, is_shown, is_visible, is_announced }))
    }

    /// Shows the proofs that could not be seen yet. Returns the delay before the next call, or `None` if all proofs can
    /// be seen.
    ///
    /// The server is told of the first proof only after all were shown: two of them may be records of one name, and a
    /// resolver keeps its first answer for a while.
    async fn shown(
        &self,
        kept: Kept<'_>,
        proofs: &mut [ShownProof],
        until: Instant,
    ) -> Result<Option<Duration>, Failure> {
        let mut longest = None;
        let is_hidden = |at: &usize| !(proofs[*at].is_announced || proofs[*at].is_visible);
        let mut hidden: Vec<_> = (0..proofs.len()).filter(is_hidden).collect();
        // New proofs come first: a late call that shows the same hidden ones again would not get further.
        hidden.sort_by_key(|at| proofs[*at].is_shown);
        for &at in &hidden {
            longest = longest.max(self.put(kept, proofs, at).await?);
            if self.is_late(until) {
                let is_left = hidden.iter().any(|at| !proofs[*at].is_shown);
                return Ok(longest.filter(|_| !is_left).or(Some(CONTINUES)));
            }
        }
        Ok(longest)
    }

    /// Shows a proof, and notes whether it can be seen. If not, returns the delay until it can.
    async fn put(
        &self,
        kept: Kept<'_>,
        proofs: &mut [ShownProof],
        at: usize,
    ) -> Result<Option<Duration>, Failure> {
        let Some((proof, _)) = &proofs[at].proof else { return Ok(None) };
        let delay = match self.responder.put(proof).await? {
            Visibility::Now => None,
            Visibility::After(delay) => Some(delay),
        };
        (proofs[at].is_shown, proofs[at].is_visible) = (true, delay.is_none());
        kept.set_proofs(proofs)?;
        Ok(delay)
    }

    /// Tells the server to check the proofs. Returns the delay before the next call, as the server or the responder
    /// requests it. `was_visible` tells which proofs an earlier call has shown. `account` has the key of the proofs.
    async fn announced(
        &self,
        kept: Kept<'_>,
        proofs: &mut [ShownProof],
        was_visible: &[bool],
        account: &Account,
        until: Instant,
    ) -> Result<Option<Duration>, Failure> {
        let mut longest = None;
        for at in 0..proofs.len() {
            let Some((_, url)) = proofs[at].proof.clone().filter(|_| !proofs[at].is_announced) else {
                continue;
            };
            // A responder that was started again since the earlier call may have lost the proof.
            if was_visible[at]
                && let Some(delay) = self.put(kept, proofs, at).await?
            {
                longest = longest.max(Some(delay));
                continue;
            }
            let answer = match self.client.post(&url, account.credentials(), Some(&json!({})), until) {
                // Some servers refuse a challenge that is not pending any more. Then an earlier call had its effect,
                // and its answer was lost.
                Err(refusal) if refusal.is_refusal() => {
                    let answer = self.read(&url, until).await?;
                    let challenge: Challenge = document(&answer, "a challenge")?;
                    if challenge.status == ChallengeStatus::Pending {
                        // If the key was changed during this call, the next call makes the proofs again.
                        let is_outdated = self.account(until).await?.key.thumbprint() != proofs[at].key;
                        return if is_outdated { Ok(Some(CONTINUES)) } else { Err(refusal) };
                    }
                    answer
                }
                told => told?,
            };
            longest = longest.max(answer.retry_after);
            proofs[at].is_announced = true;
            kept.set_proofs(proofs)?;
            if self.is_late(until) {
                return Ok(Some(CONTINUES));
            }
        }
        Ok(longest)
    }

    /// Removes the proofs of an order, except the proofs for the authorizations in `except`, which stay in its data.
    /// Returns `false` if the call has little time left, and the next call has to continue.
    pub(crate) async fn proofs_removed(
        &self,
        order: &CertificateOrder,
        except: &BTreeSet<String>,
        until: Instant,
    ) -> Result<bool, CertificateError> {
        let kept = Kept(&order.plugin_meta);
        self.removed(&mut kept.proofs(), except, until, |left| kept.set_proofs(left)).await
    }

    /// Removes proofs and takes them out of their list, except the proofs for the authorizations in `except`. Passes
    /// the list to `note` after each removal. Returns `false` if the call has little time left, and the next call has
    /// to continue.
    pub(crate) async fn removed(
        &self,
        proofs: &mut Vec<ShownProof>,
        except: &BTreeSet<String>,
        until: Instant,
        mut note: impl FnMut(&[ShownProof]) -> Result<(), CertificateError> + Send,
    ) -> Result<bool, CertificateError> {
        let is_gone = |shown: &ShownProof| !except.contains(&shown.authorization);
        while let Some(at) = proofs.iter().position(is_gone) {
            if let Some((proof, _)) = &proofs[at].proof {
                self.responder.remove(proof).await?;
            }
            proofs.remove(at);
            note(proofs)?;
            if self.is_late(until) && proofs.iter().any(is_gone) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The next step that an authorization needs.
enum Needed {
    /// A proof, or none if the name was proved before.
    Proof(ShownProof),
    /// The order can never get a certificate. The reason is for the client.
    Refused(String),
}
