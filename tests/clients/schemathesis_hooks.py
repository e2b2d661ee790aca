"""What a valid request is, where the API's document cannot say it; for Schemathesis."""

import base64
import binascii
import json
import re
from datetime import datetime

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
        drop_end_of_empty_span(case)
        ask_for_a_campaign_that_is_there(case)
        drop_burst_without_rate(case)
        case.body = without_nul(case.body)
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


def drop_end_of_empty_span(case):
    """What is looked for lies between two times: `from` has to be before `to`."""
    if "from" in case.query and "to" in case.query and not is_span(case.query["from"], case.query["to"]):
        del case.query["to"]


def is_span(start, end):
    try:
        return datetime.fromisoformat(str(start)) < datetime.fromisoformat(str(end))
    except (TypeError, ValueError):
        return False


def ask_for_a_campaign_that_is_there(case):
    """A question about an unknown campaign is rightly refused; the first one is there from the start."""
    if "campaign_id" in case.query:
        case.query["campaign_id"] = 1


def drop_burst_without_rate(case):
    """Only a key with a rate limit has a burst."""
    if isinstance(case.body, dict) and case.body.get("rate_limit") is None:
        case.body.pop("burst", None)


def without_nul(value):
    """U+0000 is JSON that PostgreSQL's functions cannot read, so no event may have it."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return value


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
