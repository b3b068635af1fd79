//! The operations on orders.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_x509::{AlternativeName, CertificateRequest};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::exchange::Reply;
use super::operations::thumbprint;
use super::state::{AuthorizationEntry, AuthorizationStage, OrderEntry, OrderStage, State, random};
use super::{Shared, locked};
use crate::documents::Identifier;
use crate::responder::Proof;

/// The number of orders on one page of the list.
const PAGE: usize = 3;

impl Shared {
    pub(super) fn new_order(&self, account: usize, payload: &Value) -> Reply {
        let names: Vec<Identifier> =
            serde_json::from_value(payload["identifiers"].clone()).unwrap_or_default();
        let settings = locked(&self.settings).clone();
        let mut state = locked(&self.state);
        if names.is_empty() {
            return Reply::problem(400, "malformed", "An order needs names.");
        }
        if let Some(name) = names.iter().find(|name| name.value.ends_with(".invalid")) {
            let detail = format!("{} cannot have a certificate.", name.value);
            return Reply::problem(403, "rejectedIdentifier", &detail);
        }
        let replaces = payload["replaces"].as_str().map(str::to_owned);
        if replaces.is_some() && settings.refuses_replacements {
            return Reply::problem(400, "malformed", "The certificate is not one of this account.");
        }
        if replaces.is_some() && state.orders.iter().any(|order| order.replaces == replaces) {
            return Reply::problem(409, "alreadyReplaced", "Another order replaces the certificate.");
        }
        let is_open = |order: &OrderEntry| {
            matches!(state.stage(order), OrderStage::Pending | OrderStage::Ready) && order.names == names
        };
        let open = state.orders.iter().position(is_open).filter(|_| settings.reuses_orders);
        let number = open.unwrap_or_else(|| {
            let authorizations =
                names.iter().map(|name| state.authorized(name, settings.shares_authorizations)).collect();
            let (chain, is_processing, finalizations) = (None, false, 0);
            state.orders.push(OrderEntry {
                account,
                names,
                authorizations,
                chain,
                is_processing,
                finalizations,
                replaces,
            });
            state.orders.len() - 1
        });
        let body = self.order_body(&state, number);
        Reply::json(201, &body).at(format!("{}/order/{number}", self.base)).retried()
    }

    pub(super) fn order_list(&self, account: usize, path: &str) -> Reply {
        let state = locked(&self.state);
        let after: usize =
            path.split_once("cursor=").and_then(|(_, number)| number.parse().ok()).unwrap_or(0);
        let own = state.orders.iter().enumerate().filter(|(_, order)| order.account == account);
        let urls: Vec<_> = own.map(|(number, _)| format!("{}/order/{number}", self.base)).collect();
        let page: Vec<_> = urls.iter().skip(after).take(PAGE).collect();
        let mut reply = Reply::json(200, &json!({ "orders": page }));
        if urls.len() > after + PAGE {
            reply.next = Some(format!("{}/account/{account}/orders?cursor={}", self.base, after + PAGE));
        }
        reply
    }

    pub(super) fn order(&self, account: usize, number: usize) -> Reply {
        let mut state = locked(&self.state);
        if state.orders.get(number).is_none_or(|order| order.account != account) {
            return no_such("order");
        }
        let mut settings = locked(&self.settings);
        if settings.stale_looks > 0 && state.orders[number].chain.is_some() {
            settings.stale_looks -= 1;
            let mut body = self.order_body(&state, number);
            body["status"] = OrderStage::Ready.as_str().into();
            return Reply::json(200, &body);
        }
        // The first read of the order after the finalization shows the certificate. Only the answer to the finalization
        // says `processing`.
        state.orders[number].is_processing = false;
        Reply::json(200, &self.order_body(&state, number)).retried()
    }

    fn order_body(&self, state: &State, number: usize) -> Value {
        let order = &state.orders[number];
        let phase = state.stage(order);
        let url = |kind: &str, number: usize| format!("{}/{kind}/{number}", self.base);
        let authorizations: Vec<_> =
            order.authorizations.iter().map(|at| url("authorization", *at)).collect();
        let mut body = json!({
            "status": phase.as_str(),
            "identifiers": order.names,
            "authorizations": authorizations,
            "finalize": format!("{}/order/{number}/finalize", self.base),
        });
        if phase == OrderStage::Valid {
            body["certificate"] = url("certificate", number).into();
        }
        body
    }

    pub(super) fn finalize(&self, account: usize, number: usize, payload: &Value) -> Reply {
        let mut state = locked(&self.state);
        let Some(order) = state.orders.get(number).filter(|order| order.account == account) else {
            return no_such("order");
        };
        if state.stage(order) != OrderStage::Ready {
            return Reply::problem(403, "orderNotReady", "The order is not ready.");
        }
        let csr = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap_or_default()).unwrap_or_default();
        let chain = CertificateRequest::from_der(&csr).ok().and_then(|request| {
            let is_for_names = request.names().iter().all(|name| {
                let value = match name {
                    AlternativeName::Dns(name) => name.clone(),
                    AlternativeName::Ip(address) => address.to_string(),
                    _ => return false,
                };
                order.names.iter().any(|known| known.value == value)
            });
            is_for_names.then(|| state.certifier.certify(&request, &order.names)).flatten()
        });
        let Some(chain) = chain else {
            return Reply::problem(400, "badCSR", "The request is not for the names of the order.");
        };
        let is_processing = !locked(&self.settings).finalizes_at_once;
        let order = &mut state.orders[number];
        (order.chain, order.is_processing) = (Some(chain), is_processing);
        order.finalizations += 1;
        Reply::json(200, &self.order_body(&state, number)).retried()
    }

    pub(super) fn certificate(&self, account: usize, number: usize) -> Reply {
        let state = locked(&self.state);
        let order = state.orders.get(number).filter(|order| order.account == account);
        match order.and_then(|order| order.chain.clone()) {
            Some(chain) => Reply::text(200, chain),
            None => no_such("certificate"),
        }
    }

    pub(super) fn authorization(&self, number: usize) -> Reply {
        let state = locked(&self.state);
        match state.authorizations.get(number) {
            Some(_) => Reply::json(200, &self.authorization_body(&state, number)),
            None => no_such("authorization"),
        }
    }

    pub(super) fn deactivate(&self, number: usize) -> Reply {
        let mut state = locked(&self.state);
        let Some(authorization) = state.authorizations.get_mut(number) else {
            return no_such("authorization");
        };
        authorization.stage = AuthorizationStage::Deactivated;
        Reply::json(200, &self.authorization_body(&state, number))
    }

    fn authorization_body(&self, state: &State, number: usize) -> Value {
        let authorization = &state.authorizations[number];
        let kinds: &[&str] = if authorization.is_wildcard { &["dns-01"] } else { &["http-01", "dns-01"] };
        let challenges: Vec<_> = kinds.iter().map(|kind| self.challenge_body(state, number, kind)).collect();
        let mut name = authorization.name.clone();
        if let Some(shown) = &locked(&self.settings).shown_name {
            name.value.clone_from(shown);
        }
        json!({
            "status": authorization.stage.as_str(),
            "identifier": name,
            "wildcard": authorization.is_wildcard,
            "challenges": challenges,
        })
    }

    fn challenge_body(&self, state: &State, number: usize, kind: &str) -> Value {
        let authorization = &state.authorizations[number];
        let mut challenge = json!({
            "type": kind,
            "url": format!("{}/challenge/{number}/{kind}", self.base),
            "token": authorization.token,
            "status": match authorization.stage {
                AuthorizationStage::Deactivated => "invalid",
                other => other.as_str(),
            },
        });
        if authorization.stage == AuthorizationStage::Invalid {
            challenge["error"] =
                json!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": "No proof is shown." });
        }
        challenge
    }

    /// Answers a request for a challenge. With a payload, checks the proof. Like Pebble, refuses to check a proof
    /// again.
    pub(super) fn challenge(&self, number: usize, kind: &str, payload: &Value) -> Reply {
        let (is_refused, is_seen) = {
            let settings = locked(&self.settings);
            (settings.refuses_proofs, settings.sees_every_proof)
        };
        let mut state = locked(&self.state);
        let Some(authorization) = state.authorizations.get(number) else { return no_such("challenge") };
        if payload.is_null() {
            return Reply::json(200, &self.challenge_body(&state, number, kind));
        }
        if authorization.stage != AuthorizationStage::Pending {
            return Reply::problem(400, "malformed", "The challenge is not pending any more.");
        }
        let proofs = locked(&self.proofs);
        let is_proved = state.accounts.iter().any(|account| {
            let content = format!("{}.{}", authorization.token, thumbprint(&account.key));
            let (name, token) = (authorization.name.value.clone(), authorization.token.clone());
            proofs.contains(&match kind {
                "http-01" => Proof::Page { name, token, content },
                _ => Proof::Txt {
                    name: format!("_acme-challenge.{name}"),
                    value: URL_SAFE_NO_PAD.encode(digest(&SHA256, content.as_bytes())),
                },
            })
        });
        let is_valid = (is_proved || is_seen) && !is_refused;
        let found = if is_valid { AuthorizationStage::Valid } else { AuthorizationStage::Invalid };
        if authorization.stage == AuthorizationStage::Pending {
            state.authorizations[number].stage = found;
        }
        Reply::json(200, &self.challenge_body(&state, number, kind)).retried()
    }
}

impl State {
    /// Returns the number of an authorization for a name. If `shares` is set, this is the pending or valid
    /// authorization of an earlier order for the same name, if there is one. Otherwise it is a new authorization.
    fn authorized(&mut self, name: &Identifier, shares: bool) -> usize {
        let (is_wildcard, plain) = match name.value.strip_prefix("*.") {
            Some(plain) => (true, plain.to_owned()),
            None => (false, name.value.clone()),
        };
        let name = Identifier { kind: name.kind.clone(), value: plain };
        let stage = AuthorizationStage::Pending;
        let is_same = |known: &AuthorizationEntry| {
            known.name == name
                && known.is_wildcard == is_wildcard
                && matches!(known.stage, AuthorizationStage::Pending | AuthorizationStage::Valid)
        };
        if let Some(number) = self.authorizations.iter().position(is_same).filter(|_| shares) {
            return number;
        }
        self.authorizations.push(AuthorizationEntry { name, is_wildcard, token: random(), stage });
        self.authorizations.len() - 1
    }
}

fn no_such(what: &str) -> Reply {
    Reply::problem(404, "malformed", &format!("No such {what}."))
}
