//! The capabilities that a credential store declares.

use std::num::NonZeroUsize;

use crate::CredentialKind;

/// The capabilities that a credential store declares. The conformance kit checks that a declared operation works, and
/// that an undeclared operation answers `Unsupported` and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each flag is a separate declaration, read by name.
pub struct Capabilities {
    /// The store has [`passwords`](crate::CredentialStore::passwords).
    pub passwords: bool,
    /// The store has [`private_keys`](crate::CredentialStore::private_keys).
    pub private_keys: bool,
    /// The store has [`certificates`](crate::CredentialStore::certificates).
    pub certificates: bool,
    /// The store has [`totp_codes`](crate::CredentialStore::totp_codes).
    pub totp_codes: bool,
    /// The store has [`remote_app_credentials`](crate::CredentialStore::remote_app_credentials).
    pub remote_apps: bool,
    /// Every check-out is a [`Lease`](crate::Lease), and the store has [`check_in`](crate::CredentialStore::check_in).
    /// A store without this capability only reads: its fetches have no effect.
    ///
    /// Decision S2.
    pub leases: bool,
    /// The store renews leases: it has [`renew`](crate::CredentialStore::renew).
    pub renews: bool,
    /// The store may change credentials when they are checked in, and reports a change in
    /// [`CheckedIn`](crate::CheckedIn).
    ///
    /// Decision S10.
    pub rotates: bool,
    /// The store checks that credentials open their target: it has [`verify`](crate::CredentialStore::verify).
    pub verifies: bool,
    /// The store lists accounts itself: it has [`accounts`](crate::CredentialStore::accounts).
    pub own_accounts: bool,
    /// The store has its own generators of assets: it has [`assets`](crate::CredentialStore::assets).
    pub own_assets: bool,
    /// Several calls with the same [`IntentId`](crate::IntentId) together have the effect of one call, and each of them
    /// returns a valid answer. A fetch whose lease was checked in makes no lease again: a late or repeated call is
    /// refused, or gets the lease that is gone.
    ///
    /// Decisions R3 and H367.
    pub idempotent: bool,
    /// The store answers [`reconcile`](crate::CredentialStore::reconcile).
    ///
    /// Decision R2.
    pub reconciles: bool,
    /// The store's futures may block the thread, so the host polls them on dedicated threads.
    ///
    /// Decision R1.
    pub blocking: bool,
    /// Every poll of the store's futures returns within a millisecond, so a host polls them on the caller's task.
    pub prompt: bool,
    /// The largest number of calls that the store works on at a time.
    /// `None` means no limit of the plugin. A host makes at most 8 calls at a time to a plugin that blocks.
    ///
    /// A host queues further calls. The deadline of a call does not begin while the call waits.
    pub max_concurrency: Option<NonZeroUsize>,
}

/// Defines a method that sets a flag.
macro_rules! flags {
    ($($(#[$documentation:meta])+ $flag:ident)+) => {
        $($(#[$documentation])+
        #[must_use]
        pub const fn $flag(mut self, $flag: bool) -> Self {
            self.$flag = $flag;
            self
        })+
    };
}

impl Capabilities {
    /// No capability at all.
    pub const MINIMAL: Self = Self {
        passwords: false,
        private_keys: false,
        certificates: false,
        totp_codes: false,
        remote_apps: false,
        leases: false,
        renews: false,
        rotates: false,
        verifies: false,
        own_accounts: false,
        own_assets: false,
        idempotent: false,
        reconciles: false,
        blocking: false,
        prompt: false,
        max_concurrency: None,
    };

    /// Tells whether the store has the operation that fetches this kind of credentials.
    pub const fn offers(&self, kind: CredentialKind) -> bool {
        match kind {
            CredentialKind::Passwords => self.passwords,
            CredentialKind::PrivateKeys => self.private_keys,
            CredentialKind::Certificates => self.certificates,
            CredentialKind::TotpCodes => self.totp_codes,
            CredentialKind::RemoteApp => self.remote_apps,
        }
    }

    flags! {
        /// Sets whether the store has passwords.
        passwords
        /// Sets whether the store has private keys.
        private_keys
        /// Sets whether the store has certificates.
        certificates
        /// Sets whether the store has one-time codes.
        totp_codes
        /// Sets whether the store has credentials of remote applications.
        remote_apps
        /// Sets whether every check-out is a lease.
        leases
        /// Sets whether the store renews leases.
        renews
        /// Sets whether the store may change credentials at a check-in.
        rotates
        /// Sets whether the store checks that credentials open their target.
        verifies
        /// Sets whether the store lists accounts itself.
        own_accounts
        /// Sets whether the store has its own generators of assets.
        own_assets
        /// Sets whether several calls with the same intent together have the effect of one call.
        idempotent
        /// Sets whether the store can report the outcome of an intent.
        reconciles
        /// Sets whether the store's futures may block.
        blocking
        /// Sets whether every poll returns within a millisecond.
        prompt
    }

    /// Sets the largest number of calls that the store works on at a time.
    #[must_use]
    pub const fn max_concurrency(mut self, calls: NonZeroUsize) -> Self {
        self.max_concurrency = Some(calls);
        self
    }
}
