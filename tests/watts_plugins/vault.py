"""Makes passwords and keeps them in a file. It answers requests from standard input only."""

import base64
import fcntl
import json
import os
import sys


def answer(**entries):
    json.dump(entries, sys.stdout)
    sys.exit(0 if entries["result"] == "ok" else 1)


argument = len(sys.argv) > 1
try:
    text = (sys.argv[1] if argument else sys.stdin.read()).strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    given = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    known = given["action"] in ("parameter", "request", "revoke")
except (KeyError, TypeError, ValueError):
    known = False
if not known:
    answer(result="error", user_msg="The service had an error.", log_msg="this is no input, or of another version")

if given["action"] == "parameter":
    answer(
        result="ok",
        version="2.1",
        developer_email="somebody@example.org",
        conf_params=[
            {"name": "file", "type": "string", "default": ""},
            {"name": "closed", "type": "boolean", "default": False},
        ],
        request_params=[
            [],
            [
                {"key": "label", "name": "label", "description": "what it is for", "type": "textarea", "mandatory": True},
                {"key": "note", "name": "note", "description": "anything", "type": "textarea", "mandatory": False},
            ],
        ],
        features={"stdin": True, "colour": "blue"},
    )

if argument:
    answer(result="error", user_msg="The service is not set up.", log_msg="a request came as an argument")

configuration = given["conf_params"]
# What the log must not show: a host that is right takes the token out of this.
print("asked by", given["user_info"]["sub"], "with", given.get("access_token"), file=sys.stderr)
if configuration["closed"]:
    answer(result="error", user_msg="The vault is closed.", log_msg="closed by configuration")

if not configuration["file"]:
    answer(result="error", user_msg="The service is not set up.", log_msg="no file is configured")

with open(configuration["file"], "a+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    passwords = json.loads(file.read() or "{}")
    if given["action"] == "request":
        state = os.urandom(8).hex()
        passwords[state] = base64.urlsafe_b64encode(os.urandom(24)).decode()
        credential = [{"name": "password", "type": "text", "value": passwords[state]}]
        if "label" in given["params"]:
            credential.append({"name": "label", "type": "textarea", "value": given["params"]["label"], "rows": 2})
        result = {"result": "ok", "credential": credential, "state": state}
    else:
        passwords.pop(given["cred_state"], None)
        result = {"result": "ok"}
    file.truncate(0)
    file.write(json.dumps(passwords))
    file.flush()
    os.fsync(file.fileno())
answer(**result)
