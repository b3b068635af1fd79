"""Stands for the part of an OpenNebula that its plugin asks: accounts, by XML-RPC on loopback.

The argument is a file, in which it keeps the names of the accounts, a line each. It prints its port."""

import sys
from xml.sax.saxutils import escape
from xmlrpc.server import SimpleXMLRPCServer

accounts = {}
file = sys.argv[1]
# What the real one has in no name of an account.
INVALID = " :\t\n\v\f\r"


def keep():
    with open(file, "w") as kept:
        kept.writelines(name + "\n" for name in accounts)


def pool(session):
    users = "".join("<USER><ID>%d</ID><NAME>%s</NAME></USER>" % (number, escape(name)) for name, number in accounts.items())
    return [True, "<USER_POOL>%s</USER_POOL>" % users, 0]


def allocate(session, name, password, driver):
    if any(character in INVALID for character in name):
        return [False, "NAME has an invalid character", 0]
    if name in accounts:
        return [False, "NAME is already taken", 0]
    accounts[name] = max(accounts.values(), default=1) + 1
    keep()
    return [True, accounts[name], 0]


def delete(session, number):
    found = [name for name, known in accounts.items() if known == number]
    for name in found:
        del accounts[name]
    keep()
    return [bool(found), number, 0]


def change(session, number, *what):
    return [number in accounts.values(), number, 0]


keep()
server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
server.register_function(pool, "one.userpool.info")
server.register_function(allocate, "one.user.allocate")
server.register_function(delete, "one.user.delete")
for method in ("update", "chgrp", "passwd"):
    server.register_function(change, "one.user." + method)
print(server.server_address[1], flush=True)
server.serve_forever()
