//! Tests that certificates with unusual names reach their owner, and the log of issued certificates.

use keyway_host::orders::{End, IssuedBy, Phase};
use keyway_x509::AlternativeName;

use crate::office::Office;

#[tokio::test]
async fn a_name_that_a_certificate_has_twice_is_logged_once() {
    let office = Office::new();
    let host = office.host(&office.storage).await.unwrap();
    let dns = |name| AlternativeName::dns(name).unwrap();
    for names in
        [["door.example.com", "door.example.com"].map(dns), ["gate.example.com", "GATE.example.com"].map(dns)]
    {
        let order = office.issued_for(&host, None, &names).await;
        assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{names:?}: {}", order.state.message);
    }
    for name in ["door.example.com", "gate.example.com"] {
        let logged = host.orders().issued(IssuedBy::Name(name), None, 9).await.unwrap();
        assert_eq!(logged.entries.len(), 1, "{name}");
        assert_eq!(logged.entries[0].names, [name]);
    }
}
