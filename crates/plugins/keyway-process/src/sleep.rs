//! Lets an idle worker thread sleep until it is woken or a program ends.
//!
//! Waking a thread costs about a twentieth of a short run. So the thread that will wait for a program is woken when the
//! program ends, or after a while, and not when the program starts. The thread sleeps on a set of descriptors, to which
//! other threads can add descriptors while it sleeps.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// The descriptors on which one thread sleeps.
#[derive(Debug)]
pub(crate) struct Sleep {
    waited_for: OwnedFd,
    timer: OwnedFd,
}

impl Sleep {
    /// Makes a sleep that ends when `wake` can be read.
    pub(crate) fn new(wake: BorrowedFd<'_>) -> io::Result<Self> {
        let waited_for = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        for fd in [wake, timer.as_fd()] {
            epoll::add(&waited_for, fd, EventData::new_u64(0), EventFlags::IN)?;
        }
        Ok(Self { waited_for, timer })
    }

    /// Lets the sleep end when `notice` can be read, and after this time at the latest. Returns false if that cannot be
    /// set up.
    pub(crate) fn end_at(&self, notice: BorrowedFd<'_>, at_the_latest: Duration) -> bool {
        // A timer of zero would never fire.
        let at_the_latest = at_the_latest.max(Duration::from_nanos(1));
        self.set_timer(at_the_latest).is_ok()
            && epoll::add(
                &self.waited_for,
                notice,
                EventData::new_u64(0),
                EventFlags::IN | EventFlags::ONESHOT,
            )
            .is_ok()
    }

    /// Sleeps for this time at most. Returns true if an event or a signal ended the sleep early. The event may be
    /// outdated.
    pub(crate) fn sleep(&self, at_most: Duration) -> bool {
        let at_most = Timespec::try_from(at_most).ok();
        let mut happened = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 1];
        let woken = match epoll::wait(&self.waited_for, &mut happened[..], at_most.as_ref()) {
            Ok(events) => events > 0,
            // A signal interrupted the sleep. The caller finds no event, and sleeps again.
            Err(Errno::INTR) => true,
            Err(_) => false,
        };
        if woken {
            // The notice is used up, so the timer is stopped. If that fails, the timer ends one later sleep too early.
            let _ = self.set_timer(Duration::ZERO);
        }
        woken
    }

    /// Sets the timer. Zero stops it.
    fn set_timer(&self, after: Duration) -> io::Result<()> {
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let after = Timespec::try_from(after).map_err(|_| io::ErrorKind::InvalidInput)?;
        let times = Itimerspec { it_interval: once, it_value: after };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(5);

    #[test]
    fn the_first_event_ends_the_sleep() {
        let (woken, mut wake) = io::pipe().unwrap();
        let (notice, mut notify) = io::pipe().unwrap();
        let sleep = Sleep::new(woken.as_fd()).unwrap();
        assert!(!sleep.sleep(SHORT), "nothing happened");

        let begun = Instant::now();
        assert!(sleep.end_at(notice.as_fd(), SHORT) && sleep.sleep(LONG));
        assert!(begun.elapsed() >= SHORT, "the time ends it");
        assert!(!sleep.sleep(SHORT), "the time does not end it twice");

        notify.write_all(b"1").unwrap();
        assert!(sleep.sleep(LONG), "the notice ends it");
        assert!(!sleep.sleep(SHORT), "the notice ends one sleep only");

        wake.write_all(b"1").unwrap();
        assert!(sleep.sleep(LONG));
    }

    #[test]
    fn a_notice_added_meanwhile_ends_the_sleep() {
        let (woken, _wake) = io::pipe().unwrap();
        let (notice, notify) = io::pipe().unwrap();
        let sleep = Sleep::new(woken.as_fd()).unwrap();
        std::thread::scope(|scope| {
            let sleeping = scope.spawn(|| sleep.sleep(LONG));
            std::thread::sleep(SHORT);
            assert!(sleep.end_at(notice.as_fd(), LONG));
            drop(notify);
            assert!(sleeping.join().unwrap());
        });
    }

    #[test]
    fn an_earlier_notice_ends_the_sleep() {
        let (woken, _wake) = io::pipe().unwrap();
        let (notice, notify) = io::pipe().unwrap();
        drop(notify);
        let sleep = Sleep::new(woken.as_fd()).unwrap();
        assert!(sleep.end_at(notice.as_fd(), LONG) && sleep.sleep(LONG));
    }
}
