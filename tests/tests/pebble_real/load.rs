//! Many orders at once against Pebble, through the proxy.
//!
//! By default, the test places few orders. The variable `KEYWAY_PEBBLE_ORDERS` sets another number, for example 1000.

use std::env;

use keyway_tests::services::OrSkip as _;

use super::connection::{Connection, certified, dns};
use super::proxy::{Faults, Proxy};
use super::server::{Pebble, Settings};

/// The number of orders if `KEYWAY_PEBBLE_ORDERS` is not set.
const ORDERS: usize = 100;
/// The number of hosts that work on the orders, each with one worker.
const WORKERS: usize = 4;
/// The minimum number of requests for an order by RFC 8555: the order, its authorization, the challenge, a poll, the
/// finalization, a poll, the certificate.
const LEAST: usize = 7;

#[expect(clippy::print_stdout, reason = "figures of a measurement")]
#[tokio::test(flavor = "multi_thread")]
async fn many_orders_at_once_need_few_more_requests_than_the_protocol() {
    let Some(programs) = Pebble::find().or_skip("many orders at Pebble") else { return };
    let orders = env::var("KEYWAY_PEBBLE_ORDERS").map_or(ORDERS, |number| number.parse().expect("a number"));
    // 5 percent is Pebble's own default. Each refused nonce costs one more request, which is counted.
    let server = programs.start(Settings { refused_nonces: 5, ..Settings::default() });
    let proxy = Proxy::start(&server, Faults { limited_every: 20, slow_every: 50 });
    let connection = Connection { directory: proxy.directory(), ..Connection::new(server) };
    connection
        .run_hosts(WORKERS, async |hosts| {
            // The account is made before the requests are counted.
            certified(&hosts[0], &[dns("first.example.com")]).await;
            proxy.take_books();
            let placed: Vec<_> = (0..orders)
                .map(|number| {
                    let host = hosts[number % WORKERS].clone();
                    tokio::spawn(async move {
                        certified(&host, &[dns(&format!("host-{number}.example.com"))]).await
                    })
                })
                .collect();
            for order in placed {
                order.await.expect("a certificate");
            }
        })
        .await;
    let books = proxy.take_books();
    assert_eq!(books.orders.len(), orders, "orders at the server");
    for (order, counts) in &books.orders {
        assert_eq!((counts.finalizations, counts.hurried), (1, 0), "{order}: {counts:?}");
    }
    assert!(books.refused_nonces > 0 && books.limited > 0, "{} {}", books.refused_nonces, books.limited);
    let most = books.orders.values().map(|order| order.requests).max().unwrap_or_default();
    println!(
        "{orders} orders: {} requests, at most {most} for one order, {} for nonces, {} with refused nonces, {} refused \
         as too many",
        books.requests, books.nonces, books.refused_nonces, books.limited,
    );
    assert!(10 * books.requests <= 12 * LEAST * orders, "{} requests", books.requests);
}
