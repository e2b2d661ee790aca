"""What a valid request is, where the API's document cannot say it; for Schemathesis."""

import base64
import binascii
import json
import re

import schemathesis

NDJSON = "application/x-ndjson"
CURSOR = re.compile(rb"[cdek]\d+.*", re.DOTALL)
TAG = re.compile(r'\*|"\d{1,9}"')
HEADERS = {"If-Match": TAG, "If-None-Match": TAG, "Idempotency-Key": re.compile(r"[a-z0-9-]{1,255}")}


@schemathesis.serializer(NDJSON)
def send_as_it_is(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_case(_context, case):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        drop_made_up_cursor(case)
        drop_made_up_headers(case)
        drop_end_before_start(case)
        make_lines_events(case)
    return case


def drop_made_up_cursor(case):
    """A cursor has to be from an answer; another one is rightly refused."""
    if "cursor" in case.query and not is_cursor(str(case.query["cursor"])):
        del case.query["cursor"]


def is_cursor(text):
    try:
        return CURSOR.fullmatch(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) is not None
    except (binascii.Error, ValueError):
        return False


def drop_end_before_start(case):
    """A campaign has to end after it starts."""
    if isinstance(case.body, dict) and case.body.get("starts_at") and case.body.get("ends_at"):
        del case.body["ends_at"]


def make_lines_events(case):
    """NDJSON is no mere text: it has an event a line."""
    if case.media_type == NDJSON and isinstance(case.body, str) and not is_ndjson(case.body):
        text = case.body[:60].replace("\0", "")
        case.body = json.dumps({"event_type": text or "none", "user_id": "u"})


def is_ndjson(text):
    try:
        return all(isinstance(json.loads(line), dict) for line in text.splitlines()) and text != ""
    except ValueError:
        return False


def drop_made_up_headers(case):
    """An entity tag has to be from an answer, and an Idempotency-Key has a form of its own."""
    for name, form in HEADERS.items():
        if name in case.headers and not form.fullmatch(str(case.headers[name])):
            del case.headers[name]
