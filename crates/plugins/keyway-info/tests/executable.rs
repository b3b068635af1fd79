//! Tests that the issuer gives the same answers as an executable and in this process.

use keyway_info::Info;
use keyway_issuers::{
    Context, CredentialRequest, Features, IntentId, Issuer as _, RequestOutcome, Revocation, UserInfo,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use pollster::block_on;

#[test]
fn a_host_runs_it() {
    let mut configuration = ProcessConfiguration::new(env!("CARGO_BIN_EXE_keyway-info"));
    configuration.idempotent = true;
    let outside = ProcessIssuer::new(&configuration).unwrap();
    block_on(async {
        let description = outside.describe().await.unwrap();
        assert!(description.features().stdin);
        assert_eq!(description.with_features(Features::NONE), Info.describe().await.unwrap());

        let user = UserInfo::new("https://issuer.example.com", "zoë").with("groups", "a\nb");
        let context = Context::new(user).with_intent(IntentId::new("intent-1").unwrap());
        let request = CredentialRequest::new(context.clone());
        let RequestOutcome::Issued(issued) = outside.request(&request).await.unwrap() else {
            panic!("it asks for no login")
        };
        assert_eq!(RequestOutcome::Issued(issued.clone()), Info.request(&request).await.unwrap());
        outside.revoke(&Revocation::new(context, issued.state)).await.unwrap();
    });
}
