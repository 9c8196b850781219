"""Runs every case against the broker of its only argument, and prints a line for each."""

import os
import sys

import cases_admin
import cases_consumer
import cases_group
import cases_modern
import cases_producer
import cases_transactions
from suite import Suite

suite = Suite(sys.argv[1])
for module in (cases_producer, cases_consumer, cases_group, cases_modern, cases_admin, cases_transactions):
    module.add_to(suite)
suite.run(threads=5)
print("END", flush=True)
# A client that hangs in close may not keep the program alive.
os._exit(0)
