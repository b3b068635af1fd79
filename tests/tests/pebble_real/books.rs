//! The books of the proxy: requests and finalizations of each order.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exchange::{Answer, Request};
use super::proxy::NEW_ORDER;

/// The requests of one order.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderCounts {
    pub(crate) requests: usize,
    /// The finalizations that succeeded.
    pub(crate) finalizations: usize,
    /// The polls that came before the end of the delay that the server had demanded.
    pub(crate) hurried: usize,
    not_before: Option<Instant>,
}

/// The books of a proxy.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// The orders, by their paths.
    pub(crate) orders: BTreeMap<String, OrderCounts>,
    /// Maps the path of an object that belongs to an order, such as an authorization, to the path of the order.
    order_of: HashMap<String, String>,
    /// The number of all requests, including those that were refused.
    pub(crate) requests: usize,
    /// The number of requests for a nonce.
    pub(crate) nonces: usize,
    /// The number of requests that failed because of a refused nonce.
    pub(crate) refused_nonces: usize,
    /// The number of requests that were refused because of a rate limit.
    pub(crate) limited: usize,
    /// The certificates that new orders replace.
    pub(crate) replaced: Vec<String>,
}

impl Books {
    /// Notes a request and its answer.
    pub(crate) fn note(&mut self, request: &Request, answer: &Answer) {
        self.requests += 1;
        self.nonces += usize::from(request.path == "/nonce-plz");
        self.limited += usize::from(answer.status == 429);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_refused_nonce = body["type"].as_str().is_some_and(|kind| kind.ends_with(":badNonce"));
        self.refused_nonces += usize::from(is_refused_nonce);
        let is_success = (200..300).contains(&answer.status);
        let order = match answer.header("location").filter(|_| request.path == NEW_ORDER && is_success) {
            Some(location) => {
                self.replaced.extend(replaced_by(request));
                path(location)
            }
            None if self.orders.contains_key(&request.path) => request.path.clone(),
            None => match self.order_of.get(&request.path) {
                Some(order) => order.clone(),
                None => return,
            },
        };
        for url in urls(&body).filter(|url| *url != order) {
            self.order_of.insert(url, order.clone());
        }
        let is_look = request.path == order;
        let counts = self.orders.entry(order).or_default();
        counts.requests += 1;
        if is_look && counts.not_before.is_some_and(|not_before| Instant::now() < not_before) {
            counts.hurried += 1;
        }
        if is_success {
            counts.finalizations += usize::from(request.path.starts_with("/finalize-order/"));
            let delay = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
            counts.not_before = delay.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        }
    }
}

/// Returns the paths of all objects to which this object refers.
fn urls(body: &Value) -> impl Iterator<Item = String> {
    let texts = |value: &Value| value.as_str().map(path);
    let authorizations = body["authorizations"].as_array().into_iter().flatten().filter_map(texts);
    let challenges = body["challenges"].as_array().into_iter().flatten();
    let challenges = challenges.filter_map(move |challenge| texts(&challenge["url"]));
    authorizations
        .chain(challenges)
        .chain([&body["finalize"], &body["certificate"]].into_iter().filter_map(texts))
}

fn path(url: &str) -> String {
    url.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"))
}

/// Returns the certificate that a new order replaces.
fn replaced_by(request: &Request) -> Option<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let signed: Value = serde_json::from_slice(&request.body).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(signed["payload"].as_str()?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload["replaces"].as_str().map(str::to_owned)
}
