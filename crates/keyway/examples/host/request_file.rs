//! Shows an order for a request that OpenSSL made. The chain is stored in a folder, from which a server would read it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway::certificates::{OrderMetadata, Owner};
use keyway::orders::{End, NewOrder, Orders, Phase};
use keyway::secrets::SecretStore;
use keyway::{Clock as _, SystemClock};
use keyway_x509::{CertificateRequest, Expected, certificates_of_pem, check_issued};
use serde_json::json;

use crate::address;
use crate::report::{Failure, Report};

/// The request. The script `make_request.sh` beside `request.pem` made it.
const REQUEST: &str = include_str!("../fixtures/request.pem");

pub(crate) async fn show(
    report: &mut Report,
    orders: &Orders,
    kept: &dyn SecretStore,
    root: &str,
    folder: &Path,
) -> Result<(), Failure> {
    let joe = Owner::new("web team")?;
    let wanted =
        json!({ "request_type": "simple-cmc", "request_data": STANDARD.encode(REQUEST), "days": 30 });
    let metadata = OrderMetadata::from_json(wanted.to_string().as_bytes())?;
    let order = orders.submit(NewOrder::new(joe.clone(), metadata)).await?;
    let ended = orders.wait_for(&joe, &order.id).await?;
    report.check(
        ended.state.phase == Phase::Finished(End::Generated),
        "a request of OpenSSL, with a wildcard, has its certificate",
    );

    let name = format!("order-{}.certificate", order.id);
    let certificate = kept.get(&address(&name)?).await?;
    let chain = [certificate.value.expose_text().ok_or("a certificate is a text")?, root].concat();
    let file = folder.join("api.example.com.pem");
    std::fs::write(&file, chain)?;

    let written = std::fs::read_to_string(&file)?;
    let expected = Expected::from_request(&CertificateRequest::from_pem(REQUEST)?);
    let (certificate, root) = written.split_at(written.len() - root.len());
    let facts = check_issued(certificate, Some(root), &expected, SystemClock.now())?;
    report.check(
        certificates_of_pem(&written)?.len() == 2 && facts.names.len() == 2,
        "its chain is written to a folder, and has the key and the names of the request",
    );
    Ok(())
}
