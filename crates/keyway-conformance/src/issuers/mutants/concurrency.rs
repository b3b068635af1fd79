//! Mutants that break the rules about concurrent and dropped calls.

use std::num::NonZeroUsize;
use std::thread::sleep;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::reference::{FULL, SLOTS};
use super::{IssuerSubject, issuer_mutant, mutants};

const LONG: Duration = Duration::from_millis(200);
const EIGHT: NonZeroUsize = NonZeroUsize::new(8).expect("it is eight");

mutants! {
    for IssuerSubject, by issuer_mutant;
    FailsWhenBusy breaks ["ISS-080"] "refuses a request while it works on another"
        (before: |issuer, _| issuer.slots(SLOTS).map(|_slots| sleep(LONG)))
    CountsWithoutALock breaks ["ISS-081"] "numbers its credentials by how many there are"
        (entry: |issuer, _, entry| {
            entry.state = format!("counted-{}", issuer.ledger.entries().len());
            sleep(LONG);
        })
    StaysBusy breaks ["ISS-082"] "refuses all requests after one that was dropped"
        (before: |issuer, _| issuer.slots(SLOTS).map(SemaphorePermit::forget),
        request: |issuer, request| {
            issuer.slots.add_permits(SLOTS as usize);
            issuer.issue(request)
        })
    DeclaresTooMuch breaks ["ISS-083"] "declares that it works on eight calls at once, and refuses the sixth"
        (capabilities: |_| FULL.max_concurrency(EIGHT),
        before: |issuer, _| issuer.slots(SLOTS / 5).map(|_slots| sleep(LONG)),
        revoking: |issuer, _| issuer.slots(SLOTS / 5).map(drop))
    Blocks breaks ["ISS-084"] "sleeps in a request, and does not declare that it blocks"
        (capabilities: |_| FULL.blocking(false),
        before: |_, _| { sleep(LONG); Ok(()) })
    BlocksOnlyWhenItWorks breaks ["ISS-084"] "sleeps in a request with a new intent, and in no other"
        (capabilities: |_| FULL.blocking(false),
        before: |issuer, request| {
            if issuer.known(request).is_none() {
                sleep(LONG);
            }
            Ok(())
        })
    BlocksOnlyWhenItRevokes breaks ["ISS-084"] "sleeps in the revocation of a credential that exists"
        (capabilities: |_| FULL.blocking(false),
        revoking: |issuer, revocation| {
            if issuer.is_there(&revocation.state) {
                sleep(LONG);
            }
            Ok(())
        })
    IsNotPrompt breaks ["ISS-085"] "declares `prompt`, and holds the thread for 20 ms"
        (capabilities: |_| FULL.blocking(false).prompt(true),
        before: |_, _| { sleep(LONG / 10); Ok(()) })
    RevokesNothingMeanwhile breaks ["ISS-083"] "refuses a revocation while it works on a request"
        (before: |issuer, _| issuer.slots(1).map(|_slots| sleep(LONG)),
        revoking: |issuer, _| {
            // Waits until the concurrent requests have started.
            sleep(LONG / 4);
            issuer.slots(SLOTS).map(drop)
        })
}
