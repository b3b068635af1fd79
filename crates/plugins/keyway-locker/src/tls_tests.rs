//! Tests of HTTPS: the service's certificate is always checked (decision L9).

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::{Effect, ErrorKind, PluginError as _, SystemClock};
use pollster::block_on;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};
use serde_json::json;

use crate::configuration::LockerConfiguration;
use crate::failure::Failure;
use crate::recorded_world::{World, at};
use crate::scripted_service::{ScriptedService, Stream};
use crate::service::Service;

/// Serves the recorded project over HTTPS, with a certificate for this name. Returns the service and the certificate.
fn secured(name: &str) -> (ScriptedService, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let configuration =
        configuration.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
    let configuration = Arc::new(configuration.unwrap());
    let secure = move |mut stream: TcpStream, serve: &dyn Fn(&mut dyn Stream)| {
        let mut connection = ServerConnection::new(Arc::clone(&configuration)).unwrap();
        serve(&mut rustls::Stream::new(&mut connection, &mut stream));
    };
    let world = World::recorded();
    (
        ScriptedService::over("https://localhost", move |request| world.answer(request), secure),
        made.cert.pem(),
    )
}

#[test]
fn only_a_certificate_of_a_trusted_root_and_the_right_name_is_accepted() {
    let (service, pem) = secured("localhost");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let trusting = service.store(json!({"ca_file": file.path()}));
    assert_eq!(block_on(trusting.get(&at("A", None))).unwrap().value.expose_text(), Some("A-all"));

    let (stranger, _) = secured("localhost");
    let (misnamed, pem) = secured("other.example.org");
    let of_misnamed = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(of_misnamed.path(), pem).unwrap();
    for (service, roots) in [(stranger, file.path()), (misnamed, of_misnamed.path())] {
        let error = block_on(service.store(json!({"ca_file": roots})).get(&at("A", None))).unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unavailable { retry_after: None }, Effect::None)
        );
        assert_eq!((service.connections(), service.requests().len()), (0, 0));
    }
}

#[test]
fn a_certificate_that_is_refused_stops_a_write_before_it_is_sent() {
    let (service, pem) = secured("other.example.org");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let configuration = json!({"ca_file": file.path(), "proxy": "none"});
    let configuration = LockerConfiguration::read(&configuration.into()).unwrap();
    let sender = Service::new(&configuration, &service.credentials(), Arc::new(SystemClock)).unwrap();
    let failure = sender.post("/", "", Instant::now() + Duration::from_secs(10));
    assert!(matches!(failure, Err(Failure::Unreached { .. })), "{failure:?}");
}
