"""Klamm as fixtures: one process for the session, as new for each test."""

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request

import pytest


class Klamm:
    def __init__(self, addresses):
        self.bootstrap_servers = addresses["bootstrapServers"]
        self.control = addresses["control"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["error"]) from None

    def reset(self):
        self.call("POST", "/reset")

    def produce(self, topic, records):
        return self.call("POST", f"/topics/{topic}/records", {"records": records})


@pytest.fixture(scope="session")
def klamm_process():
    # KLAMM says how to run it where it is not installed in this project.
    command = shlex.split(os.environ.get("KLAMM", "npx klamm"))
    command += ["start", "--profile", "ci", "--json", "--control-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, "Klamm did not start"
        klamm = Klamm(json.loads(line))
        yield klamm
        klamm.call("POST", "/stop")
        process.wait(timeout=30)
    finally:
        process.kill()


@pytest.fixture
def klamm(klamm_process):
    klamm_process.reset()
    return klamm_process
