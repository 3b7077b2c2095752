"""What no schema says: which shop is ours, what there is in it, that an Idempotency-Key stands for one request."""

import itertools
import os

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

TENANT = os.environ["RELEVO_TENANT"]
KEEP = os.environ["RELEVO_KEEP"].split(",")  # ids that must stay: they are who calls
AUTHORIZATION = {"Authorization": "Bearer " + os.environ["RELEVO_TOKEN"]}
NOBODY = "00000000-0000-4000-8000-000000000000"
NO_ETAG = '"00"'

# Refusals of a request whose form is right: by the operation, and the problem's code or the member that is wrong.
REFUSALS = {
    ("put_role", "api.changed"),  # made with If-None-Match, and there already
    ("add_api_key", "#/expires_at"),  # it is over already
    ("put_budget", "api.changed"),  # as put_role
    ("put_budget", "#/currency"),  # not that of the prices
    ("put_budget", "#/soft_micros"),  # above the hard limit
    ("list_usage", "api.bad_parameter"),  # its span is too long
    ("put_prices", "api.bad_body"),  # one model twice, or a price that is over before it begins
    ("put_synonyms", "api.bad_body"),  # one word twice
    ("add_agent", "#/template"),  # there is none of that name
    ("add_agent", "#/settings/name"),  # stands beside them
    ("add_agent", "agent.invalid"),  # an hour that ends before it begins, a server of the own network
    ("add_agent", "agent.unknown_provider"),  # this installation has not
    ("change_agent", "agent.invalid"),
    ("change_agent", "agent.unknown_provider"),
    ("add_account", "#/token"),  # no bot's
    ("roll_back_agent", "#/version"),  # there is none
    ("change_tenant", "#/time_zone"),  # there is none
}

calls = itertools.count()
ids = {}  # by the path of a list: what it had last
pages = {}  # by the operation and its path: a query whose answer had a page after it, with that page's cursor


def place_of(case):
    return case.operation.label, tuple(sorted((name, str(value)) for name, value in (case.path_parameters or {}).items()))


def is_wrong(case, location):
    """Whether the case is to be refused for what it has there."""
    component = case.meta.components.get(location)
    return case.meta.generation.mode.is_negative and bool(component) and component.mode.is_negative


def takes(parameters, name):
    return any(parameter.name == name for parameter in parameters)


def name_what_is_there(case):
    """Every other time: what is not there is named too."""
    above, _, rest = case.operation.path.partition("/{")
    name, _, rest = rest.partition("}")
    there = ids.get(above)
    turn = next(calls)
    if there and "{" not in rest and turn % 2:
        case.path_parameters[name] = there[turn // 2 % len(there)]


def fill(case):
    """Addresses are one person's, and roles are the shop's: drawn ones would make nobody a user."""
    if "roles" in case.body:
        case.body["roles"] = ["viewer"]
        if "email" in case.body:
            case.body["email"] = case.id + "@example.com"


def state_base(case):
    """What a change is based on: what is there now, or that there is nothing."""
    etag = etag_of(case)
    if etag is None and takes(case.operation.headers, "If-None-Match"):
        case.headers["If-None-Match"] = "*"
    else:
        case.headers["If-Match"] = etag or NO_ETAG


def etag_of(case):
    # of what is done to it says the path below it
    path = case.formatted_path.rpartition("/")[0] if case.operation.method == "post" else case.formatted_path
    url = case.operation.base_url + path
    return requests.get(url, headers={**AUTHORIZATION, "X-Tenant-Id": TENANT}, timeout=10).headers.get("ETag")


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path_parameters and not is_wrong(case, ParameterLocation.PATH):
        name_what_is_there(case)
    if case.operation.method != "get":
        for name, value in (case.path_parameters or {}).items():
            if value in KEEP:
                case.path_parameters[name] = NOBODY
    if not is_wrong(case, ParameterLocation.HEADER):
        case.headers = case.headers or {}
        if takes(case.operation.headers, "X-Tenant-Id"):
            case.headers["X-Tenant-Id"] = TENANT
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = case.id
        if takes(case.operation.headers, "If-Match"):
            state_base(case)
    if isinstance(case.body, dict) and not is_wrong(case, ParameterLocation.BODY):
        fill(case)
    if takes(case.operation.query, "cursor") and not is_wrong(case, ParameterLocation.QUERY):
        without = {name: value for name, value in (case.query or {}).items() if name != "cursor"}
        case.query = pages.get(place_of(case), without)


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code != 200 or not takes(case.operation.query, "cursor"):
        return
    following = response.headers.get("next-cursor", [None])[0]
    if response.headers["content-type"] == ["application/json"]:
        page = response.json()
        following = page.get("next")
        named = [item.get("id", item.get("name")) for item in page["items"]]
        ids[case.operation.path] = named or ids.get(case.operation.path)
    if following:
        pages[place_of(case)] = {**(case.query or {}), "cursor": following}


def is_of_what_is_there(problem, operation):
    reasons = {problem["code"], *(error.get("pointer") for error in problem.get("errors", []))}
    return any((operation, reason) in REFUSALS for reason in reasons)


def is_of_unknown_headers(case):
    """Whoever reads HTTP passes over headers that they do not know."""
    data = case.meta.phase.data
    return "unexpected properties" in (data.description or "") and data.parameter_location == ParameterLocation.HEADER


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if failure.code == "ST202" and response.headers["content-type"] == ["application/problem+json"]:
        return not is_of_what_is_there(response.json(), case.operation.definition.raw["operationId"])
    if failure.code == "ST201":
        return not is_of_unknown_headers(case)
    return True
