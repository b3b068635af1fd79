"""Makes a file for a portal, for those who are logged in there too. Asked again for one intent, it gives the same."""

import base64
import json
import os
import sys

encoded = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read()
given = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def parameter():
    return {
        "result": "ok",
        "version": "1",
        "conf_params": [{"name": "folder", "type": "string", "default": ""}],
        "request_params": [],
        "features": {"stdin": True, "idempotent": True},
    }


def request():
    logins = given["additional_logins"]
    if not logins:
        return {"result": "oidc_login", "provider": "portal", "msg": "Please log in to the portal, too."}
    intent = given["intent_id"]
    file = os.path.join(given["conf_params"]["folder"], intent)
    try:
        with open(file, "x") as made:
            made.write("for %s\n%s\n" % (logins[-1]["user_info"]["sub"], os.urandom(16).hex()))
    except FileExistsError:
        pass
    with open(file) as made:
        content = made.read()
    part = {"name": "portal file", "type": "textfile", "value": content, "rows": 2, "cols": 40, "save_as": "portal.txt"}
    return {"result": "ok", "credential": [part], "state": intent}


def revoke():
    try:
        os.unlink(os.path.join(given["conf_params"]["folder"], given["cred_state"]))
    except FileNotFoundError:
        pass
    return {"result": "ok"}


print(json.dumps({"parameter": parameter, "request": request, "revoke": revoke}[given["action"]]()))
