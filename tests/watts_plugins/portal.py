"""Makes a file for a portal, for those who are logged in there too. Asked again for one intent, it gives the same.

After a revocation the file is empty, so that a late request for its intent makes no other."""

import base64
import json
import os
import re
import sys


def read():
    text = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read()
    plain = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    return json.loads(base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True))


def parameter(_):
    return {
        "result": "ok",
        "version": "1",
        "conf_params": [{"name": "folder", "type": "string", "default": ""}],
        "request_params": [],
        "features": {"stdin": True, "idempotent": True},
    }


def error(message, log):
    return {"result": "error", "user_msg": message, "log_msg": log}


def file_of(state, given):
    """None for what this plugin never made: a state is not a path that a caller chooses."""
    folder = given["conf_params"]["folder"]
    return os.path.join(folder, state) if folder and re.fullmatch(r"portal-[A-Za-z0-9._-]+", state) else None


def new_file(file, content):
    new = os.path.join(os.path.dirname(file), "new-" + os.urandom(16).hex())
    with open(new, "x") as made:
        made.write(content)
    return new


def request(given):
    logins = given["additional_logins"]
    if not logins:
        return {"result": "oidc_login", "provider": "portal", "msg": "Please log in to the portal, too."}
    # A host that knows of no intents, as the real one, gets another file each time.
    state = "portal-" + given.get("intent_id", os.urandom(16).hex())
    file = file_of(state, given)
    if file is None:
        return error("The service is not set up.", "no folder is configured")
    new = new_file(file, "for %s\n%s\n" % (logins[-1]["user_info"]["sub"], os.urandom(16).hex()))
    try:
        # Whole or not at all, and only once.
        os.link(new, file)
    except FileExistsError:
        pass
    os.unlink(new)
    with open(file) as made:
        content = made.read()
    if not content:
        return error("Your file was revoked.", "a request for a revoked intent")
    part = {"name": "portal file", "type": "textfile", "value": content, "rows": 2, "cols": 40, "save_as": "portal.txt"}
    return {"result": "ok", "credential": [part], "state": state}


def revoke(given):
    file = file_of(given["cred_state"], given)
    if file is not None and os.path.exists(file):
        os.replace(new_file(file, ""), file)
    return {"result": "ok"}


try:
    given = read()
    act = {"parameter": parameter, "request": request, "revoke": revoke}[given["action"]]
except (KeyError, TypeError, ValueError) as failure:
    answer = error("The service had an error.", "no input: " + type(failure).__name__)
else:
    try:
        answer = act(given)
    except OSError as failure:
        answer = error("The service had an error.", failure.strerror)
print(json.dumps(answer))
