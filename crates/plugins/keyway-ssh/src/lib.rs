//! Two issuers of SSH logins: `ssh-authorized-keys` manages lines in the `authorized_keys` file of an account;
//! `ssh-ca` signs user certificates, and revokes them by a list that `sshd` reads.
//!
//! A user gives a public key, or gets a new key pair. The private half of a new pair is in the answer and nowhere else.
//!
//! ```
//! use keyway_issuers::core::{Plugins, plugins};
//! use keyway_issuers::{
//!     Context, CredentialRequest, Issuers, Json, OpenContext, RequestOutcome, Parameters, Revocation, ServiceName, UserInfo,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().canonicalize()?.join("authorized_keys");
//! const PLUGINS: Plugins = plugins! { keyway_ssh };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<Issuers>("ssh-authorized-keys")?;
//! let issuer = plugin.open(&OpenContext::new(ServiceName::new("cluster")?, plugin.metadata().clone()))?;
//!
//! // The settings of the operator. A host sends them with every call.
//! let path = Json::text(file.to_str().ok_or("a plain path")?);
//! let login_name = Json::text("grid");
//! let configured = [("authorized_keys_file", &path), ("login_name", &login_name)];
//! let configuration = issuer.describe().await?.resolve_configuration(configured)?;
//! let joe = Context::new(UserInfo::new("https://issuer.example.com", "joe")).with_configuration(configuration);
//!
//! let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@laptop";
//! let request = CredentialRequest::new(joe.clone()).with_parameters(Parameters::new().with("pub_key", key));
//! let RequestOutcome::Issued(issued) = issuer.request(&request).await? else { panic!() };
//! assert_eq!(issued.credential[0].expose_value(), "grid");
//! // The state is the comment, by which the line is found.
//! assert!(std::fs::read_to_string(&file)?.trim_end().ends_with(issued.state.as_str()));
//!
//! issuer.revoke(&Revocation::new(joe, issued.state)).await?;
//! assert_eq!(std::fs::read_to_string(&file)?, "");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A host that changes the keys of an account by itself uses [`AuthorizedKeysFile`].
//!
//! # Settings
//!
//! Both issuers describe their settings, so an operator can configure them under WaTTS, too. All are texts:
//!
//! | setting | of | default | meaning |
//! | --- | --- | --- | --- |
//! | `authorized_keys_file` | `ssh-authorized-keys` | | the file; its directory must exist |
//! | `key_options` | `ssh-authorized-keys` | none | options before every key, such as `restrict,pty` |
//! | `login_name` | `ssh-authorized-keys` | none | shown to users: the account |
//! | `ca_key_file` | `ssh-ca` | | the private key that signs, Ed25519, without a passphrase; if there is none, the host lends a [`CertificateAuthorityKey`] |
//! | `krl_file` | `ssh-ca` | | the revocation list, for `RevokedKeys` of `sshd`; [create it](#how-certificates-are-revoked) once |
//! | `principals` | `ssh-ca` | | the accounts that a certificate is valid for: names, with claims in braces, such as `grid-{preferred_username}` |
//! | `trusted_issuer` | `ssh-ca` | | the `iss` of the accepted logins; required if `principals` names a claim |
//! | `valid_minutes` | `ssh-ca` | `60` | the validity of a certificate, at most 366 days |
//! | `extensions` | `ssh-ca` | `permit-pty` | the permissions of a certificate |
//! | `force_command`, `source_address` | `ssh-ca` | none | the restrictions of a certificate; each at most 16,384 bytes |
//! | `state_prefix` | both | `KEYWAY_` | the beginning of all states of the service |
//! | `key_types` | both | all but DSA | types of keys that users may give |
//! | `host` | both | none | shown to users: the machine to log in to; like `login_name`, at most 256 bytes |
//!
//! Change `state_prefix` only after all credentials of the service are revoked: states with another beginning
//! are refused, because they belong to another service.
//!
//! # Promises
//!
//! * A file changes as a whole or not at all, even if the power fails. Its mode and owner stay; a new file and its lock
//!   belong to the owner of the directory. A host that is not in the file's group cannot keep the group, and removes
//!   the group's permissions. Access control lists are kept on Linux only; if one is lost, the mode gives no rights that
//!   the list denied. Security labels are not kept.
//! * Foreign lines stay byte for byte; a last line without a line break gets one.
//! * Calls of these issuers, in any process, wait for each other by a lock beside the file, for example
//!   `.authorized_keys.keyway-lock`. The lock file stays. A change by a program without the lock is detected, except
//!   between the last check and the replacement.
//! * No symbolic link is followed, neither in place of the file nor in its path, and a path has no `..`. So the owner
//!   of the file cannot redirect the issuer.
//! * Of a user's public key, only type and key are used, not options, comments and further lines.
//! * An intent has one credential. If a request is repeated with its intent, `ssh-authorized-keys` replaces the line of
//!   the intent, so only the key of the last of these requests lets the user in; `ssh-ca` signs again with the same key
//!   id.
//! * A late request brings no revoked credential back: its intent is refused. `ssh-authorized-keys` notes each revoked
//!   intent in a comment, such as `# keyway: KEYWAY_17 was revoked`, and keeps the last 64 of them; `ssh-ca` knows an
//!   intent for as long as the list has its entry. A host that sends no intents gets no such comments.
//! * The key of the authority is used only if its file belongs to the user of the process or to root, and no other user
//!   may read it.
//! * Revoking twice succeeds. If it is certain that a failed call had no effect, its error promises that.
//! * A missing `authorized_keys` file has no lines: requests create it, and its former lines count as revoked, because
//!   they let no user in. An old copy that is restored lets in users whose lines were removed since.
//!
//! # How certificates are revoked
//!
//! **Create the list once**, before the first request: by `keyway-ssh-ca set-up /etc/ssh/krl`, or by
//! [`set_up_revocation_list`] in a host. This creates an empty list and, beside it, a record
//! `krl.keyway-record`. An empty file, or a list that `ssh-keygen -k` made, works as well. Back both files up.
//!
//! The state is the key id of the certificate, which `sshd` logs. The list revokes the key id for every
//! authority, so a revocation outlasts a change of the authority's key. Entries of other programs in the list
//! are kept. The list must not be signed. The plugin removes an entry of its own a day after all certificates that
//! were issued before the revocation have expired, and the longest validity has passed, at the second revocation after
//! that time. If the clock is that far ahead at two revocations in a row, needed entries are lost. If it was more than
//! a day ahead at one, some lists keep the entries after it for ever: a list that another program made, or whose record
//! was lost, since certificates may have been issued that the record does not know, and a list for certificates of 366
//! days. If the clock is more than a day late at the revocation of a request that is still under way, the entry may go
//! before that request is issued.
//!
//! The record holds the number of the list, the last revocation, and the time by which all certificates expire. So a
//! lost list is detected, and no certificate is issued or revoked until the list is back:
//!
//! | the list | `sshd` meanwhile | what to do |
//! | --- | --- | --- |
//! | is missing, and never existed | refuses all keys | create it |
//! | is missing | refuses all keys | restore the newest copy |
//! | is older than its record | accepts certificates revoked since | restore the newest copy |
//! | has no record, and was changed before | uses the list | restore the record; or create it again, if the list is the newest |
//! | lacks the last revocation only | accepts that certificate | nothing: the next call completes it |
//!
//! Without a copy, the revoked certificates are valid again under a new list until they expire: give the
//! authority another key, remove list and record, and create the list.
//!
//! # Platforms
//! Unix only. Calls of both issuers block their thread, and the issuers declare this (decision R1).
#![cfg(unix)]

mod authority;
mod authorized_keys;
mod file;
mod key;
mod setting;
mod state;

pub use authority::{
    CertificateAuthority, CertificateAuthorityKey, CertificateAuthorityPlugin, InvalidAuthorityKey,
    set_up_revocation_list,
};
pub use authorized_keys::{AuthorizedKeys, AuthorizedKeysFile, AuthorizedKeysPlugin, ReplaceKeyError};

/// The version of both plugins.
const VERSION: &str = "1.0.0";

keyway_core::register! {
    keyway_issuers::Issuers {
        id: "ssh-authorized-keys",
        name: "SSH Authorized Keys",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        description: "SSH logins by lines of an authorized_keys file",
        plugin: AuthorizedKeysPlugin,
    }
    keyway_issuers::Issuers {
        id: "ssh-ca",
        name: "SSH CA",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        description: "SSH logins by user certificates",
        plugin: CertificateAuthorityPlugin,
    }
}
