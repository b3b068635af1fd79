//! Tests the operations of the seed one by one, and their errors.

mod support;

use std::sync::Arc;
use std::time::Duration;

use keyway_client::{
    Change, Draft, Error, ErrorKind, MediaKind, PluginError, RemoteClass, RemoteError, Resolution,
    SecretValue, SecretVersion, Secrets,
};
use keyway_core::Effect;
use keyway_secrets::StoreError;
use support::{Spy, Trick, spy, wait};

#[test]
fn the_operations_of_the_seed() {
    wait(async {
        let client = Secrets::new(support::store().await);
        let header = client.create("K", Draft::from("v").described("a description")).await.unwrap();
        assert_eq!(header.description.as_deref(), Some("a description"));
        client.create_environment("staging", Some("staging.host")).await.unwrap();
        let staging = client.in_environment("staging");
        staging.create("K", "").await.unwrap();
        assert_eq!(staging.get_or("K", "d").await.unwrap().expose(), "", "an empty value is a value");

        let second = client.modify("K", Change::none().without_description()).await.unwrap();
        assert_eq!((&second.description, second.version), (&None, SecretVersion::new(2)));
        assert_eq!(client.get("K").await.unwrap().unwrap().expose(), "v");
        assert_eq!(client.delete_if_unchanged("K", &header).await.unwrap_err().code(), "conflict");
        client.delete_if_unchanged("K", &second).await.unwrap();
        assert!(client.get("K").await.unwrap().is_none());

        // The new secret has version 1, which the deleted secret had at first. A change that expects version 1 of the
        // deleted secret is still a conflict (decision H73).
        client.create("K", "somebody else's").await.unwrap();
        let late = Change::from("lost update").if_unchanged(&header);
        assert_eq!(client.modify("K", late).await.unwrap_err().code(), "conflict");
        assert_eq!(client.delete_if_unchanged("K", &header).await.unwrap_err().code(), "conflict");
        assert_eq!(client.get_required("K").await.unwrap().expose(), "somebody else's");
        client.delete("K").await.unwrap();

        let environment = client.modify_environment("staging", Some("new.host")).await.unwrap();
        assert_eq!(environment.external_url.as_deref(), Some("new.host"));
        assert_eq!(client.retrieve_environment("staging").await.unwrap(), environment);
        assert_eq!(client.list_environments().await.unwrap(), std::slice::from_ref(&environment));
        #[expect(deprecated, reason = "it must be there")]
        {
            assert_eq!(
                client.update_environment("staging", Some("new.host")).await.unwrap().name,
                environment.name
            );
            assert!(client.get_environment("staging").await.unwrap().is_some());
            assert_eq!(client.get_environment("nowhere").await.unwrap(), None);
            assert_eq!(client.get_environment("").await.unwrap_err().code(), "invalid");
        }
        for (error, code) in [
            (client.create_environment("staging", None).await.unwrap_err(), "conflict"),
            (client.modify_environment("nowhere", None).await.unwrap_err(), "not_found"),
            (client.create_environment("a\nb", None).await.unwrap_err(), "invalid"),
            (staging.create("K", "again").await.map(drop).unwrap_err(), "conflict"),
            (client.create("", "v").await.map(drop).unwrap_err(), "invalid"),
            (client.in_environment("").get("K").await.map(drop).unwrap_err(), "invalid"),
            (client.in_environment("").list().await.map(drop).unwrap_err(), "invalid"),
        ] {
            assert_eq!(error.code(), code, "{error}");
        }
    });
}

#[test]
fn bytes_that_are_no_text_are_a_typed_error() {
    wait(async {
        let client = Secrets::new(support::store().await);
        client.create("K", SecretValue::bytes([0, 159, 146])).await.unwrap();
        for error in [
            client.get("K").await.map(drop).unwrap_err(),
            client.get_or("K", "d").await.map(drop).unwrap_err(),
            client.get_required("K").await.map(drop).unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotText { kind: MediaKind::Bytes, .. }), "{error:?}");
            assert_eq!((error.code(), error.http_status()), ("invalid", Some(422)));
        }
        let found = client.retrieve("K").await.unwrap();
        assert_eq!(found.value.expose_bytes(), Some(&[0, 159, 146][..]));
        let listed = client.list().await.unwrap();
        assert!(listed[0].value.same_as(&found.value));
    });
}

#[test]
fn messages_name_key_and_environment() {
    wait(async {
        let client = Secrets::new(support::store().await);
        client.create_environment("prod", None).await.unwrap();
        let prod = client.in_environment("prod");
        let message = |error: Error| error.user_message();
        let exact = message(prod.retrieve("KEY").await.unwrap_err());
        assert_eq!(exact, "there is no secret \"KEY\" in the environment \"prod\"");
        let layered = prod.with_resolution(keyway_client::Resolution::SharedFallback);
        let layered = message(layered.retrieve("KEY").await.unwrap_err());
        assert_eq!(layered, format!("{exact}, nor one that belongs to no environment"));
        let unknown = client.in_environment("pord").retrieve("KEY").await.unwrap_err();
        assert_eq!(unknown.code(), "not_found");
        assert!(unknown.to_string().contains("no environment \"pord\""), "{unknown}");
        assert!(!unknown.is_secret_not_found());
        assert!(!unknown.description().is_empty());
    });
}

/// Tests that a store in front of a service passes on the service's error, and that the error keeps its row.
#[test]
fn rows_that_only_a_service_gives() {
    wait(async {
        let spy = spy().await;
        let client = Secrets::new(Arc::<Spy>::clone(&spy));
        client.create("K", "v").await.unwrap();
        for (class, code, status) in [
            (RemoteClass::Authentication, "unauthorized", Some(401)),
            (RemoteClass::PermissionDenied, "permission_denied", Some(403)),
            (RemoteClass::RateLimit, "rate_limit", Some(429)),
            (RemoteClass::NotFound, "not_found", Some(404)),
            (RemoteClass::Server, "server_error", Some(500)),
            (RemoteClass::Connection, "http_error", Some(503)),
            (RemoteClass::Program, "cli_error", None),
            (RemoteClass::Other, "locker_error", None),
            (RemoteClass::Conflict, "conflict", Some(409)),
            (RemoteClass::Validation, "invalid", Some(422)),
        ] {
            let remote = RemoteError::new(class);
            let wrapped = [
                StoreError::system("read", remote.clone()),
                StoreError::Unavailable {
                    what: "the service",
                    retry_after: None,
                    source: Some(Box::new(remote.clone())),
                },
            ];
            for store_error in wrapped {
                spy.0.next(Trick::Fail(store_error));
                let error = client.retrieve("K").await.unwrap_err();
                assert_eq!((error.code(), error.http_status()), (code, status));
                assert!(matches!(&error, Error::Remote(kept) if kept.class() == class), "{error:?}");
            }
        }
        // A store that says that a call had no effect knows better than the error of its service.
        let lost = RemoteError::new(RemoteClass::Connection);
        let unreached = StoreError::Unavailable {
            what: "the service",
            retry_after: None,
            source: Some(Box::new(lost.clone())),
        };
        assert_eq!(Error::from(unreached).effect(), Effect::None);
        assert_eq!(Error::from(StoreError::system("write", lost)).effect(), Effect::Unknown);
        let refused = StoreError::system("write", RemoteError::new(RemoteClass::Validation));
        assert_eq!(Error::from(refused).effect(), Effect::None);
        let wait = Duration::from_secs(7);
        spy.0.next(Trick::Fail(StoreError::Unavailable {
            what: "the service",
            retry_after: Some(wait),
            source: None,
        }));
        let error = client.get("K").await.unwrap_err();
        assert_eq!((error.is_retryable(), error.retry_after()), (true, Some(wait)));
        assert_eq!(error.kind(), ErrorKind::Unavailable { retry_after: Some(wait) });

        // The default replaces only a missing secret, even if the store is in front of a service.
        let remote = |word| RemoteError::new(RemoteClass::NotFound).with_word(Some(word));
        spy.0.next(Trick::Fail(StoreError::system("read", remote("secret_not_found"))));
        assert_eq!(client.get_or("K", "d").await.unwrap().expose(), "d");
        for word in ["environment_not_found", "project_not_found"] {
            spy.0.next(Trick::Fail(StoreError::system("read", remote(word))));
            assert_eq!(client.get_or("K", "d").await.unwrap_err().code(), "not_found");
        }
        // A missing secret is also the only failure for which a read falls back to the shared secrets.
        client.create_environment("prod", None).await.unwrap();
        let falling = client.in_environment("prod").with_resolution(Resolution::SharedFallback);
        spy.0.next(Trick::Fail(StoreError::system("read", remote("secret_not_found"))));
        assert_eq!(falling.get_required("K").await.unwrap().expose(), "v");
        spy.0.next(Trick::Fail(StoreError::system("read", remote("environment_not_found"))));
        assert_eq!(falling.get_required("K").await.unwrap_err().code(), "not_found");
    });
}

/// Tests that applications can share clients and spawn their futures.
#[test]
fn clients_and_futures_go_anywhere() {
    fn anywhere<T: Send + Sync + Clone + 'static>() {}
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    anywhere::<Secrets>();
    anywhere::<keyway_client::blocking::Secrets>();
    wait(async {
        let client = Secrets::new(support::store().await);
        sendable(client.create("K", "v")).await.unwrap();
        sendable(client.modify("K", String::from("w"))).await.unwrap();
        sendable(client.get_or("K", "d")).await.unwrap();
        sendable(client.list()).await.unwrap();
        sendable(client.list_names()).await.unwrap();
        sendable(client.list_environments()).await.unwrap();
        let bundle = sendable(client.export()).await.unwrap();
        sendable(client.import(&bundle)).await.unwrap();
        sendable(client.delete("K")).await.unwrap();
    });
}

#[test]
fn a_client_stands_where_it_was_built_to_stand() {
    use keyway_client::{Layer, Resolution};

    wait(async {
        let store = support::store().await;
        let client = Secrets::builder(Arc::clone(&store))
            .name("reports")
            .requester("nightly")
            .environment("prod")
            .resolution(Resolution::SharedFallback)
            .build();
        assert_eq!(
            (client.name(), client.requester(), client.environment()),
            (Some("reports"), Some("nightly"), Some("prod"))
        );
        assert_eq!(client.create("K", "v").await.unwrap_err().code(), "not_found");
        client.create_environment("prod", None).await.unwrap();
        client.shared().create("K", "shared").await.unwrap();
        assert_eq!(client.retrieve("K").await.unwrap().layer, Layer::Shared);
        client.create("K", "own").await.unwrap();
        assert_eq!(client.retrieve("K").await.unwrap().layer, Layer::Environment);
        let other = client.on_behalf_of("somebody");
        assert_eq!((other.requester(), other.environment()), (Some("somebody"), Some("prod")));
        assert_eq!(
            (client.shared().environment(), client.shared().resolution()),
            (None, client.resolution())
        );
        assert!(Arc::ptr_eq(client.store(), &store), "clones share the store");
    });
}
