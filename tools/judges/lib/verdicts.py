"""Twilio's Python SDK judges requests: one JSON object a line in; `1`, `0` or `!` (it raised) a line out."""

import json
import sys
from urllib.parse import parse_qsl

from parameters import Parameters
from twilio.request_validator import RequestValidator


def verdict(request):
    body = request["body"]
    if request["is_form"]:
        body = Parameters(parse_qsl(body, keep_blank_values=True))
    try:
        tokens = request["tokens"]
        validators = map(RequestValidator, tokens)
        valid = any([it.validate(request["url"], body, request["signature"]) for it in validators])
        return "1" if valid else "0"
    except Exception:
        return "!"


for line in sys.stdin:
    print(verdict(json.loads(line)))
