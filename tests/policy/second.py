"""A second opinion on a policy, written from AWS's documentation alone: slow, plain, and exact by trying every world.

In goes a policy as parsed JSON and a request; out comes `allowed`, `implicitly-denied`, `explicitly-denied` or `undecided`.
It shares no line with stackdoctor.policy and imports nothing of it, so that the two can be held against each other.
A key that is not known is tried absent, with every value the policy or the request mentions, with values just beside each of
these, and with one that nobody mentions; True, False and None (AWS does not say) are combined by Kleene within one world.
Pages: IAM User Guide reference_policies_elements_condition_operators, …_condition-single-vs-multi-valued-context-keys, …_variables,
…_elements_principal, …_elements_notprincipal, …_elements_resource; KMS Developer Guide key-policy-overview and conditions-kms.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from operator import eq, ge, gt, le, lt
from typing import Any

Truth = bool | None
World = dict[str, tuple[str, ...] | None]
ENCRYPTING = re.compile(r"kms:(encrypt|decrypt|generatedatakey.*|reencrypt.*|creategrant|retiregrant)$", re.IGNORECASE)
VARIABLE = re.compile(r"\$\{([^{}]*)\}")
STRANGER = "nobody-mentions-this"


@dataclass(frozen=True)
class Ask:
    """One request; `context` holds what is known (None: known absent), `few` the possibilities of a key, `unknown`/`present` the rest."""

    principal: str
    action: str
    resource: str
    account: str = "111122223333"
    context: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    few: dict[str, tuple[tuple[str, ...] | None, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    open: bool = False


# ------------------------------------------------------------------------------------------------------------- the decision
def judge(policy: dict[str, Any], ask: Ask) -> str:
    """The one answer of all worlds, else `undecided`; denied here implicitly and there explicitly, no Deny is certain."""
    fitting = [s for s in listed(policy.get("Statement", [])) if principal(s, ask) is not False and action(s, ask)]
    policy = {**policy, "Statement": fitting}
    seen = {decide(policy, ask, world) for world in worlds(policy, ask)}
    if len(seen) == 1:
        return seen.pop()
    return "implicitly-denied" if seen == {"implicitly-denied", "explicitly-denied"} else "undecided"


def decide(policy: dict[str, Any], ask: Ask, world: World) -> str:
    """One world: an explicit Deny wins, then any Allow, else an implicit deny."""
    statements = listed(policy.get("Statement", []))
    deny = any_of(applies(s, policy, ask, world) for s in statements if s["Effect"] == "Deny")
    allow = any_of(applies(s, policy, ask, world) for s in statements if s["Effect"] == "Allow")
    if deny is True:
        return "explicitly-denied"
    if allow is False:
        return "implicitly-denied"
    return "allowed" if allow is True and deny is False else "undecided"


def applies(statement: dict[str, Any], policy: dict[str, Any], ask: Ask, world: World) -> Truth:
    live = policy.get("Version") == "2012-10-17"
    clauses = [(o, k, v) for o, keys in statement.get("Condition", {}).items() for k, v in keys.items()]
    parts = [principal(statement, ask), action(statement, ask), resource(statement, ask, world, live)]
    return all_of([*parts, *(clause(o, k, [text(x) for x in listed(v)], world, live) for o, k, v in clauses)])


# ------------------------------------------------------------------------------------------------- principal, action, resource
def principal(statement: dict[str, Any], ask: Ask) -> Truth:
    if "NotPrincipal" in statement:
        return negate(spared(statement["NotPrincipal"], ask.principal))
    return "Principal" in statement and any_of(covers(kind, name, ask.principal) for kind, name in names(statement["Principal"]))


def names(element: Any) -> Iterator[tuple[str, str]]:
    if isinstance(element, str):
        yield "AWS" if element == "*" else "nobody", element
        return
    for kind, values in element.items():
        yield from ((kind, text(value)) for value in listed(values))


def covers(kind: str, name: str, caller: str) -> Truth:
    """Whether a principal of a statement covers the caller."""
    if kind == "AWS" and name == "*":
        return True
    if kind == "AWS":
        if account_of(name):
            return account_of_caller(caller) == account_of(name)
        return name == caller or role_of_session(caller) == role(name) is not None
    return name == caller and kind in ("Service", "Federated", "CanonicalUser")


def spared(element: Any, caller: str) -> Truth:
    """NotPrincipal also asks for the account's ARN, and for a session's role; without them AWS may still deny."""
    named = list(names(element))
    if any(kind == "AWS" and name == "*" for kind, name in named):
        return True
    if account_of_caller(caller) is None:
        return any(covers(kind, name, caller) for kind, name in named)
    account = any(kind == "AWS" and account_of(name) == account_of_caller(caller) for kind, name in named)
    own = any(kind == "AWS" and name == caller for kind, name in named)
    if account_of(caller) is not None:
        return account
    if role_of_session(caller) is None:
        return (True if account else None) if own else False
    its_role = any(kind == "AWS" and role(name) == role_of_session(caller) for kind, name in named)
    return (True if account and its_role else None) if own else False


def part(pattern: str, name: str) -> tuple[str | Any, ...] | None:
    found = re.fullmatch(pattern, name)
    return found.groups() if found else None


account_of = partial(part, r"(?:arn:[^:]+:iam::)?(\d{12})(?::root)?")
account_of_caller = partial(part, r"(?:arn:[^:]+:(?:iam|sts)::)?(\d{12})(?::(?:root|(?:role|user|assumed-role|federated-user)/.*))?")
role = partial(part, r"arn:[^:]+:iam::(\d{12}):role/(?:.*/)?([^/]+)")
role_of_session = partial(part, r"arn:[^:]+:sts::(\d{12}):assumed-role/([^/]+)/[^/]+")


def action(statement: dict[str, Any], ask: Ask) -> Truth:
    name = "NotAction" if "NotAction" in statement else "Action"
    if name not in statement:
        return False
    found = any(like(ask.action.lower(), chars(pattern.lower(), wild=True)) for pattern in listed(statement[name]))
    return found if name == "Action" else not found


def resource(statement: dict[str, Any], ask: Ask, world: World, live: bool) -> Truth:
    name = "NotResource" if "NotResource" in statement else "Resource"
    if name not in statement:
        return not ask.action.startswith(("kms:", "s3:"))
    found = any_of(covered(pattern, ask.resource, world, live) for pattern in listed(statement[name]))
    return found if name == "Resource" else negate(found)


def covered(pattern: str, arn: str, world: World, live: bool) -> Truth:
    """Only the part after the fifth colon takes variables. A `*` at the end of a segment may run over colons; elsewhere AWS is silent."""
    made = resolve(pattern, world, live)
    if made is None or not like(arn, made):
        return False
    tame = ("[^:]*" if c == "*" and made[i + 1 : i + 2] != ["\\:"] and "\\:" in made[i:] else regex([c]) for i, c in enumerate(made))
    return True if re.fullmatch("".join(tame), arn, re.DOTALL) else None


# ------------------------------------------------------------------------------------------------------------------ conditions
def clause(operator: str, key: str, values: list[str], world: World, live: bool) -> Truth:
    """One operator, one key, its values."""
    found = re.fullmatch(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?", operator)
    assert found is not None
    mode, base, if_exists = found[1], found[2], found[3] is not None
    actual = world.get(key.lower())
    if base == "Null":
        return any((value.lower() == "true") == (actual is None) for value in values)
    negated, test = OPERATORS[base]
    if actual is None:
        return if_exists or (negated if mode is None else mode == "ForAllValues")
    if mode is not None and not (actual := tuple(value for value in actual if value)):  # the empty text is no value
        return mode == "ForAllValues"
    each = [one(test, negated, value, values, world, live and base.startswith(("String", "Arn", "Bool"))) for value in actual]
    if mode == "ForAllValues":
        return all_of(each)
    if mode == "ForAnyValue":
        return any_of(each)
    return each[0] if len(set(each)) == 1 else None  # no set operator, several values: AWS does not say


def one(test: Any, negated: bool, actual: str, values: list[str], world: World, live: bool) -> Truth:
    """One value of the request against all values of the policy: any of them, or, negated, none of them."""
    found = []
    for value in values:
        made = resolve(value, world, live) if live else chars(value, wild=True)
        found.append(False if made is None else test(actual, made))
    return negate(any_of(found)) if negated else any_of(False if hit is None and test in UNREADABLE else hit for hit in found)


def resolve(value: str, world: World, live: bool) -> list[str] | None:
    """The value as characters, wildcards marked; None where a variable has no value."""
    out: list[str] = []
    at = 0
    for found in VARIABLE.finditer(value) if live else ():
        out += chars(value[at : found.start()], wild=True)
        at = found.end()
        if found[1] in ("*", "?", "$"):
            out += chars(found[1], wild=False)
            continue
        name, _, default = found[1].partition(",")
        known = world.get(name.strip().lower())
        known = known if known and len(known) == 1 else None  # a multivalued key is no variable
        if known is None and not default:
            return None
        out += chars(known[0] if known else default.strip()[1:-1], wild=False)
    return out + chars(value[at:], wild=True)


def chars(value: str, *, wild: bool) -> list[str]:
    return [c if wild and c in "*?" else "\\" + c for c in value]


def plain(made: list[str]) -> str:
    return "".join(c[-1] for c in made)


def regex(made: Iterable[str], anything: str = ".") -> str:
    return "".join(anything + "*" if c == "*" else anything if c == "?" else re.escape(c[1:]) for c in made)


def like(actual: str, made: list[str]) -> Truth:
    return re.fullmatch(regex(made), actual, re.DOTALL) is not None


def arn_like(actual: str, made: list[str]) -> Truth:
    """Six components, each on its own; AWS does not say what fewer with a `*` at the end may match."""
    if made == ["*"]:
        return actual.startswith("arn:") and actual.count(":") >= 5
    colons = [i for i, c in enumerate(made) if c == "\\:"]
    if len(colons) < 5:
        return None if made[-1:] == ["*"] and like(actual, made) else False
    return re.fullmatch(regex(made[: colons[4]], "[^:]") + regex(made[colons[4] :]), actual, re.DOTALL) is not None


def number(value: str) -> Decimal | None:
    return Decimal(value) if re.fullmatch(r"[+-]?\d+(\.\d+)?", value) else None


def moment(value: str) -> Decimal | None:
    """ISO 8601 as the W3C note has it, or seconds since 1970."""
    if number(value) is not None and not re.fullmatch(r"\d{4}", value):
        return number(value)
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?", value):
        return None
    filled = value + "-01-01T00:00Z"[len(value) - 4 :] if len(value) <= 7 else value + "T00:00Z" if len(value) == 10 else value
    at = attempt(dt.datetime.fromisoformat, filled)
    return None if at is None else Decimal(str(at.timestamp()))


def compare(read: Any, test: Any) -> Any:
    def tested(actual: str, made: list[str]) -> Truth:
        a, b = read(actual), read(plain(made))
        return None if a is None or b is None else test(a, b)

    UNREADABLE.add(tested)
    return tested


def attempt(read: Any, value: str) -> Any:
    try:
        return read(value)
    except ValueError:
        return None


network = partial(attempt, partial(ipaddress.ip_network, strict=False))
raw = partial(attempt, partial(base64.b64decode, validate=True))


UNREADABLE: set[Any] = set()
READ = {"Numeric": number, "Date": moment}
TEXT = {"Equals": lambda a, m: a == plain(m), "EqualsIgnoreCase": lambda a, m: a.lower() == plain(m).lower(), "Like": like}
ORDER = {"Equals": eq, "LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge}
ADDRESS = compare(network, lambda a, b: a.version == b.version and a.subnet_of(b))
OPERATORS: dict[str, tuple[bool, Any]] = {
    **{f"String{no}{name}": (bool(no), test) for name, test in TEXT.items() for no in ("", "Not")},
    **{f"Arn{no}{name}": (bool(no), arn_like) for name in ("Equals", "Like") for no in ("", "Not")},
    **{f"{kind}{name}": (False, compare(read, test)) for kind, read in READ.items() for name, test in ORDER.items()},
    **{f"{kind}NotEquals": (True, compare(read, eq)) for kind, read in READ.items()},
    "Bool": (False, TEXT["EqualsIgnoreCase"]),
    "BinaryEquals": (False, lambda a, m: a == plain(m) or a.encode() == raw(plain(m))),
    "IpAddress": (False, ADDRESS),
    "NotIpAddress": (True, ADDRESS),
}


# -------------------------------------------------------------------------------------------------------------------- worlds
def worlds(policy: dict[str, Any], ask: Ask) -> Iterator[World]:
    """Every combination of what the keys that are not known might be."""
    known: World = {key.lower(): value for key, value in ask.context.items()}
    few = {key.lower(): options for key, options in ask.few.items()}
    conditions = [s.get("Condition", {}) for s in listed(policy.get("Statement", []))]
    used: dict[str, set[str]] = {}
    for key, value in ((k.lower(), text(v)) for c in conditions for keys in c.values() for k, vs in keys.items() for v in listed(vs)):
        used.setdefault(key, set()).add(value)
    sets = {key.lower() for c in conditions for o, keys in c.items() for key in keys if o.startswith("For")}
    variables = {v[1].partition(",")[0].strip().lower() for s in listed(policy.get("Statement", [])) for v in VARIABLE.finditer(str(s))}
    free = {k.lower() for k in ask.unknown + ask.present} | ((set(used) | variables) if ask.open else set())
    free = {k for k in free if k not in known and k not in few and (k in used or k in variables)}
    for key in sorted(free):
        pool = sorted(
            witnesses(
                set().union(*used.values()) if variables else used.get(key, set()), known, few, ask.resource if free & variables else ""
            )
        )
        several = [c for n in (2, 3) for c in itertools.combinations([v for v in pool if v][:9], n) if key in sets]
        own = [*((v,) for v in pool), *several]
        some = key in {p.lower() for p in ask.present}
        few[key] = tuple(o for o in own if any(o) or key not in sets) if some else (None, *own)  # "" is no value to a set operator
    blind = ask.action.lower().startswith("kms:") and not ENCRYPTING.match(ask.action)
    for choice in itertools.product(*few.values()):
        world = known | dict(zip(few, choice, strict=True))
        yield {k: v for k, v in world.items() if not (blind and k.startswith("kms:encryptioncontext"))}


def witnesses(mentioned: set[str], known: World, few: dict[str, Any], arn: str) -> set[str]:
    """Every value in sight, values beside it, and a stranger."""
    everything = mentioned | {v for vs in known.values() for v in vs or ()} | {v for os in few.values() for vs in os for v in vs or ()}
    out = {STRANGER, "", "true", "false", "v"}
    for value in everything:
        made = VARIABLE.sub(lambda found: found[1] if found[1] in ("*", "?", "$") else "v", value)
        out.add("".join(c[-1] for c in resolve(value, known, True) or ()))
        out |= {made.replace("*", "x").replace("?", "x"), made.replace("*", "").replace("?", "y"), made, made.swapcase(), value}
        if (n := number(value)) is not None:
            out |= {str(n + 1), str(n - 1), str(n + Decimal("0.5"))}
        if 0 < (when := moment(value) or Decimal(0)) < 10**10:
            out |= {dt.datetime.fromtimestamp(float(when) + d, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for d in (-1, 0, 1)}
        if (net := network(value)) is not None and number(value) is None:
            out |= {str(net.network_address), "198.18.0.9", "fe80::9"}
    pieces = re.split(r"([/:])", arn)
    return out | {"".join(pieces[i:j]) for i, j in itertools.combinations(range(len(pieces) + 1), 2) if arn}


# -------------------------------------------------------------------------------------------------------------------- trifles
def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def negate(truth: Truth) -> Truth:
    return None if truth is None else not truth


def any_of(truths: Iterable[Truth]) -> Truth:
    seen = list(truths)
    return True if True in seen else None if None in seen else False


def all_of(truths: Iterable[Truth]) -> Truth:
    return negate(any_of(negate(t) for t in truths))
