//! Tests the step loop with a machine of two phases: a record is made, and then the plugin works until the work is
//! done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyway_core::codec::{Malformed, Reader};
use keyway_core::{Clock, Timestamp};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Fault, FaultyStorage, Memory, Storage};
use tokio::time::Instant;

use super::pass::Engine;
use super::{
    Carried, Claimed, Failed, FailedBecause, Lane, Limits, Machine, Run, Standing, Step, WorkOutcome, Worker,
    Workflow,
};
use crate::HostError;
use crate::records::{
    Address, Applied, Change, Due, Entry, Journal, RecordKind, Recorded, SealedRecords, Stored,
};

const CLAIM: Duration = Duration::from_secs(60);
/// How long a call may wait for a thread, how long it may take, and the grace after it.
const CALL: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq)]
enum State {
    Working { noted: u8 },
    Done,
}

#[derive(Clone, Debug)]
enum Event {
    Begin,
    Finished,
    /// Something happened beside the work.
    Noted,
    Wake,
}

#[derive(Debug)]
enum Command {
    Work,
    Undo,
}

/// A plugin that works for a time and counts its calls.
#[derive(Debug)]
struct Toy {
    takes: Duration,
    limits: Limits,
    asked: Arc<AtomicU32>,
    finished: Arc<AtomicU32>,
    undone: Arc<AtomicU32>,
}

impl Default for Toy {
    fn default() -> Self {
        let limits = Limits::default().with_deadline(CALL).with_stall(CALL).with_lease_grace(CALL);
        let [asked, finished, undone] = <[Arc<AtomicU32>; 3]>::default();
        Self { takes: Duration::ZERO, limits, asked, finished, undone }
    }
}

impl From<Failed<Toy>> for HostError {
    fn from(_: Failed<Toy>) -> Self {
        Self::Superseded { name: "toy".to_owned() }
    }
}

impl Stored for State {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        1
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self::Working { noted } = self else { return out.push(u8::MAX) };
        out.push(*noted);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.byte()? {
            u8::MAX => Self::Done,
            noted => Self::Working { noted },
        })
    }
}

/// A fixed part without content.
struct Nothing;

impl Stored for Nothing {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        0
    }

    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self)
    }
}

impl Recorded for Toy {
    const KIND: RecordKind = RecordKind::Grant;
    type Fixed = Nothing;
    type State = State;

    fn due(_: &Nothing, state: &State) -> Due {
        if *state == State::Done { Due::Never } else { Due::At(Timestamp::default()) }
    }

    fn lane(_: &Nothing) -> &'static str {
        "toy"
    }
}

fn step(
    _: &Limits,
    state: Option<&State>,
    standing: Standing,
    event: Event,
) -> Result<Step<Toy>, &'static str> {
    Ok(match (state, event) {
        (None, Event::Begin) => Step::to(State::Working { noted: 0 }).then(Command::Work),
        (Some(State::Working { noted }), Event::Noted) => {
            Step::to(State::Working { noted: noted + 1 }).beside()
        }
        (Some(state @ State::Working { .. }), Event::Wake) if standing == Standing::Free => {
            Step::to(state.clone()).then(Command::Work)
        }
        (Some(_), Event::Finished) if standing == Standing::Ours => Step::to(State::Done).handing_out(),
        // Another worker has taken over the work, so this answer does not count.
        (Some(state), Event::Finished) => Step::to(state.clone()).beside(),
        _ => return Err("it does not fit"),
    })
}

impl Workflow for Toy {
    type Event = Event;
    type Command = Command;
    type TransitionError = &'static str;
    type Live = ();
    type Answer = &'static str;
    type Failure = HostError;

    const ENGINE: &'static str = "toys";
    const STEP: Machine<Self> = step;

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn undo(event: &Event) -> Option<Command> {
        matches!(event, Event::Finished).then_some(Command::Undo)
    }

    fn wake(&self, _: &Nothing, _: Timestamp) -> Event {
        Event::Wake
    }

    fn record_id(_: &Entry<Self>) -> String {
        "toy".to_owned()
    }

    fn is_elsewhere(_: &HostError) -> bool {
        true
    }

    fn lanes(&self) -> Vec<Lane> {
        vec![Lane { name: "toy".to_owned(), is_ready: true }]
    }

    fn is_long(_: &Command) -> bool {
        true
    }

    async fn carry_out(&self, on: &Claimed<'_, Self>, command: Command, _: Option<&()>) -> Carried<Self> {
        match command {
            Command::Work => {
                self.asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(self.takes).await;
                self.finished.fetch_add(1, Ordering::SeqCst);
                assert!(!matches!(on.is_claimed().await, Ok(false)), "no other worker works on it");
                Carried::answered(Event::Finished, "the answer")
            }
            Command::Undo => {
                self.undone.fetch_add(1, Ordering::SeqCst);
                Carried::done(Event::Finished)
            }
        }
    }
}

/// The runtime's clock, which tests advance.
#[derive(Debug)]
struct RuntimeClock {
    begun: Instant,
    ahead: Duration,
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(1_800_000_000_000).plus(self.begun.elapsed() + self.ahead)
    }
}

async fn worker(storage: &Arc<dyn Storage>, keys: &KeyRing, host: &str, toy: Toy) -> Arc<Worker<Toy>> {
    worker_ahead(Duration::ZERO, storage, keys, host, toy).await
}

/// Makes a worker whose clock is ahead.
async fn worker_ahead(
    ahead: Duration,
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
    host: &str,
    toy: Toy,
) -> Arc<Worker<Toy>> {
    let records = Arc::new(SealedRecords::open(Arc::clone(storage), keys.clone()).await.unwrap());
    let run = Run::new(host.into(), u64::from(host.as_bytes()[0]));
    let journal = Journal::new(records, Arc::clone(&run.host));
    let clock = Arc::new(RuntimeClock { begun: Instant::now(), ahead });
    Arc::new(Worker::new(toy, journal, clock, run))
}

fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

fn begin() -> Box<Entry<Toy>> {
    Box::new(Entry::new(Address { scope: [1; 16], id: [2; 16] }, Nothing))
}

/// Shows that another host never takes over work whose claim is renewed.
#[tokio::test(start_paused = true)]
async fn a_claim_is_renewed_for_as_long_as_the_plugin_works() {
    let (storage, keys): (Arc<dyn Storage>, _) = (Arc::new(Memory::new()), ring());
    let asked = Arc::new(AtomicU32::new(0));
    let toy = || Toy { takes: CLAIM * 10, asked: Arc::clone(&asked), ..Toy::default() };
    let one = worker(&storage, &keys, "one", toy()).await;
    let other = worker(&storage, &keys, "two", toy()).await;
    let working = tokio::spawn(async move {
        one.submit(begin(), Event::Begin, None).await.map(|done| done.answer).ok().flatten()
    });
    for _ in 0..50 {
        tokio::time::sleep(CLAIM / 6).await;
        let now = other.clock.now();
        other.free_ended_claims(now).await;
        let pass = other.work_off("toy", now, Duration::MAX).await.0;
        assert!(pass.reports.is_empty(), "{pass:?}");
    }
    assert_eq!(working.await.unwrap(), Some("the answer"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_covers_the_wait_for_a_thread_and_the_call() {
    let one = worker(&(Arc::new(Memory::new()) as Arc<dyn Storage>), &ring(), "one", Toy::default()).await;
    assert_eq!(one.claim(&Command::Work).lasts, CALL + CALL + CALL);
}

/// Shows that another host takes over the work of a caller that is gone, once the claim was unchanged for its whole
/// duration.
#[tokio::test(start_paused = true)]
async fn work_that_was_given_up_is_taken_over() {
    let (storage, keys): (Arc<dyn Storage>, _) = (Arc::new(Memory::new()), ring());
    let one = worker(&storage, &keys, "one", Toy { takes: CLAIM * 10, ..Toy::default() }).await;
    let other = worker(&storage, &keys, "two", Toy::default()).await;
    let left = one.submit(begin(), Event::Begin, None);
    assert!(tokio::time::timeout(CLAIM / 10, left).await.is_err());
    let mut taken_after = 0;
    loop {
        tokio::time::sleep(CLAIM / 6).await;
        taken_after += 1;
        let now = other.clock.now();
        other.free_ended_claims(now).await;
        if let [done] = &other.work_off("toy", now, Duration::MAX).await.0.reports[..] {
            assert!(matches!(done.outcome, WorkOutcome::Settled), "{done:?}");
            break;
        }
    }
    // The record is due when its claim ends. After that, the other host waits for the duration of the claim once more.
    assert!((11..=14).contains(&taken_after), "{taken_after}");
}

/// Shows that another host takes over such work also if the clock of its owner was ahead.
#[tokio::test(start_paused = true)]
async fn work_that_was_given_up_by_a_host_whose_clock_was_ahead_is_taken_over() {
    let (storage, keys): (Arc<dyn Storage>, _) = (Arc::new(Memory::new()), ring());
    let (other, ahead) =
        (worker(&storage, &keys, "two", Toy::default()).await, Duration::from_secs(24 * 3600));
    let slow = Toy { takes: CLAIM * 10, ..Toy::default() };
    let one = worker_ahead(ahead, &storage, &keys, "one", slow).await;
    assert!(tokio::time::timeout(CLAIM / 10, one.submit(begin(), Event::Begin, None)).await.is_err());
    let mut taken_after = 0;
    loop {
        tokio::time::sleep(CLAIM / 6).await;
        taken_after += 1;
        let now = other.clock.now();
        assert!(other.next_claim_end().await.unwrap().is_none_or(|end| end <= now));
        other.free_ended_claims(now).await;
        if let [done] = &other.work_off("toy", now, Duration::MAX).await.0.reports[..] {
            assert!(matches!(done.outcome, WorkOutcome::Settled), "{done:?}");
            break;
        }
        assert!(taken_after < 10);
    }
    // The other host waits for the duration of the claim once.
    assert!((6..=8).contains(&taken_after), "{taken_after}");
}

/// Shows that a failure of the storage engine neither cuts off the calls of plugins that are under way, nor hides their
/// reports.
#[tokio::test(start_paused = true)]
async fn work_that_is_started_is_finished_when_the_storage_engine_fails() {
    let (inner, keys): (Arc<dyn Storage>, _) = (Arc::new(Memory::new()), ring());
    let before = worker(&inner, &keys, "one", Toy::default()).await;
    for id in 0..8 {
        let mut entry = Entry::new(Address { scope: [1; 16], id: [id; 16] }, Nothing);
        let due = Change::to(Some(State::Working { noted: 0 }));
        assert!(matches!(before.journal.apply(&mut entry, due).await, Ok(Applied::Stored)));
    }
    let failing = FaultyStorage::over(&inner).pauses().ends_reads().into_engine();
    let storage: Arc<dyn Storage> = Arc::clone(&failing) as _;
    let toy = Toy { takes: CLAIM, ..Toy::default() };
    let [asked, finished] = [&toy.asked, &toy.finished].map(Arc::clone);
    let one = worker(&storage, &keys, "one", toy).await;
    failing.0.end_after(1, Fault::EndsBefore);
    let pass = one.work_off("toy", one.clock.now(), Duration::MAX).await.0;
    assert!(pass.failure.is_some() && !pass.reports.is_empty(), "{pass:?}");
    assert_eq!([asked, finished].map(|count| count.load(Ordering::SeqCst)), [1, 1]);
}

/// Shows that the engine reads the record before it undoes work, and hands out an answer only if the step is stored.
#[tokio::test(start_paused = true)]
async fn only_a_step_that_is_known_not_to_be_stored_is_undone() {
    for applied in [true, false] {
        let failing = FaultyStorage::over(&(Arc::new(Memory::new()) as Arc<dyn Storage>)).into_engine();
        // The first commits write the index key and the record; the third stores the result.
        failing.0.fail_after(2, if applied { Fault::EndsAfter } else { Fault::EndsBefore });
        let storage: Arc<dyn Storage> = failing;
        let undone = Arc::new(AtomicU32::new(0));
        let one =
            worker(&storage, &ring(), "one", Toy { undone: Arc::clone(&undone), ..Toy::default() }).await;
        let ended = one.submit(begin(), Event::Begin, None).await;
        if applied {
            assert_eq!(ended.ok().and_then(|done| done.answer), Some("the answer"));
        } else {
            assert!(
                ended.is_err_and(
                    |failed| matches!(failed.because, FailedBecause::Storage(_)) && failed.was_asked
                )
            );
        }
        assert_eq!(undone.load(Ordering::SeqCst), u32::from(!applied));
    }
}

/// Makes a record on which a call works that does not end, and returns the address of the record.
async fn begun(worker: &Arc<Worker<Toy>>) -> Address {
    let begun = begin();
    let address = begun.address;
    let left = worker.submit(begun, Event::Begin, None);
    assert!(tokio::time::timeout(CLAIM / 10, left).await.is_err());
    address
}

/// Notes something in the record, as a caller beside the work does.
async fn note(worker: &Arc<Worker<Toy>>, address: Address) -> Result<(), String> {
    let entry = worker.journal.load(address).await.unwrap().unwrap();
    match worker.submit(entry, Event::Noted, None).await.map_err(|failed| failed.because) {
        Ok(_) => Ok(()),
        Err(FailedBecause::Storage(error)) => Err(error.to_string()),
        Err(_) => Err("refused".to_owned()),
    }
}

async fn noted(worker: &Arc<Worker<Toy>>, address: Address) -> Option<State> {
    worker.journal.load(address).await.unwrap().unwrap().state.clone()
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_run_that_change_a_record_at_once_are_all_served() {
    let storage = FaultyStorage::over(&(Arc::new(Memory::new()) as Arc<dyn Storage>)).pauses().into_engine();
    let one = worker(&(storage as _), &ring(), "one", Toy { takes: CLAIM * 10, ..Toy::default() }).await;
    let address = begun(&one).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let one = Arc::clone(&one);
        running.spawn(async move { note(&one, address).await });
    }
    let failed: Vec<_> = running.join_all().await.into_iter().filter_map(Result::err).collect();
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(noted(&one, address).await, Some(State::Working { noted: 100 }));
}

/// Shows that a caller that lost a race is not overtaken again and again by callers that come later. A rival starts
/// before each of its commits.
#[tokio::test(start_paused = true)]
async fn callers_that_come_later_wait_for_one_that_lost_a_race() {
    let storage = FaultyStorage::over(&(Arc::new(Memory::new()) as Arc<dyn Storage>)).into_engine();
    let one = Arc::clone(&storage) as Arc<dyn Storage>;
    let one = worker(&one, &ring(), "one", Toy { takes: CLAIM * 10, ..Toy::default() }).await;
    let address = begun(&one).await;
    let rivals = Arc::new(AtomicU32::new(0));
    for number in 0..80 {
        let (one, rivals) = (Arc::clone(&one), Arc::clone(&rivals));
        // Each rival makes one commit, too.
        storage.0.before_commit(2 * number, async move {
            tokio::spawn(async move {
                note(&one, address).await.unwrap();
                rivals.fetch_add(1, Ordering::SeqCst);
            });
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        });
    }
    assert_eq!(note(&one, address).await, Ok(()));
    assert_eq!(rivals.load(Ordering::SeqCst), 1);
}

/// Shows that the wait for a turn is bounded, because the future of a caller may not be polled.
#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_stops_no_other() {
    let storage = FaultyStorage::over(&(Arc::new(Memory::new()) as Arc<dyn Storage>)).into_engine();
    let one = Arc::clone(&storage) as Arc<dyn Storage>;
    let one = worker(&one, &ring(), "one", Toy { takes: CLAIM * 10, ..Toy::default() }).await;
    let address = begun(&one).await;
    let rival = Arc::clone(&one);
    storage.0.before_commit(0, async move { note(&rival, address).await.unwrap() });
    // The caller loses to the rival, which makes the commit with the number 1, and stops at its own next commit.
    storage.0.before_commit(2, std::future::pending());
    let stopped = note(&one, address);
    tokio::pin!(stopped);
    assert!(tokio::time::timeout(CLAIM, &mut stopped).await.is_err());
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(note(&one, address).await, Ok(()));
    }
    assert!(begun.elapsed() < CLAIM / 2, "{:?}", begun.elapsed());
    assert_eq!(noted(&one, address).await, Some(State::Working { noted: 4 }));
}
