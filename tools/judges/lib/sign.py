"""Twilio's Python SDK as a service: one JSON list of jobs a line in, one list of answers a line out."""

import json
import sys

from parameters import Parameters
from twilio.request_validator import RequestValidator


def work(job):
    validator = RequestValidator(job["token"])
    params = job.get("body")
    if params is None:
        params = Parameters(job["params"])
    if job["do"] == "sign":
        return validator.compute_signature(job["url"], params)
    return validator.validate(job["url"], params, job["signature"])


print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    print(json.dumps([work(job) for job in json.loads(line)]), flush=True)
