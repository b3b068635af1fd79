"""The real Convection Generic plugin as a peer of a benchmark.

Reads one JSON array a line and answers with one JSON value a line:

  ["open", directory, name, [key, ...]]   makes the store; answers with the path of its file
  ["fill", count, value]                  puts secrets secret-000000 and so on into the file, in one write
  ["create", name, value]                 answers with the processor time that it took, in seconds
  ["get", name]                           answers with [processor time, value]

Keys come through the pipe, so that they stand in no argument list and in no environment.
"""

import contextlib
import json
import pathlib
import sys
import time

with contextlib.redirect_stdout(sys.stderr):
    import tomlkit
    from convection.shared.functions import load_plugins
    from convection.shared.objects.plugins.secret import ConvectionPlugin_Secret
    from convection.shared.specker_static import StaticSpecker
    from cryptography.fernet import Fernet

    # Loading plugins needs the one instance that this makes.
    StaticSpecker()
    Generic = load_plugins("convection.plugins.secrets", ConvectionPlugin_Secret)["generic"]


class Peer:
    def open(self, directory, name, keys):
        root = pathlib.Path(directory).resolve()
        self.keys = [key.encode("ascii") for key in keys]
        # The plugin shuffles the list that it is given.
        self.store = Generic(name, list(self.keys), root, {})
        self.store.initialize()
        self.file = root / "secrets" / name
        return str(self.file)

    def fill(self, count, value):
        token = self.file.read_bytes()
        for key in self.keys:
            with contextlib.suppress(Exception):
                document = tomlkit.parse(Fernet(key).decrypt(token).decode("utf-8")).unwrap()
        document["store"] = {f"secret-{number:06d}": value for number in range(count)}
        self.file.write_bytes(Fernet(self.keys[0]).encrypt(tomlkit.dumps(document).encode("utf-8")))
        return len(self.store.list())

    def create(self, name, value):
        begun = time.process_time()
        self.store.create(secret_name=name, secret_value=value)
        return time.process_time() - begun

    def get(self, name):
        begun = time.process_time()
        value = self.store.get(secret_name=name)
        return [time.process_time() - begun, value]


def main():
    peer = Peer()
    for line in sys.stdin:
        operation, *arguments = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            answer = getattr(peer, operation)(*arguments)
        print(json.dumps(answer), flush=True)


main()
