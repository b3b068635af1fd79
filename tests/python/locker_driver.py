"""Runs every call of the Locker seed's README through the official SDK, as its second generation spells it.

Usage: locker_driver.py PROGRAM ACCESS_KEY_ID SECRET_ACCESS_KEY READER_ID STORE, where STORE is `records` or
`convection`. Prints one line for each check that held, and fails at the first one that does not.
"""

import os
import sys
import threading

from locker import Locker
from locker import error

PROGRAM, ACCESS_KEY_ID, SECRET_ACCESS_KEY, READER_ID, STORE = sys.argv[1:]
RECORDS = STORE == "records"


def client(**options):
    given = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY, "binary_path": PROGRAM}
    given.update(options)
    return Locker(**given)


def check(what, condition):
    if not condition:
        raise SystemExit("does not hold: " + what)
    print("ok", what)


def raises(what, expected, call, **wanted):
    try:
        call()
    except error.LockerError as failure:
        check(what + ": " + type(failure).__name__, type(failure) is expected)
        for name, value in wanted.items():
            found = getattr(failure, name)
            check("%s: %s is %r, found %r" % (what, name, value, found), found == value)
        return
    raise SystemExit("does not hold: " + what + " raises")


locker = client()

# "Create new secret", "Get a secret value", "Retrieve a secret"
created = locker.create(key="REDIS_CONNECTION", value="redis://a/\u00e9\U0001f600\n")
check("create", (created.key, created.environment_name) == ("REDIS_CONNECTION", None))
check("get", locker.get("REDIS_CONNECTION") == "redis://a/\u00e9\U0001f600\n")
check("get_secret", locker.get_secret("REDIS_CONNECTION") == "redis://a/\u00e9\U0001f600\n")
check("default", locker.get("MISSING", default_value="TheDefaultValue") == "TheDefaultValue")
check("no default", locker.get("MISSING") is None)
raises("get_required", error.ResourceNotFoundError, lambda: locker.get_required("MISSING"),
       kind="secret_not_found", http_status=404)
found = locker.retrieve("REDIS_CONNECTION")
check("retrieve", (found.key, found.value, found.id) == (created.key, created.value, created.id))
locker.create(key="EMPTY", value="")
check("an empty value is a value", locker.get("EMPTY", default_value="other") == "")

# "Update a secret"
changed = locker.modify(key="REDIS_CONNECTION", value="redis://b")
check("modify", (changed.value, changed.environment_name) == ("redis://b", None))
check("modify is seen", locker.get("REDIS_CONNECTION") == "redis://b")
locker.modify(key="EMPTY", new_value="full")
check("modify by new_value", locker.get("EMPTY") == "full")
raises("modify a missing one", error.ResourceNotFoundError, lambda: locker.modify(key="MISSING", value="x"))

# A rename is a create and a destroy.
renamed = locker.modify(key="EMPTY", new_key="RENAMED")
check("rename", (renamed.key, renamed.value) == ("RENAMED", "full"))
check("the old name is gone", locker.get("EMPTY") is None)
raises("rename to a taken name", error.AlreadyExistsError,
       lambda: locker.modify(key="RENAMED", new_key="REDIS_CONNECTION"))
check("nothing was renamed", locker.get("RENAMED") == "full" and locker.get("REDIS_CONNECTION") == "redis://b")

# "List secrets", and export
check("list", {secret.key: secret.value for secret in locker.list()} == {
    "REDIS_CONNECTION": "redis://b", "RENAMED": "full"})
check("export", sorted(locker.export().splitlines()) == ['REDIS_CONNECTION="redis://b"', 'RENAMED="full"'])
raises("create again", error.AlreadyExistsError, lambda: locker.create(key="RENAMED", value="x"),
       kind="secret_already_exists", http_status=409)
raises("create an unacceptable name", error.ValidationError, lambda: locker.create(key="a\nb", value="x"))

if RECORDS:
    # "Create new environment" and the sections after it
    staging = locker.create_environment(name="staging", external_url="staging.host")
    check("create_environment", (staging.name, staging.external_url) == ("staging", "staging.host"))
    check("list_environments", [env.name for env in locker.list_environments()] == ["staging"])
    check("retrieve_environment", locker.retrieve_environment("staging").external_url == "staging.host")
    check("get_environment", locker.get_environment("staging").name == "staging")
    check("get_environment of a missing one", locker.get_environment("prod") is None)
    raises("retrieve_environment", error.ResourceNotFoundError, lambda: locker.retrieve_environment("prod"),
           kind="environment_not_found")
    changed = locker.modify_environment(name="staging", external_url="new.staging.host")
    check("modify_environment", changed.external_url == "new.staging.host")
    check("an empty url is none", locker.modify_environment(name="staging", external_url="").external_url == "")
    raises("create_environment again", error.AlreadyExistsError,
           lambda: locker.create_environment(name="staging"), kind="environment_already_exists")
    raises("rename an environment", error.ValidationError,
           lambda: locker.modify_environment(name="staging", new_name="prod"))

    # Secrets of an environment, and the fallback
    check("fallback", locker.get("REDIS_CONNECTION", environment_name="staging") == "redis://b")
    secret = locker.create(key="REDIS_CONNECTION", value="staging", environment_name="staging",
                           description="of staging")
    check("create in an environment", (secret.environment_name, secret.description) == ("staging", "of staging"))
    check("its own value", locker.get("REDIS_CONNECTION", environment_name="staging") == "staging")
    check("the shared value stays", locker.get("REDIS_CONNECTION") == "redis://b")
    listed = {(secret.key, secret.environment_name): secret.value for secret in locker.list(environment_name="staging")}
    check("a list agrees with reads", listed == {
        ("REDIS_CONNECTION", "staging"): "staging", ("RENAMED", None): "full"})
    check("all", len(locker.list()) == 3)
    raises("modify never falls back", error.ResourceNotFoundError,
           lambda: locker.modify(key="RENAMED", value="x", environment_name="staging"))
    raises("create in a missing environment", error.ResourceNotFoundError,
           lambda: locker.create(key="X", value="x", environment_name="prod"), kind="environment_not_found")
    moved = locker.modify(key="REDIS_CONNECTION", environment_name="staging", new_key="MOVED",
                          new_environment_name=None)
    check("move", (moved.environment_name, moved.value, moved.description) == (None, "staging", "of staging"))
    locker.modify(key="MOVED", new_environment_name="staging", new_description="")
    moved = locker.retrieve("MOVED", environment_name="staging")
    check("move back, without its description", (moved.environment_name, moved.description) == ("staging", ""))

    # Pages
    for number in range(7):
        locker.create(key="page-%d" % number, value=str(number))
    for environment in (None, "staging"):
        keys, cursor, pages = [], None, 0
        while True:
            page = locker.list_page(page_size=2, cursor=cursor, environment_name=environment)
            keys += [secret.key for secret in page.items]
            pages, cursor = pages + 1, page.next_cursor
            if cursor is None:
                break
        wanted = sorted(secret.key for secret in locker.list(environment_name=environment))
        check("pages of %s" % environment, sorted(keys) == wanted and pages > 3)
    page = locker.list_environments_page(page_size=1)
    check("pages of environments", [env.name for env in page.items] == ["staging"])
    raises("a wrong cursor", error.ProtocolError, lambda: locker.list_page(cursor="x"))

    # A key that only reads
    reader = client(access_key_id=READER_ID)
    check("a reader reads", reader.get("RENAMED") == "full")
    raises("a reader writes", error.PermissionDeniedError, lambda: reader.create(key="W", value="w"),
           http_status=403)
else:
    raises("no environments", error.ValidationError, lambda: locker.create_environment(name="staging"))
    raises("no descriptions", error.ValidationError,
           lambda: locker.create(key="X", value="x", description="d"))
    check("dates that the store does not keep", locker.retrieve("RENAMED").creation_date == 0)

# "Error Handling"
other = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
raises("a wrong secret", error.AuthenticationError, lambda: client(secret_access_key=other).list(),
       kind="unauthorized", http_status=401)
unknown = "9f8fad5b-d9cb-469f-a165-70867728950e"
raises("an unknown id", error.AuthenticationError, lambda: client(access_key_id=unknown).list())
raises("no verification", error.RequestRejectedError,
       lambda: client(insecure_skip_tls_verify=True).list())
check("a fresh read", client(resttime=-1).get("RENAMED") == "full")
check("a client with retries reads", client(max_network_retries=2).get("RENAMED") == "full")
check("capabilities", "secret.list_page" in locker.capabilities()["methods"])
os.environ["LOCKER_ACCESS_KEY_ID"] = ACCESS_KEY_ID
os.environ["LOCKER_SECRET_ACCESS_KEY"] = SECRET_ACCESS_KEY
os.environ["LOCKER_CLI_PATH"] = PROGRAM
os.environ["LOCKER_LOG"] = "error"
check("from_env", Locker.from_env().get("RENAMED") == "full")

# 16 threads, one client, no lock
failures = []


def work(number):
    try:
        key = "thread-%d" % number
        locker.create(key=key, value="0")
        for turn in range(1, 4):
            locker.modify(key=key, value=str(turn))
            if locker.get(key) != str(turn):
                failures.append("thread %d reads another value" % number)
    except Exception as failure:
        failures.append("thread %d: %r" % (number, failure))


threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("16 threads %r" % failures, not failures)

# Workers that are forked after the client was made, without a parent that loads it again
children = []
for number in range(5):
    child = os.fork()
    if child == 0:
        try:
            key = "worker-%d" % number
            locker.create(key=key, value=key)
            os._exit(0 if locker.get(key) == key else 1)
        except BaseException as failure:
            print("worker", number, repr(failure), file=sys.stderr)
            os._exit(2)
    children.append(child)
check("5 workers", all(os.waitpid(child, 0)[1] == 0 for child in children))
check("nothing is lost", {secret.key for secret in locker.list()}.issuperset(
    ["thread-%d" % number for number in range(16)] + ["worker-%d" % number for number in range(5)]))
print("done")
