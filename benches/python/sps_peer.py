"""The real SDK of SPS as a peer of a benchmark: one live plugin object in one process.

The arguments are a log level, a number of sessions in a batch, and a number of batches. Prints one JSON object: the
processor time of a full session in microseconds, as the median and the fastest of the batches, and what the last
session got and gave back. A full session is the four calls that a host makes for one login over SSH: private keys (the
plugin has none at any of the three assets), passwords (at the first asset), authentication completed, session ended.
All other settings are the defaults.

The log goes to the error output, as upstream does by default. A caller sends that to the null device, which is the
cheapest place for it.
"""

import json
import statistics
import sys
import time

from safeguard.sessions.plugin import CredentialStorePlugin


class Plugin(CredentialStorePlugin):
    checked_out = 0
    checked_in = 0
    ended = 0

    def do_get_private_key_list(self):
        return {"private_keys": []}

    def do_get_password_list(self):
        self.checked_out += 1
        self.cookie["ticket"] = "lease-1"
        return {"passwords": ["correct horse"]}

    def do_check_in_credential(self):
        self.checked_in += 1

    def do_session_ended(self):
        self.ended += 1


CONNECTION = {
    "session_id": "session-1",
    "protocol": "ssh",
    "client_ip": "192.0.2.9",
    "client_hostname": "laptop",
    "gateway_domain": "example.org",
    "gateway_username": "alice",
    "gateway_password": "not a real one",
    "gateway_groups": ["admins"],
    "server_domain": "example.com",
    "server_username": "root",
    "server_ip": "192.0.2.7",
    "server_port": 22,
    "server_hostname": "web1",
}


def session(plugin):
    cookies = {"cookie": {}, "session_cookie": {}}

    def call(method, arguments):
        answer = method(**cookies, **arguments)
        cookies.update(cookie=answer["cookie"], session_cookie=answer["session_cookie"])
        return answer

    keys = call(plugin.get_private_key_list, CONNECTION)["private_keys"]
    passwords = call(plugin.get_password_list, CONNECTION)["passwords"]
    call(plugin.authentication_completed, {"session_id": "session-1"})
    # The last call returns no cookies.
    plugin.session_ended(**cookies, session_id="session-1")
    return keys, passwords


def main():
    level, sessions, batches = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    plugin = Plugin(f"[logging]\nlog_level={level}\n")
    session(plugin)
    times = []
    for _ in range(batches):
        begun = time.process_time()
        for _ in range(sessions):
            keys, passwords = session(plugin)
        times.append((time.process_time() - begun) / sessions * 1e6)
    print(
        json.dumps(
            {
                "median": statistics.median(times),
                "fastest": min(times),
                "keys": keys,
                "passwords": passwords,
                "checked_out": plugin.checked_out,
                "checked_in": plugin.checked_in,
                "ended": plugin.ended,
            }
        )
    )


main()
