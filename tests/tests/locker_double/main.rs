//! The double of Locker's service keeps the contract of the service, and shows the faults that are switched on.

mod caller;
mod faults;
mod listing;
mod reading;
mod recorded;
mod writing;
