//! The objects of the server for tests.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;

use super::certifier::Certifier;
use crate::documents::Identifier;

/// All objects of the server. The number of an object is its index in a list.
#[derive(Debug)]
pub(super) struct State {
    pub(super) accounts: Vec<AccountEntry>,
    pub(super) orders: Vec<OrderEntry>,
    pub(super) authorizations: Vec<AuthorizationEntry>,
    pub(super) revoked: BTreeSet<String>,
    pub(super) nonces: BTreeSet<String>,
    pub(super) signed_requests: u32,
    pub(super) certifier: Certifier,
}

#[derive(Debug)]
pub(super) struct AccountEntry {
    pub(super) key: Value,
}

#[derive(Debug)]
pub(super) struct OrderEntry {
    pub(super) account: usize,
    pub(super) names: Vec<Identifier>,
    pub(super) authorizations: Vec<usize>,
    /// The chain, once the order was finalized.
    pub(super) chain: Option<String>,
    /// Whether the order is still shown as processing, although the chain exists.
    pub(super) is_processing: bool,
    pub(super) finalizations: u32,
    pub(super) replaces: Option<String>,
}

impl OrderEntry {
    /// Returns the DER of the certificate as a revocation has it: in base64url.
    pub(super) fn certificate(&self) -> Option<String> {
        let lines = self.chain.as_deref()?.lines().skip(1);
        let base64: String = lines.take_while(|line| !line.starts_with("-----")).map(str::trim).collect();
        Some(base64.trim_end_matches('=').replace('+', "-").replace('/', "_"))
    }
}

#[derive(Debug)]
pub(super) struct AuthorizationEntry {
    pub(super) name: Identifier,
    pub(super) is_wildcard: bool,
    pub(super) token: String,
    pub(super) stage: AuthorizationStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthorizationStage {
    Pending,
    Valid,
    Invalid,
    Deactivated,
}

impl AuthorizationStage {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Deactivated => "deactivated",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderStage {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
    Canceled,
}

impl OrderStage {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Processing => "processing",
            Self::Valid => "valid",
            Self::Invalid | Self::Canceled => "invalid",
        }
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            accounts: Vec::new(),
            orders: Vec::new(),
            authorizations: Vec::new(),
            revoked: BTreeSet::new(),
            nonces: BTreeSet::new(),
            signed_requests: 0,
            certifier: Certifier::new(),
        }
    }

    /// Returns the stage of an order. As long as the order has no certificate, its stage follows from the stages of its
    /// authorizations.
    pub(super) fn stage(&self, order: &OrderEntry) -> OrderStage {
        let has = |stage| order.authorizations.iter().any(|at| self.authorizations[*at].stage == stage);
        if order.chain.is_some() {
            if order.is_processing { OrderStage::Processing } else { OrderStage::Valid }
        } else if has(AuthorizationStage::Deactivated) {
            OrderStage::Canceled
        } else if has(AuthorizationStage::Invalid) {
            OrderStage::Invalid
        } else if has(AuthorizationStage::Pending) {
            OrderStage::Pending
        } else {
            OrderStage::Ready
        }
    }

    /// Makes a nonce, which is valid for one request.
    pub(super) fn new_nonce(&mut self) -> String {
        let nonce = random();
        self.nonces.insert(nonce.clone());
        nonce
    }
}

/// Returns a random text of base64url.
pub(super) fn random() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes())
}

pub(super) fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random numbers");
    bytes
}
