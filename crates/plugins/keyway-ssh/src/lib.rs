//! Two issuers of SSH logins: `ssh-authorized-keys` keeps lines of the `authorized_keys` file of an account;
//! `ssh-ca` signs user certificates, and revokes them by a list that `sshd` reads.
//!
//! Users give a public key, or none, and then a key pair is made for them; its private half is in
//! the answer and nowhere else.
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
//! // What the operator configures. It is sent along with every call.
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
//! // The state is the comment, by which the line is found again.
//! assert!(std::fs::read_to_string(&file)?.trim_end().ends_with(issued.state.as_str()));
//!
//! issuer.revoke(&Revocation::new(joe, issued.state)).await?;
//! assert_eq!(std::fs::read_to_string(&file)?, "");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What is configured
//!
//! Both issuers describe their settings, so they can be configured under WaTTS too. Texts, all of them:
//!
//! | setting | of | default | what it says |
//! | --- | --- | --- | --- |
//! | `authorized_keys_file` | `ssh-authorized-keys` | | the file; its directory must be there |
//! | `key_options` | `ssh-authorized-keys` | none | options before every key, such as `restrict,pty` |
//! | `login_name` | `ssh-authorized-keys` | none | shown to users: the account |
//! | `ca_key_file` | `ssh-ca` | | the private key that signs, Ed25519, without a passphrase; if there is none, the host lends a [`CertificateAuthorityKey`] |
//! | `krl_file` | `ssh-ca` | | the list of what is revoked, for `RevokedKeys` of `sshd`; [set up](#how-certificates-are-revoked) once |
//! | `principals` | `ssh-ca` | | the accounts that a certificate is good for: names, with claims in braces, such as `grid-{preferred_username}` |
//! | `trusted_issuer` | `ssh-ca` | | the `iss` of the logins that are accepted; needed as soon as `principals` names a claim |
//! | `valid_minutes` | `ssh-ca` | `60` | how long a certificate is good, at most 366 days |
//! | `extensions` | `ssh-ca` | `permit-pty` | what it permits |
//! | `force_command`, `source_address` | `ssh-ca` | none | what it restricts; each at most 16,384 bytes |
//! | `state_prefix` | both | `KEYWAY_` | how states begin, by which the service knows its own |
//! | `key_types` | both | all but DSA | types of keys that users may give |
//! | `host` | both | none | shown to users: where to log in; as `login_name`, at most 256 bytes |
//!
//! Change `state_prefix` only when nothing of the service is left to be revoked: what begins otherwise is
//! refused, because it belongs to somebody else.
//!
//! # What is promised
//!
//! * A file changes as a whole or not at all, also when the power fails. Its mode and owner stay; a new one
//!   belongs to the owner of its directory, and so does its lock. A host that is not in the file's group cannot keep
//!   that: it takes the group's rights away. Access lists and labels of the system are not carried over.
//! * What others wrote stays byte for byte; a last line without its end gets one.
//! * Calls of these issuers, in any process, wait for each other by a lock beside the file, named
//!   `.authorized_keys.keyway-lock`, for example. It stays there. A change by a program that knows no lock is noticed, but for the
//!   moment between the last look and the replacement.
//! * No symbolic link is followed, neither in place of the file nor on the way to it, and paths have no `..`: the account that the
//!   file belongs to cannot have the issuer write elsewhere.
//! * Of what a user sends, type and key are used. Options, comments and further lines are not.
//! * The same intent has one credential. Asked again, `ssh-authorized-keys` replaces the line of the intent, so that of two
//!   key pairs the last one counts; `ssh-ca` signs again under the same key id.
//! * The key of the authority is used only if its file belongs to the user of the process or to root, and no other
//!   user may read it.
//! * Revoking twice succeeds. What fails promises, where it can, that nothing happened.
//! * A missing `authorized_keys` file has no lines: requests create it, and its former lines count as revoked,
//!   because they let no user in. An old copy that is put back lets in the users whose lines were removed since.
//!
//! # How certificates are revoked
//!
//! **Set the list up once**, before the first request: `keyway-ssh-ca set-up /etc/ssh/krl`, or
//! [`set_up_revocation_list`] in a host. It makes an empty list, and a record beside it, `krl.keyway-record`. An empty
//! file of your own, or a list that `ssh-keygen -k` made, is as good. Back both files up.
//!
//! The state is the key id of the certificate, which `sshd` logs. The list revokes it for every authority, so a revocation
//! outlives a change of the authority's key. The list may hold what others revoked; that is kept. It must
//! not be signed. What this plugin revoked it takes out again a day after the longest validity that was issued under
//! the list, at the second revocation behind that time; what others revoked stays. Two wrong times in a row, further in the
//! future than that, take away what is needed.
//!
//! The record knows the list's number and the last revocation. So a list that was lost is noticed, and nothing is issued
//! or revoked until it is back:
//!
//! | the list | `sshd` meanwhile | what to do |
//! | --- | --- | --- |
//! | is missing, and was never there | lets no user in by a key | set it up |
//! | is missing | lets no user in by a key | put the newest copy back |
//! | is older than its record | lets in who was revoked since | put the newest copy back |
//! | has no record, and was changed before | goes by the list | put the record back; or set it up again, if the list is the newest |
//! | lacks the last revocation only | lets in that one | nothing: the next call makes it good |
//!
//! Without a copy, the revoked certificates are good again with any new list until they expire: give the authority
//! another key, remove list and record, and set the list up.
//!
//! # Where it works
//! On Unix. Both issuers block, and declare so (decision R1).
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
pub use authorized_keys::{AuthorizedKeys, AuthorizedKeysPlugin};

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
