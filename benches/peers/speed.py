# How long libxml2 takes to parse and validate a document, used as those do who want speed: one compiled schema, documents in
# memory. Usage: python3 speed.py SCHEMA DOCUMENT; each line of the input is a number of rounds, each answer the nanoseconds of one.
import sys
import time

from lxml import etree

schema = etree.XMLSchema(etree.parse(sys.argv[1]))
document = open(sys.argv[2], "rb").read()
parser = etree.XMLParser()
for order in sys.stdin:
    rounds = int(order)
    begun = time.perf_counter_ns()
    for _ in range(rounds):
        assert schema.validate(etree.fromstring(document, parser))
    print((time.perf_counter_ns() - begun) // rounds, flush=True)
