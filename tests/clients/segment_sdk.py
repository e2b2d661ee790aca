"""Segment's own SDK for Python, told nothing but where the server is and its key."""

import sys

import segment.analytics as analytics

HOST, KEY, USERS = sys.argv[1:4]
KINDS = 6


def main():
    analytics.host = HOST
    analytics.write_key = KEY
    analytics.gzip = "gzip" in sys.argv
    refused = []
    analytics.on_error = lambda error, batch: refused.append(error)

    for number in range(1000):
        say(number, f"{USERS}-{number}")

    analytics.shutdown()
    if refused:
        sys.exit(f"refused: {refused[0]}")


def say(number, user):
    kind = number % KINDS
    if kind == 0:
        analytics.track(user, "Order Completed", {"order": number, "currency": "EUR"})
    elif kind == 1:
        analytics.identify(user, {"plan": "pro", "order": number})
    elif kind == 2:
        analytics.page(user, "Docs", "Home", {"order": number})
    elif kind == 3:
        analytics.screen(anonymous_id=user, name="Cart", properties={"order": number})
    elif kind == 4:
        analytics.group(user, "shop", {"order": number})
    else:
        analytics.alias(f"before-{number}", user)


main()
