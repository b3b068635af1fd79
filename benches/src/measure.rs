//! Interleaved measurement of Keyway and its peer.
//!
//! A shared machine may change its speed by half during a measurement. So each round runs one batch of calls of each
//! side, and every other round runs them in reverse order (A B, B A, A B, ...). A batch is long enough for the clock to
//! measure it well. The result of a side is the median of its batches. A ratio is computed in each round, and the ratio
//! of the measurement is the median of these ratios. So a change of speed between rounds does not affect the result.
//! Compare ratios within one run, never absolute values between runs.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// The clock that measures an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Wall-clock time: for operations that wait for a disk or for another thread.
    Wall,
    /// The processor time of this thread: for pure computation, because other programs do not
    /// disturb it.
    ThreadCpu,
    /// The processor time of all threads of this process: for computation on several threads.
    ProcessCpu,
}

impl Clock {
    /// Returns the time since a fixed moment in the past.
    #[cfg(unix)]
    pub fn now(self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        let id = match self {
            Self::Wall => ClockId::Monotonic,
            Self::ThreadCpu => ClockId::ThreadCPUTime,
            Self::ProcessCpu => ClockId::ProcessCPUTime,
        };
        let time = clock_gettime(id);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

/// The clock of a measurement, and the number and the length of its batches.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The clock.
    pub clock: Clock,
    /// The number of batches of each side. The result is their median.
    pub rounds: usize,
    /// The duration of a batch.
    pub batch: Duration,
}

impl Plan {
    /// The plan for pure computation: 31 rounds of 2 ms of processor time.
    pub const COMPUTATION: Self =
        Self { clock: Clock::ThreadCpu, rounds: 31, batch: Duration::from_millis(2) };
    /// The plan for operations that wait for a disk: 31 rounds of 20 ms wall-clock time.
    pub const DISK: Self = Self { clock: Clock::Wall, rounds: 31, batch: Duration::from_millis(20) };
}

/// The medians of Keyway and of its peer, for one operation.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// Keyway's median, in nanoseconds if it is a time.
    pub ours: f64,
    /// The peer's median, in the same unit.
    pub peer: f64,
    /// Keyway's value divided by the peer's, as the median over the rounds.
    pub ratio: f64,
}

impl Compared {
    /// Compares the values of both sides in the same rounds.
    ///
    /// # Panics
    /// When there are no rounds.
    pub fn of(ours: &[f64], peer: &[f64]) -> Self {
        let mut ratios: Vec<f64> = ours.iter().zip(peer).map(|(ours, peer)| ours / peer).collect();
        Self {
            ours: median(&mut ours.to_vec()),
            peer: median(&mut peer.to_vec()),
            ratio: median(&mut ratios),
        }
    }

    /// Divides the times by the given number of calls, which were measured together.
    #[must_use]
    pub fn of_one_in(self, calls: f64) -> Self {
        Self { ours: self.ours / calls, peer: self.peer / calls, ..self }
    }
}

/// The times of several operations in every round: nanoseconds for one call.
#[derive(Clone, Debug)]
pub struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// Returns the times of an operation in all rounds. Operations are counted from 0.
    ///
    /// # Panics
    /// When there is no such operation.
    pub fn of(&self, operation: usize) -> &[f64] {
        &self.0[operation]
    }

    /// Returns the median of an operation.
    ///
    /// # Panics
    /// When there is no such operation.
    pub fn median(&self, operation: usize) -> f64 {
        median(&mut self.of(operation).to_vec())
    }

    /// Compares two operations.
    ///
    /// # Panics
    /// When there is no such operation.
    pub fn compared(&self, ours: usize, peer: usize) -> Compared {
        Compared::of(self.of(ours), self.of(peer))
    }

    /// Returns the ratio of one operation's time to another's, round by round.
    ///
    /// # Panics
    /// When there is no such operation.
    pub fn times(&self, operation: usize, other: usize) -> Vec<f64> {
        self.of(operation).iter().zip(self.of(other)).map(|(one, other)| one / other).collect()
    }
}

/// Runs both operations in alternation, and returns the median time of one call of each.
pub fn compare<A, B>(plan: Plan, mut ours: impl FnMut() -> A, mut peer: impl FnMut() -> B) -> Compared {
    let our_calls = calls_in_a_batch(plan, &mut ours);
    let peer_calls = calls_in_a_batch(plan, &mut peer);
    let mut our_times = Vec::with_capacity(plan.rounds);
    let mut peer_times = Vec::with_capacity(plan.rounds);
    for round in 0..plan.rounds {
        // The order alternates, because the second side finds the caches as the first side left them.
        if round % 2 == 0 {
            our_times.push(batch(plan.clock, our_calls, &mut ours));
            peer_times.push(batch(plan.clock, peer_calls, &mut peer));
        } else {
            peer_times.push(batch(plan.clock, peer_calls, &mut peer));
            our_times.push(batch(plan.clock, our_calls, &mut ours));
        }
    }
    Compared::of(&our_times, &peer_times)
}

/// Runs any number of operations in alternation. A round has `calls` calls of each operation.
///
/// The number of calls is fixed, because operations that change their data need a known number. Each call goes through
/// a pointer, so the operations should be long.
pub fn interleave(clock: Clock, rounds: usize, calls: u32, operations: &mut [&mut dyn FnMut()]) -> Rounds {
    let mut times = vec![Vec::with_capacity(rounds); operations.len()];
    for round in 0..rounds {
        for position in 0..operations.len() {
            // Each operation takes every position in turn.
            let index = (position + round) % operations.len();
            times[index].push(batch(clock, calls, &mut operations[index]));
        }
    }
    Rounds(times)
}

/// Returns the median time of one call, in nanoseconds.
pub fn time<A>(plan: Plan, mut operation: impl FnMut() -> A) -> f64 {
    let calls = calls_in_a_batch(plan, &mut operation);
    let mut times: Vec<f64> = (0..plan.rounds).map(|_| batch(plan.clock, calls, &mut operation)).collect();
    median(&mut times)
}

/// Returns the number of calls that fill a batch. The calls that find this number also warm up the caches.
fn calls_in_a_batch<A>(plan: Plan, operation: &mut impl FnMut() -> A) -> u32 {
    let mut calls = 1_u32;
    loop {
        // The wall clock is read too, so that the loop ends for an operation that only waits.
        let begun = Instant::now();
        let one = batch(plan.clock, calls, operation);
        let batch_nanos = plan.batch.as_secs_f64() * 1e9;
        let long_enough = one * f64::from(calls) >= batch_nanos / 4.0 || begun.elapsed() >= plan.batch;
        if long_enough || calls >= 1 << 28 {
            let fitting = (batch_nanos / one.max(0.1)).clamp(1.0, f64::from(1_u32 << 28));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
            return fitting as u32;
        }
        calls *= 4;
    }
}

/// Runs a batch, and returns the nanoseconds for one call.
fn batch<A>(clock: Clock, calls: u32, operation: &mut impl FnMut() -> A) -> f64 {
    let begun = clock.now();
    for _ in 0..calls {
        black_box(operation());
    }
    (clock.now().saturating_sub(begun)).as_secs_f64() * 1e9 / f64::from(calls)
}

/// Returns the median. For an even number of values, it is the mean of the middle two.
///
/// # Panics
/// When there are no values.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Compared, Plan, compare, interleave, median, time};
    use std::{cell::RefCell, hint::black_box, time::Duration};

    #[test]
    fn the_median_is_not_moved_by_one_slow_round() {
        assert!((median(&mut [3.0, 1.0, 1_000_000.0, 2.0, 4.0]) - 3.0).abs() < 1e-9);
        assert!((median(&mut [4.0, 1.0]) - 2.5).abs() < 1e-9);
    }

    fn busy(steps: u64) -> u64 {
        (0..steps).fold(0, |sum, step| black_box(sum ^ step.wrapping_mul(0x9e37_79b9)))
    }

    #[test]
    fn twice_the_work_takes_twice_the_time() {
        let compared = compare(Plan::COMPUTATION, || busy(20_000), || busy(10_000));
        assert!((1.6..2.5).contains(&compared.ratio), "{compared:?}");
    }

    #[test]
    fn a_machine_that_becomes_slow_does_not_change_a_ratio() {
        // Three rounds ran on a fast machine, and two on a machine ten times as slow. The peer is twice as fast. One
        // round was disturbed.
        let compared = Compared::of(&[2.0, 2.0, 9.0, 20.0, 20.0], &[1.0, 1.0, 1.0, 10.0, 10.0]);
        assert!((compared.ratio - 2.0).abs() < 1e-9, "{compared:?}");
        let one = compared.of_one_in(4.0);
        assert!((one.ours - 9.0 / 4.0).abs() < 1e-9 && (one.ratio - 2.0).abs() < 1e-9, "{one:?}");
    }

    #[test]
    fn both_sides_run_in_turns() {
        let order = RefCell::new(String::new());
        let plan = Plan { clock: Clock::Wall, rounds: 4, batch: Duration::from_nanos(1) };
        let step = |name| {
            order.borrow_mut().push(name);
            std::thread::sleep(Duration::from_micros(10));
        };
        compare(plan, || step('a'), || step('b'));
        // The first two calls, `ab`, only measure how many calls fill a batch.
        assert_eq!(*order.borrow(), "ababbaabba");
    }

    #[test]
    fn each_of_several_has_its_turn_at_every_place() {
        let order = RefCell::new(String::new());
        let step = |name| order.borrow_mut().push(name);
        let (mut a, mut b, mut c) = (|| step('a'), || step('b'), || step('c'));
        let times = interleave(Clock::Wall, 3, 2, &mut [&mut a, &mut b, &mut c]);
        assert_eq!([times.of(0).len(), times.of(1).len(), times.of(2).len()], [3, 3, 3]);
        assert!(times.median(0) >= 0.0 && times.times(1, 2).len() == 3);
        assert_eq!(*order.borrow(), "aabbccbbccaaccaabb");
    }

    #[test]
    fn sleeping_costs_the_wall_clock_only() {
        let plan = Plan { clock: Clock::Wall, rounds: 3, batch: Duration::from_millis(2) };
        let sleep = || std::thread::sleep(Duration::from_millis(2));
        assert!(time(plan, sleep) >= 2e6);
        assert!(time(Plan { clock: Clock::ThreadCpu, ..plan }, sleep) < 1e6);
    }
}
