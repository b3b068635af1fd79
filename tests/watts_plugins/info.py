"""Shows a user what the plugin got. Reads its argument only, as the first WaTTS plugins did."""

import base64
import json
import sys


def decode(text):
    plain = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True).decode()


def parameter(_):
    return {"result": "ok", "conf_params": [], "request_params": [], "version": "1.0.0"}


def request(given):
    parts = [
        {"name": "version", "type": "text", "value": given["watts_version"]},
        {"name": "user id", "type": "text", "value": given["watts_userid"]},
        {"name": "user id, decoded", "type": "text", "value": decode(given["watts_userid"])},
    ]
    for name, claim in sorted(given["user_info"].items()):
        text = claim if isinstance(claim, str) else json.dumps(claim)
        parts.append({"name": name, "type": "textarea" if name == "groups" else "text", "value": text})
    whole = json.dumps(given, indent=4, sort_keys=True)
    parts.append({"name": "all", "type": "textfile", "value": whole, "rows": 20, "cols": 50, "save_as": "info.json"})
    # The same for everybody: a host has to cope with that.
    return {"result": "ok", "credential": parts, "state": "user_info"}


def revoke(_):
    return {"result": "ok"}


try:
    given = json.loads(decode(sys.argv[1]))
    act = {"parameter": parameter, "request": request, "revoke": revoke}[given["action"]]
except (IndexError, KeyError, TypeError, ValueError) as error:
    answer = {"result": "error", "user_msg": "The service had an error.", "log_msg": "no input: " + type(error).__name__}
else:
    answer = act(given)
print(json.dumps(answer))
