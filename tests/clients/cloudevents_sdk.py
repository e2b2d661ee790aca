"""The CloudEvents SDK for Python: what it makes, posted by requests, in all three modes of CloudEvents over HTTP."""

import sys

import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

HOST, KEY, USERS = sys.argv[1:4]

session = requests.Session()
session.headers["Authorization"] = f"Bearer {KEY}"


def main():
    events = [purchase(number) for number in range(1000)]
    for event in events[:300]:
        send(to_binary_event(event))
    for event in events[300:600]:
        send(to_structured_event(event))
    # the SDK makes events, no batches: a batch is an array of them
    batch = b"[" + b",".join(map(JSONFormat().write, events[600:])) + b"]"
    post(batch, {"Content-Type": "application/cloudevents-batch+json"})


def purchase(number):
    attributes = {"type": "com.example.purchase", "source": "/shop", "subject": f"{USERS}-{number}"}
    # in binary mode this becomes the Content-Type, and without it there is none
    if number % 2:
        attributes["datacontenttype"] = "application/json"
    return CloudEvent(attributes, {"order": number, "currency": "EUR"})


def send(message):
    post(message.body, message.headers)


def post(body, headers):
    answer = session.post(f"{HOST}/events", data=body, headers=headers, timeout=10)
    if answer.status_code != 202:
        sys.exit(f"{answer.status_code} {answer.text}")


main()
