//! Tests short-lived certificates, which a service of the host makes and revokes.

use keyway_core::Resources;
use keyway_credentials::Certificates;
use keyway_host::grants::Service;
use keyway_issuers::{Json, ServiceName};
use keyway_tests::services::OrSkip as _;
use keyway_tests::sshd::{Folder, OpenSsh, Server, text, write_private};
use keyway_vaulted::StoredAccount;
use serde_json::json;

use crate::gateway::{Gateway, STORE};
use crate::target::ACCOUNT;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_opens_the_target_until_the_session_is_over() {
    const ISSUER: &str = "https://gateway.example.com";
    let Some(programs) = OpenSsh::find().or_skip("SSH certificates that a session checks out") else {
        return;
    };
    let folder = Folder::new();
    for key in ["ca", "stranger"] {
        programs.make_key(&folder.file(key));
    }
    keyway_ssh::set_up_revocation_list(folder.file("krl")).expect("a list");
    let settings = format!(
        "AuthorizedKeysFile none\nTrustedUserCAKeys {}\nRevokedKeys {}",
        folder.file("ca.pub").display(),
        folder.file("krl").display()
    );
    let server = Server::start(&programs, &settings);
    assert!(!server.lets_in(&folder.file("stranger"), None));

    let service =
        Service::new(ServiceName::new("logins").expect("a name"), "ssh-ca").allow_everybody().limit(8);
    let service = [
        ("ca_key_file", text(&folder.file("ca"))),
        ("krl_file", text(&folder.file("krl"))),
        ("principals", server.user.as_str()),
    ]
    .into_iter()
    .fold(service, |service, (name, value)| service.configure(name, Json::text(value)));
    let configuration = json!({ "store": STORE, "certificates": { "service": "logins", "issuer": ISSUER } });
    let stored = StoredAccount::new().with_certificates();
    let gateway = Gateway::start(ACCOUNT, &stored, configuration, Resources::new(), Some(service)).await;

    let session = gateway.begin();
    let certificates = gateway.fetch::<Certificates>(&session).await;
    let credential = certificates.first();
    // The file of the certificate has a name of its own: `ssh` would find a certificate that is named after its key,
    // even if the test does not pass the certificate.
    let (key, certificate) = (folder.file("key"), folder.file("certificate"));
    write_private(&key, credential.key.expose_pem());
    write_private(&certificate, &credential.certificate);
    assert!(server.lets_in(&key, Some(&certificate)), "{}", server.log());
    assert!(!server.lets_in(&key, None), "the certificate is what lets in");

    gateway.complete(session).await;
    assert!(!server.lets_in(&key, Some(&certificate)), "the session is over");
    assert!(server.log().contains("revoked"), "{}", server.log());
}
