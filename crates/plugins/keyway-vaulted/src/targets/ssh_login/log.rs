//! Reads the log of `ssh` (its `-E`, at the level `DEBUG1`). Banners of the target are not in it.

use keyway_credentials::Probed;

/// Returns [`Refused`](Probed::Refused) if the log shows clearly that the target refused the only key that was offered,
/// and otherwise `None`.
///
/// A refusal of the connection or of the host's key says nothing about the key. Neither does a refusal after the target
/// accepted the key: the target may ask for a second factor, or refuse the account by PAM. A server that refuses an
/// account before that answers as if it refused the key, so the log does not tell the difference.
pub(super) fn judge(log: &str) -> Option<Probed> {
    let has = |beginning: &str| log.lines().any(|line| line.starts_with(beginning));
    let was_asked = has("debug1: Offering public key: ") && !has("debug1: send_pubkey_test: ");
    if !was_asked || has("debug1: Server accepts key: ") {
        return None;
    }
    // A target that allows only one attempt disconnects instead of refusing the key.
    let told = log.lines().filter(|line| !is_debugging(line));
    let is_refused = told.clone().any(|line| {
        let denied =
            line.split_once(": Permission denied (").and_then(|(_, methods)| methods.strip_suffix(")."));
        denied.is_some_and(|methods| methods.split(',').any(|method| method == "publickey"))
            || (line.starts_with("Received disconnect from ")
                && line.ends_with(":2: Too many authentication failures"))
    });
    is_refused.then_some(Probed::Refused)
}

/// Returns the lines that are not debugging output, for an error.
pub(super) fn told(log: &str) -> String {
    let told = log.lines().filter(|line| !is_debugging(line)).collect::<Vec<_>>().join("; ");
    told.escape_debug().to_string()
}

fn is_debugging(line: &str) -> bool {
    line.is_empty() || line.starts_with("debug1: ") || line.starts_with("OpenSSH_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: &str = "OpenSSH_9.2p1\r\ndebug1: Offering public key: k ED25519 SHA256:x explicit\r\n";

    fn judged(lines: &str) -> Option<Probed> {
        judge(&format!("{OFFERED}{lines}"))
    }

    #[test]
    fn a_refusal_of_the_key_is_one() {
        for lines in [
            "root@web1: Permission denied (publickey).\r\n",
            "joe@web1: Permission denied (publickey,password).\n",
            "Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures\r\nDisconnected from x\r\n",
        ] {
            assert_eq!(judged(lines), Some(Probed::Refused), "{lines}");
        }
    }

    #[test]
    fn messages_about_other_things_than_the_key_are_unclear() {
        for lines in [
            "",
            "kex_exchange_identification: Connection closed by remote host\n",
            "Host key verification failed.\n",
            "debug1: Remote: x: Permission denied (publickey).\n",
            "joe@web1: Permission denied (keyboard-interactive).\n",
            "debug1: Server accepts key: k ED25519 SHA256:x explicit\njoe@web1: Permission denied (publickey).\n",
            "Received disconnect from 192.0.2.7 port 22:2: Too many connections\n",
        ] {
            assert_eq!(judged(lines), None, "{lines}");
        }
        assert_eq!(
            judged(
                "debug1: send_pubkey_test: no mutual signature algorithm\njoe@web1: Permission denied (publickey).\n"
            ),
            None
        );
        // The key was not offered, because `ssh` could not read it.
        assert_eq!(judge("Load key \"k\": error\njoe@web1: Permission denied (publickey).\n"), None);
    }

    #[test]
    fn an_error_has_what_ssh_told() {
        let log = format!("{OFFERED}debug1: x\nssh: connect to host web1 port 22: Connection refused\r\n\n");
        assert_eq!(told(&log), "ssh: connect to host web1 port 22: Connection refused");
    }
}
