"""Runs steps on a store of one of Convection's own plugins.

Standard input is one JSON object: "root" (the storage folder), "store", "keys", "steps", and perhaps "plugin"
("generic" if it is missing, or "passdb") and "config" (the settings of a new store). A step is a list: the
method's name, then for create and modify the secret's name and value, for get and destroy its name, for rotate
the new keys. A value of null is one that the plugin makes; after it may stand the length and the name of the
alphabet. Standard output is a JSON list with {"ok": answer} or {"error": class} for each step.

Values carry their types: {"text": ...}, {"integer": decimal digits}, {"float": 16 hexadecimal digits of its
bits, or "nan"}, {"boolean": ...}, {"moment": ISO 8601}, {"array": [...]}, {"table": [[name, value], ...]} with
the names in order, because Python's writer moves tables behind other values.
"""

import datetime
import json
import pathlib
import struct
import sys

from convection.shared.functions import load_plugins
from convection.shared.objects.plugins.secret import ConvectionPlugin_Secret
from convection.shared.specker_static import StaticSpecker


def encode(value):
    """The typed form of a Python value."""
    if isinstance(value, bool):
        return {"boolean": value}
    if isinstance(value, int):
        return {"integer": str(value)}
    if isinstance(value, float):
        return {"float": "nan" if value != value else struct.pack(">d", value).hex()}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return {"moment": value.isoformat()}
    if isinstance(value, list):
        return {"array": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"table": sorted([name, encode(item)] for name, item in value.items())}
    raise TypeError(type(value).__name__)


def decode(typed):
    """The Python value of a typed form."""
    ((kind, value),) = typed.items()
    if kind == "integer":
        return int(value)
    if kind == "float":
        return float("nan") if value == "nan" else struct.unpack(">d", bytes.fromhex(value))[0]
    if kind == "moment":
        for reader in (datetime.date, datetime.time, datetime.datetime):
            try:
                return reader.fromisoformat(value)
            except ValueError:
                pass
        raise ValueError("not a moment")
    if kind == "array":
        return [decode(item) for item in value]
    if kind == "table":
        return {name: decode(item) for name, item in value}
    return value


def run(store, step):
    """One step."""
    method, *arguments = step
    if method in ("create", "modify"):
        if arguments[1] is not None:
            return getattr(store, method)(secret_name=arguments[0], secret_value=decode(arguments[1]))
        recipe = dict(zip(("length", "value_type"), arguments[2:]))
        return getattr(store, method)(secret_name=arguments[0], **recipe)
    if method == "get":
        return encode(store.get(secret_name=arguments[0]))
    if method == "destroy":
        return store.destroy(secret_name=arguments[0])
    if method == "rotate":
        return store.rotate([key.encode() for key in arguments[0]])
    return getattr(store, method)()


def main():
    """Runs the steps of standard input."""
    order = json.load(sys.stdin)
    StaticSpecker()
    plugins = load_plugins("convection.plugins.secrets", ConvectionPlugin_Secret)
    plugin = plugins[order.get("plugin", "generic")]
    root = pathlib.Path(order["root"]).resolve()
    store = plugin(order["store"], [key.encode() for key in order["keys"]], root, order.get("config"))
    answers = []
    for step in order["steps"]:
        try:
            answers.append({"ok": run(store, step)})
        except Exception as error:  # pylint: disable=broad-exception-caught
            answers.append({"error": type(error).__name__})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
