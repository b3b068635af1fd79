//! Tests that each access is reported once with its requester, even if a future is dropped, and
//! that reports and all other output hold no value.

mod support;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use keyway_client::{
    Access, AccessOutcome, Bundle, Change, Draft, Error, ErrorKind, Layer, Operation, Resolution,
    SecretValue, Secrets,
};
use support::{Spy, Trick, spy, wait};

const NEEDLE: &str = "n33dle-in-a-haystack";

/// The parts of an access that the tests compare.
type Seen = (Operation, Option<String>, Option<String>, Option<Layer>, AccessOutcome);

fn recording(store: Arc<Spy>) -> (Secrets, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let client = Secrets::builder(store)
        .name("the client")
        .requester("the requester")
        .audit(move |access: &Access<'_>| {
            assert_eq!((access.client, access.requester), (Some("the client"), Some("the requester")));
            assert!(!format!("{access}{access:?}").contains(NEEDLE));
            log.lock().unwrap().push((
                access.operation,
                access.key.map(str::to_owned),
                access.environment.map(str::to_owned),
                access.layer,
                access.outcome,
            ));
        })
        .build();
    (client, seen)
}

fn polled_once<F: Future>(future: F) {
    let mut future = Box::pin(future);
    assert!(matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
}

#[test]
fn every_operation_is_reported_once() {
    use AccessOutcome::{Done, Failed};
    use Operation as O;

    wait(async {
        let (client, seen) = recording(spy().await);
        let last = || {
            let mut seen = seen.lock().unwrap();
            assert_eq!(seen.len(), 1, "{seen:?}");
            seen.pop().unwrap()
        };
        let (key, environment) = (Some("K".to_owned()), Some("prod".to_owned()));
        client.create_environment("prod", None).await.unwrap();
        assert_eq!(last(), (O::CreateEnvironment, None, environment.clone(), None, Done));
        client.create("K", NEEDLE).await.unwrap();
        assert_eq!(last(), (O::Create, key.clone(), None, None, Done));
        client.get("K").await.unwrap();
        assert_eq!(last(), (O::Get, key.clone(), None, Some(Layer::Shared), Done));
        let prod = client.in_environment("prod").with_resolution(Resolution::SharedFallback);
        prod.retrieve("K").await.unwrap();
        assert_eq!(last(), (O::Retrieve, key.clone(), environment.clone(), Some(Layer::Shared), Done));
        prod.create("K", NEEDLE).await.unwrap();
        last();
        prod.get_or("K", "d").await.unwrap();
        assert_eq!(last(), (O::Get, key.clone(), environment.clone(), Some(Layer::Environment), Done));
        prod.get_or("nothing", NEEDLE).await.unwrap();
        let missing = Failed(ErrorKind::NotFound);
        assert_eq!(last(), (O::Get, Some("nothing".into()), environment.clone(), None, missing));
        prod.list().await.unwrap();
        assert_eq!(last(), (O::List, None, environment.clone(), None, Done));
        client.list_all().await.unwrap();
        assert_eq!(last(), (O::List, None, None, None, Done));
        client.list_names().await.unwrap();
        assert_eq!(last(), (O::ListNames, None, None, None, Done));
        prod.modify("K", "new").await.unwrap();
        assert_eq!(last(), (O::Modify, key.clone(), environment.clone(), None, Done));
        prod.delete("K").await.unwrap();
        assert_eq!(last(), (O::Delete, key.clone(), environment.clone(), None, Done));
        client.create("K", "again").await.unwrap_err();
        assert_eq!(last(), (O::Create, key.clone(), None, None, Failed(ErrorKind::AlreadyExists)));
        client.list_environments().await.unwrap();
        assert_eq!(last(), (O::ListEnvironments, None, None, None, Done));
        client.retrieve_environment("prod").await.unwrap();
        assert_eq!(last(), (O::RetrieveEnvironment, None, environment.clone(), None, Done));
        client.modify_environment("prod", Some("url")).await.unwrap();
        assert_eq!(last(), (O::ModifyEnvironment, None, environment, None, Done));
        let bundle = client.export().await.unwrap();
        assert_eq!(last(), (O::Export, None, None, None, Done));
        client.import(&bundle).await.unwrap();
        assert_eq!(last(), (O::PlanImport, None, None, None, Done));
        client.delete("K").await.unwrap();
        last();
        client.import(&bundle).await.unwrap();
        let done: Vec<_> = seen.lock().unwrap().drain(..).map(|seen| seen.0).collect();
        assert_eq!(done, [O::PlanImport, O::Create]);
    });
}

#[test]
fn a_dropped_future_is_reported_and_leaves_the_client_whole() {
    wait(async {
        let spy = spy().await;
        let (client, seen) = recording(Arc::clone(&spy));
        client.create("K", "v").await.unwrap();
        seen.lock().unwrap().clear();
        drop(client.get("K"));
        assert!(seen.lock().unwrap().is_empty(), "what was never polled did nothing");
        spy.0.next(Trick::Hang);
        polled_once(client.get("K"));
        spy.0.next(Trick::Hang);
        polled_once(client.modify("K", "w"));
        let key = Some("K".to_owned());
        let cancelled = AccessOutcome::Cancelled;
        assert_eq!(
            *seen.lock().unwrap(),
            [
                (Operation::Get, key.clone(), None, None, cancelled),
                (Operation::Modify, key, None, None, cancelled),
            ]
        );
        assert!(client.get("K").await.unwrap().is_some());
    });
}

#[test]
fn a_store_that_panics_is_reported_too() {
    let spy = wait(spy());
    let (client, seen) = recording(Arc::clone(&spy));
    spy.0.next(Trick::Panic);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait(client.get("K"))));
    assert!(caught.is_err());
    let key = Some("K".to_owned());
    assert_eq!(*seen.lock().unwrap(), [(Operation::Get, key, None, None, AccessOutcome::Cancelled)]);
    assert!(wait(client.get("K")).unwrap().is_none());
}

#[test]
fn a_hook_that_panics_does_not_hurt_the_caller() {
    wait(async {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let spy = spy().await;
        let client = Secrets::builder(Arc::<Spy>::clone(&spy))
            .audit(move |_: &Access<'_>| {
                count.fetch_add(1, Ordering::Relaxed);
                panic!("a hook that panics, as the test wants");
            })
            .build();
        client.create("K", "v").await.unwrap();
        assert!(client.get("K").await.unwrap().is_some());
        assert!(client.get_required("nothing").await.is_err());
        spy.0.next(Trick::Hang);
        polled_once(client.get("K"));
        assert_eq!(told.load(Ordering::Relaxed), 4);
    });
}

/// Keeps all traces as one text.
struct Collector(Arc<Mutex<String>>);

impl tracing::Subscriber for Collector {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields<'a>(&'a mut String);
        impl tracing::field::Visit for Fields<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                write!(self.0, " {field}={value:?}").unwrap();
            }
        }
        let mut text = self.0.lock().unwrap();
        write!(text, "{}", event.metadata().level()).unwrap();
        event.record(&mut Fields(&mut text));
        text.push('\n');
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn nothing_that_is_shown_holds_a_value() {
    let text = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&text);
    tracing::subscriber::with_default(Collector(Arc::clone(&text)), || {
        wait(async {
            let show = |what: &dyn std::fmt::Debug| writeln!(shown.lock().unwrap(), "{what:?}").unwrap();
            let fail = |error: &Error| {
                let detail = keyway_client::PluginError::detail(error);
                writeln!(shown.lock().unwrap(), "{error} {error:?} {detail} {:?}", error.http_body())
                    .unwrap();
            };
            let spy = spy().await;
            let (client, _) = recording(Arc::clone(&spy));
            show(&client);
            let draft = Draft::new(SecretValue::text(NEEDLE)).described("a description");
            show(&draft);
            client.create("K", draft).await.unwrap();
            fail(&client.create("K", NEEDLE).await.unwrap_err());
            show(&Change::from(NEEDLE));
            client.modify("K", NEEDLE).await.unwrap();
            fail(&client.modify("nothing", NEEDLE).await.unwrap_err());
            show(&client.get("K").await.unwrap());
            show(&client.get_or("nothing", NEEDLE).await.unwrap());
            show(&client.retrieve("K").await.unwrap());
            show(&client.list().await.unwrap());
            client.create("bytes", SecretValue::bytes(NEEDLE.as_bytes())).await.unwrap();
            fail(&client.get("bytes").await.unwrap_err());
            fail(&client.export().await.unwrap_err());
            client.delete("bytes").await.unwrap();
            let bundle = client.export().await.unwrap();
            show(&bundle);
            show(&bundle.to_dotenv().unwrap());
            show(&bundle.to_json());
            show(&client.plan_import(&bundle).await.unwrap());
            for broken in [
                format!("A={NEEDLE} b"),
                format!("A={NEEDLE}\nA={NEEDLE}"),
                format!("A=\"{NEEDLE}"),
                format!("A=\"${NEEDLE}\""),
                NEEDLE.to_owned(),
                format!("A '{NEEDLE}'"),
            ] {
                fail(&Bundle::from_dotenv(&broken).unwrap_err().into());
            }
            for broken in [
                format!("{{\"A\": \"{NEEDLE}\" b"),
                format!("\"{NEEDLE}\""),
                format!("[\"{NEEDLE}\"]"),
                format!("{{\"A\": [\"{NEEDLE}\"]}}"),
                format!("{{\"A\": \"{NEEDLE}\", \"A\": \"{NEEDLE}\"}}"),
            ] {
                fail(&Bundle::from_json(&broken).unwrap_err().into());
            }
        });
    });
    let text = text.lock().unwrap();
    assert!(!text.contains(NEEDLE), "{text}");
    assert!(
        text.contains("DEBUG") && text.contains("operation=\"create\"") && text.contains("key=\"K\""),
        "{text}"
    );
}
