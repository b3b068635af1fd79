//! The sources of the rules: paraphrased clauses of the SPS seed, and the decisions. L1 to L11 are the defects of the
//! upstream system that the upstream contract shows.

use crate::notation::clauses;

clauses! {
    "SPS/way" "each call comes to a new instance, for each account and asset until credentials are found";
    "SPS/cookie" "the cookie keeps its content between the calls of a session";
    "SPS/session_cookie" "the session cookie is seen by the other plugins of the session, too";
    "SPS/account" "the account is that of the candidate, in the check-out and in later calls";
    "SPS/asset" "the asset is that of the candidate, in the check-out and in later calls";
    "SPS/passwords" "a store fetches the passwords of an account at an asset, or has none";
    "SPS/private_keys" "a store fetches the private keys of an account at an asset, or has none";
    "SPS/authentication_completed" "a store may act when the target accepted the user";
    "SPS/check_in" "a store takes back what was checked out, however the session went";
    "SPS/session_ended" "a store may act at the end of a session, of which it then knows the id only";
    "SPS/accounts" "a store may list accounts of its own";
    "SPS/assets" "a store may list assets of its own";
    "L1" "upstream: after a check-in within a session, later credentials are never returned";
    "L2" "upstream: what was checked out by a call that then fails is never returned";
    "L3" "upstream: the ticket of one candidate is lost when the next one fails";
    "L4" "upstream: what was checked out by a call that then reports nothing is never returned";
    "L5" "upstream: after a fetch that fails, the former credentials are returned a second time";
    "L6" "upstream: a session that ends twice returns credentials twice";
    "L7" "upstream: two check-outs of a session are returned by one check-in";
    "L8" "upstream: a check-in happens though nothing was checked out";
    "L9" "upstream: when a check-in fails the end of the session is not told, and nothing tries again";
    "L10" "upstream: when the cookie of a call is lost, nothing is returned";
    "L11" "upstream: a check-in has no login to the vault";
    "S1" "a fetch says what is the case, and only credentials end the search";
    "S2" "each check-out is a lease with its own id, and is checked in on every path";
    "S3" "a check-in never runs for what was not checked out";
    "S4" "candidates are listed lazily, each once";
    "S5" "the cookies are JSON objects, and survive a call that fails";
    "S6" "events are told once, or again with the same id, and also when a check-in failed";
    "S7" "credentials are typed, and the type of a key is read from the key";
    "S8" "a call that is repeated with the same id is as one";
    "S9" "state passes through the cookies and the lease only";
    "S10" "rotation is told, leases are renewed, exclusive accounts are busy, a one-time code is given once";
    "S11" "the login to the vault is that of the configuration or of the gateway, and a missing one is a typed error";
    "R1" "capabilities are constants; a call may be dropped at any time; a plugin that blocks says so";
    "R2" "an intent is stored before the effect, and asked for after a crash";
    "R3" "the same intent twice is one effect, where that is declared";
    "R4" "a panic is contained, and is still a fault";
    "R7" "an error says whether an effect may remain";
    "R8" "what a plugin keeps with a session is bounded";
    "K1" "secrets go into no log, error, name or debugging text";
    "H294" "an intent that was answered to have had no effect has none later";
    "H367" "an intent whose lease was checked in makes no other lease";
    "H369" "a vault may conceal which accounts it has";
}
