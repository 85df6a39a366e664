"""What Schemathesis cannot read in the document: keys, ids that exist, and where packets may go.

The file SCENE says what there is. What was asked and answered is counted into the file TALLY.
"""

import atexit
import collections
import itertools
import json
import os
import unicodedata
import urllib.parse
import zlib

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation as At

with open(os.environ["SCENE"]) as file:
    SCENE = json.load(file)
TALLY = collections.defaultdict(collections.Counter)

# An admin key has 1000 requests a minute, so there are several, each asked in turn.
ADMIN_KEYS = itertools.cycle(SCENE["adminKeys"])
# Schemathesis picks up every id it sees in an answer; these are to outlive its deletions.
KEPT = {*SCENE["adminKeyIds"], *itertools.chain(*SCENE["ids"].values())}
# Where objects were made in this run, and not deleted since.
MADE = set()


def is_platform(path):
    return path.startswith("/api/v1/platform/")


@schemathesis.auth(refresh_interval=None)
class Keys:
    def get(self, case, context):
        return SCENE["platformKey"] if is_platform(context.operation.path) else next(ADMIN_KEYS)

    def set(self, case, key, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {key}"


# --- Where packets may go


def is_harmless(url):
    """Whether this URL, registered as an endpoint, leads to no packet beyond this machine.

    Names are asked of a name server on loopback that knows none, and only receivers on loopback
    answer with redirects: what remains is an address in the URL itself. Without a digit (of any
    script: hosts are normalised to ASCII ones) and without a bracket there is none, and what has no
    http in it is no endpoint.
    """
    if url.startswith(SCENE["receiver"]):
        return True
    plain = unicodedata.normalize("NFKC", urllib.parse.unquote(url))
    solid = "".join(letter for letter in plain if letter > " ").lower()
    return "http" not in solid or not any(letter.isnumeric() or letter in "[]" for letter in solid)


def made_harmless(body):
    """The body, or another in its place if it could register an address."""
    text = body if isinstance(body, str) else (body or b"").decode(errors="replace")
    try:
        # Numbers stay text: one too long to convert must not hide the rest.
        sent = json.loads(text, strict=False, parse_int=str, parse_float=str)
    except ValueError:
        return body if is_harmless(text) else "["
    url = sent.get("url") if isinstance(sent, dict) else None
    if not isinstance(url, str) or is_harmless(url):
        return body
    return json.dumps({**sent, "url": SCENE["receiver"]})


send = requests.adapters.HTTPAdapter.send


def guarded(self, request, **options):
    """The last word on every request, whatever made it."""
    assert request.url.startswith(SCENE["service"] + "/"), request.url
    body = made_harmless(request.body)
    if body is not request.body:
        TALLY["guarded"][request.method] += 1
        request.prepare_body(body, None)
    return send(self, request, **options)


requests.adapters.HTTPAdapter.send = guarded


# --- What there is


def choose(choices, drawn):
    """One of the choices: always the same for the same drawn value, as Hypothesis needs it."""
    return choices[zlib.crc32(repr(drawn).encode()) % len(choices)]


def ids_for(method, path, parameter):
    """Ids that exist. What may be deleted is many, so that deleting does not soon miss."""
    ids = SCENE["spare"] if method.lower() == "delete" else SCENE["ids"]
    return ids["shop" if is_platform(path) and parameter == "id" else parameter]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Examples name what exists."""
    for path, item in raw_schema["paths"].items():
        for method, operation in item.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["example"] = ids_for(method, path, parameter["name"])[0]
    event = raw_schema["components"]["schemas"]["EventRequest"]
    shop = SCENE["ids"]["shop"][0]
    event["example"]["shop"] = event["properties"]["shop"]["example"] = shop


def fill_in(body, operation):
    """What is right by the document becomes right by the ledger, mostly."""
    if isinstance(body.get("url"), str):
        body["url"] = SCENE["receiver"] + choose(["", "a", "b?c", str(len(body["url"]))], body["url"])
    if isinstance(body.get("shop"), str):
        body["shop"] = choose([*SCENE["ids"]["shop"] * 4, body["shop"]], body["shop"])
    for field in ("type", "event"):
        if isinstance(body.get(field), str):
            body[field] = choose(SCENE["eventTypes"], body[field])
    events = body.get("events")
    if not isinstance(events, list):
        return
    if operation.path.endswith("/batch"):
        for event in events:
            if isinstance(event, dict):
                fill_in(event, operation)
    else:
        body["events"] = [choose(SCENE["eventTypes"], one) if isinstance(one, str) else one for one in events]


@schemathesis.hook
def map_case(context, case):
    """Leaves alone what was meant to be wrong, and the ids that one answer hands to the next request."""
    meta, operation = case.meta, case.operation
    stateful = meta and meta.phase.name.name == "STATEFUL_TESTING"
    if case.path_parameters and not stateful and not (meta and meta.is_negative_at(At.PATH)):
        for name, drawn in case.path_parameters.items():
            ids = ids_for(operation.method, operation.path, name)
            case.path_parameters[name] = choose([*ids * 4, drawn], drawn)
    if isinstance(case.body, dict) and not (meta and meta.is_negative_at(At.BODY)):
        fill_in(case.body, operation)
    return case


@schemathesis.hook
def before_call(context, case, **options):
    if case.operation.method.lower() == "delete":
        for name, value in (case.path_parameters or {}).items():
            if value in KEPT and value not in SCENE["ids"]["shop"]:
                case.path_parameters[name] = choose(SCENE["spare"][name], len(MADE))


@schemathesis.hook
def after_call(context, case, response):
    method, place = case.operation.method.upper(), urllib.parse.urlsplit(response.request.url).path
    TALLY[f"{method} {case.operation.path}"][response.status_code] += 1
    if method == "POST" and response.status_code in (201, 202) and "id" in (made := response.json()):
        MADE.add(f"{place}/{made['id']}")
    if method == "DELETE" and response.status_code == 204:
        MADE.difference_update([one for one in MADE if one.startswith(place)])


# --- What the document cannot say, and so is no failure

# Here a value may have the right form and still be none that the ledger or the catalogue knows.
KNOWN_ONLY_HERE = {"cursor", "shop", "type", "event", "events", "url", "data"}
YEARS = range(1970, 9999)


def is_beyond_the_document(issue, body):
    if not issue["path"]:
        return False
    field = issue["path"][-1 if issue["path"][-1] == "createdAt" else 0]
    if field in ("since", "until", "createdAt"):
        year = str(body[field])[:4]
        return int(year) not in YEARS or issue["message"] == "must not be later than until"
    return field in KNOWN_ONLY_HERE


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if "positive_data_acceptance" in failure.checks and response.status_code == 400:
        issues = response.json()["error"].get("issues", [])
        return not all(is_beyond_the_document(issue, case.body) for issue in issues)
    if "ensure_resource_availability" in failure.checks:
        # An id of one webhook's or shop's is not found under another.
        return urllib.parse.urlsplit(response.request.url).path in MADE
    if "negative_data_rejection" in failure.checks and case.operation.path.endswith("/events/batch"):
        # A bad event is an error among the results: it does not sink its neighbours.
        return not any("error" in result for result in response.json()["results"])
    return True


@atexit.register
def write_tally():
    with open(os.environ["TALLY"], "w") as file:
        json.dump(TALLY, file)
