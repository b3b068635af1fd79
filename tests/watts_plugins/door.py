#!/usr/bin/env python3
# Written from the text of the seed alone: one argument, base64, and an answer on standard output.
import base64, hashlib, json, os, sys

request = json.loads(base64.b64decode(sys.argv[1], validate=True))
action, answer = request["action"], {"result": "ok"}
if action == "parameter":
    answer["version"] = "1.0.0"
    answer["conf_params"] = [{"name": "prefix", "type": "string", "default": "door"}]
    answer["request_params"] = [[]]
elif action == "request":
    user = hashlib.sha256(request["watts_userid"].encode()).hexdigest()
    answer["credential"] = [
        {"name": "username", "type": "text", "value": "user-" + user[:12]},
        {"name": "password", "type": "text", "value": base64.b32encode(os.urandom(20)).decode()},
    ]
    answer["state"] = request["conf_params"]["prefix"] + "-" + user[12:24]
elif action != "revoke":
    answer = {"result": "error", "user_msg": "This service cannot do that.", "log_msg": "unknown action"}
print(json.dumps(answer))
