//! Tests of the list of secrets that a handle keeps between two pages, while the project changes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use keyway_core::{Clock, ErrorKind, PluginError as _, Resources, SecretValue};
use keyway_secrets::{Cursor, ListQuery, NewSecret, SecretPage, SecretStore, StoreError};
use pollster::block_on;
use serde_json::{Value, json};

use crate::double::{Fault, LockerDouble, Route};
use crate::item_key::ItemKey;
use crate::recorded_world::{at, secret};
use crate::scripted_service::{Answer, Request, ScriptedService, answer, open, open_at};
use crate::session_tests::credentials;
use crate::set_clock::SetClock;
use crate::vectors;

/// The number of secrets on a page of the service.
const SERVED: usize = 3;
/// The number of secrets on a page of the store.
const ASKED: usize = 2;
/// An old date, in seconds.
const OLD: f64 = 1000.0;
const OLD_SECONDS: u64 = 1000;

/// A project with the secrets `s0` to `s9`, whose values are `0`.
struct Project {
    items: Vec<Value>,
    revised: f64,
    deleted: Value,
    /// The time that the service puts into the header `Date`, in seconds.
    date: Option<u64>,
    is_down: bool,
}

impl Project {
    fn start() -> (Arc<Mutex<Self>>, ScriptedService) {
        let items = (0..10).map(|number| item(number, "0")).collect();
        let project = Self { items, revised: OLD, deleted: json!(0), date: None, is_down: false };
        let project = Arc::new(Mutex::new(project));
        let served = Arc::clone(&project);
        (project, ScriptedService::start(move |request| served.lock().unwrap().answer(request)))
    }

    fn answer(&self, request: &Request) -> Answer {
        if self.is_down {
            return answer(503, &json!({"code": "s", "message": "down"}));
        }
        let mut answer = match request.path.split('?').next().unwrap() {
            "/v1/sync/deleted_item_date" if self.deleted.is_null() => answer(404, &json!({})),
            "/v1/sync/deleted_item_date" => answer(200, &self.deleted),
            "/v1/secrets" if request.method == "POST" => answer(201, &item(10, "0")),
            _ => self.page(request),
        };
        answer.1.extend(self.date.map(|date| ("date", http_date(date))));
        answer
    }

    fn page(&self, request: &Request) -> Answer {
        let number = |name| request.query(name).unwrap().parse::<usize>().unwrap();
        let size = number("size").min(SERVED);
        let start = (number("page") - 1) * size;
        let rest = self.items.get(start..).unwrap_or_default();
        let results = &rest[..rest.len().min(size)];
        let next = (rest.len() > size).then_some("/v1/secrets?page=next");
        let (count, revised) = (self.items.len(), self.revised);
        answer(200, &json!({"count": count, "next": next, "revision_date": revised, "results": results}))
    }

    fn change(&mut self, number: usize, value: &str) {
        self.items[number] = item(number, value);
    }
}

/// Returns an HTTP date in the first hour of 1970.
fn http_date(seconds: u64) -> String {
    format!("Thu, 01 Jan 1970 00:{:02}:{:02} GMT", seconds / 60, seconds % 60)
}

fn item(number: usize, value: &str) -> Value {
    let name = format!("s{number}");
    secret(&vectors::recorded_key(), &name, &name, None, value)
}

fn lock(project: &Mutex<Project>) -> MutexGuard<'_, Project> {
    project.lock().unwrap()
}

fn page(store: &dyn SecretStore, after: Option<Cursor>) -> Result<SecretPage, StoreError> {
    let query = ListQuery::all().with_values().limit(ASKED);
    block_on(store.list(&after.into_iter().fold(query, ListQuery::after)))
}

/// Returns names and values: `s0=0 s1=0`.
fn told(page: &SecretPage) -> String {
    let told = page.secrets.iter().map(|secret| {
        let value = secret.value.as_ref().unwrap().expose_text().unwrap();
        format!("{}={value}", secret.header.address.name)
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Reads all pages after a cursor.
fn rest(store: &dyn SecretStore, mut after: Option<Cursor>) -> String {
    let mut all = Vec::new();
    while let Some(cursor) = after {
        let page = page(store, Some(cursor)).unwrap();
        all.push(told(&page));
        after = page.next;
    }
    all.join(" ")
}

/// Reads the first page, changes the project, and returns the other pages.
fn rest_after(change: impl FnOnce(&mut Project)) -> String {
    let (project, service) = Project::start();
    let store = service.store(json!({}));
    let first = page(&*store, None).unwrap();
    assert_eq!(told(&first), "s0=0 s1=0");
    change(&mut lock(&project));
    rest(&*store, first.next)
}

#[test]
fn an_unchanged_project_is_read_once_for_all_pages() {
    let (_, service) = Project::start();
    let store = service.store(json!({}));
    let first = page(&*store, None).unwrap();
    // The store requested four pages, and the date of the last deletion.
    assert_eq!(service.requests().len(), 5);
    assert_eq!(rest(&*store, first.next), "s2=0 s3=0 s4=0 s5=0 s6=0 s7=0 s8=0 s9=0");
    let later: Vec<_> = service.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(later.len(), 4 * 2);
    for (path, expected) in later.iter().zip(["size=1&", "deleted_item_date"].iter().cycle()) {
        assert!(path.contains(expected), "{path}");
    }
    // The kept list is dropped when its last page is read.
    page(&*store, None).unwrap();
    assert_eq!(service.requests().len(), 5);
}

#[test]
fn every_change_between_two_pages_shows_on_the_next_one() {
    let changed = |project: &mut Project| {
        project.change(5, "new");
        project.revised = OLD + 0.001;
    };
    assert_eq!(rest_after(changed), "s2=0 s3=0 s4=0 s5=new s6=0 s7=0 s8=0 s9=0");
    // The change shows only in the number of secrets.
    let removed = |project: &mut Project| drop(project.items.remove(5));
    assert_eq!(rest_after(removed), "s2=0 s3=0 s4=0 s6=0 s7=0 s8=0 s9=0");
    // The change shows only in the date of the last deletion, for example if an environment is deleted and its secrets
    // stay.
    let with_other_deletion = |project: &mut Project| {
        project.change(5, "new");
        project.deleted = json!(OLD);
    };
    assert_eq!(rest_after(with_other_deletion), "s2=0 s3=0 s4=0 s5=new s6=0 s7=0 s8=0 s9=0");
    let exchanged = |project: &mut Project| {
        project.items.remove(2);
        project.items.push(item(95, "0"));
        project.revised = OLD * 2.0;
    };
    assert_eq!(rest_after(exchanged), "s3=0 s4=0 s5=0 s6=0 s7=0 s8=0 s9=0 s95=0");
}

#[test]
fn a_change_with_the_date_of_one_a_moment_before_is_not_missed() {
    // The date in the service's answer decides, not the clock of the host.
    for (date, value) in [(OLD_SECONDS + 59, "new"), (OLD_SECONDS + 62, "0")] {
        let (project, service) = Project::start();
        lock(&project).date = Some(date);
        let store = service.store(json!({}));
        let first = page(&*store, None).unwrap();
        lock(&project).change(9, value);
        assert!(rest(&*store, first.next).ends_with(&format!("s9={value}")));
        let small = service.requests().iter().filter(|request| request.path.contains("size=1&")).count();
        assert_eq!(small > 0, value == "0", "a list is kept although a change may have the same date");
    }
}

#[test]
fn a_list_that_cannot_be_validated_is_read_again() {
    let unknown = |project: &mut Project| project.deleted = Value::Null;
    assert_eq!(rest_after(unknown), "s2=0 s3=0 s4=0 s5=0 s6=0 s7=0 s8=0 s9=0");

    let (project, service) = Project::start();
    lock(&project).deleted = Value::Null;
    let store = service.store(json!({}));
    let first = page(&*store, None).unwrap();
    lock(&project).change(5, "new");
    assert_eq!(rest(&*store, first.next), "s2=0 s3=0 s4=0 s5=new s6=0 s7=0 s8=0 s9=0");

    let first = page(&*store, None).unwrap();
    lock(&project).is_down = true;
    let error = page(&*store, first.next).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable { retry_after: None });
}

#[test]
fn a_date_that_differs_between_the_pages_of_the_service_validates_nothing() {
    let (project, served) = Project::start();
    drop(served);
    let seen = Arc::clone(&project);
    let service = ScriptedService::start(move |request| {
        let mut project = seen.lock().unwrap();
        if request.query("page") == Some("2") {
            // The changed secret is on a page that was already read.
            project.change(1, "new");
            project.revised += 1.0;
        }
        project.answer(request)
    });
    let store = service.store(json!({}));
    let first = page(&*store, None).unwrap();
    service.requests();
    page(&*store, first.next).unwrap();
    assert!(service.requests().iter().all(|request| !request.path.contains("size=1&")));
}

#[test]
fn an_own_write_drops_the_list() {
    let (project, service) = Project::start();
    let store = service.store(json!({}));
    let first = page(&*store, None).unwrap();
    block_on(store.create(NewSecret::new(at("s10", None), SecretValue::text("0")))).unwrap();
    lock(&project).change(2, "new");
    assert!(rest(&*store, first.next).starts_with("s2=new"), "the dates did not change");
}

#[test]
fn within_the_declared_staleness_later_pages_need_no_service() {
    let (project, service) = Project::start();
    let store = service.store(json!({"max_age_seconds": 600}));
    let first = page(&*store, None).unwrap();
    lock(&project).is_down = true;
    service.requests();
    assert_eq!(rest(&*store, first.next), "s2=0 s3=0 s4=0 s5=0 s6=0 s7=0 s8=0 s9=0");
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_list_from_kept_answers_needs_no_service() {
    let (project, service) = Project::start();
    let clock = Arc::new(SetClock::default());
    let resources = Resources::new().with(service.credentials());
    let configuration = json!({"max_age_seconds": 600});
    let store = open_at(configuration, resources, Arc::clone(&clock) as Arc<dyn Clock>);
    clock.set(10_000_000);
    let first = page(&*store, None).unwrap();
    // The list is dropped after its last page, and its answers are kept.
    rest(&*store, first.next);
    lock(&project).is_down = true;
    service.requests();
    clock.set(10_001_000);
    let first = page(&*store, None).unwrap();
    assert_eq!(rest(&*store, first.next), "s2=0 s3=0 s4=0 s5=0 s6=0 s7=0 s8=0 s9=0");
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_list_with_a_damaged_item_is_read_again() {
    let (project, service) = Project::start();
    let sound = lock(&project).items[5].clone();
    lock(&project).items[5] = secret(&ItemKey::new(&[5; 32], &[5; 32]), "s5", "s5", None, "0");
    let store = service.store(json!({}));
    let first = page(&*store, None).unwrap();
    let second = page(&*store, first.next).unwrap();
    let error = page(&*store, second.next.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    lock(&project).items[5] = sound;
    assert_eq!(rest(&*store, second.next), "s4=0 s5=0 s6=0 s7=0 s8=0 s9=0");
}

#[test]
fn a_mark_that_is_not_answered_leaves_time_to_read_the_list() {
    let double = LockerDouble::start().unwrap();
    for number in 0..3 {
        double.put_secret(&format!("s{number}"), None, "0", "");
    }
    let configuration = json!({"call_seconds": 4, "request_seconds": 1, "retries": 20});
    let store = open(configuration, Resources::new().with(credentials(&double)));
    let first = page(&*store, None).unwrap();
    double.fail_always(Some(Route::DeletedItemDate), Fault::Slow(Duration::from_secs(60)));
    assert_eq!(told(&page(&*store, first.next).unwrap()), "s2=0");
}
