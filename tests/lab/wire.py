"""AWS's wire formats, both ways, driven by botocore's own service models: an HTTP request in, (service, operation, params) out;
a python dict in, an HTTP answer out. Whatever boto3 can call can be answered from a dict.

Protocols: query, ec2, json, rest-json, rest-xml. https://smithy.io/2.0/aws/protocols/index.html
"""

from __future__ import annotations

import base64
import functools
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

SIGNED_AS = {
    "elasticloadbalancing": "elbv2",
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "access-analyzer": "accessanalyzer",
    "aoss": "opensearchserverless",
    "elasticfilesystem": "efs",
    "elasticmapreduce": "emr",
    "es": "opensearch",
}
"""Signing names that differ from boto3's service name."""

SAME_API = {"docdb": "rds", "neptune": "rds"}
"""Services that cannot be told from another one on the wire."""

INVALID_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Request:
    service: str
    operation: str
    region: str
    account: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@functools.cache
def model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


# ------------------------------------------------------------------------------------------------------------ requests
def parse(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Raises LookupError where no operation of the signed service fits."""
    scope = re.search(r"Credential=([^/]*)/[^/]*/([^/]*)/([^/]*)/", headers.get("authorization", ""))
    key, region, signed = scope.groups() if scope else ("", "us-east-1", "s3")
    service = SIGNED_AS.get(signed, signed)
    if service == "elbv2" and b"Version=2012-06-01" in body:
        service = "elb"
    spec = model(service)
    account = key if re.fullmatch(r"\d{12}", key) else ""
    if spec.protocol in ("query", "ec2"):
        form = {k: v[-1] for k, v in parse_qs(body.decode() or urlsplit(target).query, keep_blank_values=True).items()}
        operation = spec.operation_model(form["Action"])
        params = _from_form(form, operation.input_shape, "", spec.protocol) if operation.input_shape else {}
        return Request(service, operation.name, region, account, params or {})
    if spec.protocol == "json":
        return Request(service, headers["x-amz-target"].rsplit(".", 1)[-1], region, account, json.loads(body or b"{}"))
    return Request(service, *_rest(spec, method, target, headers, body, region, account))


def _from_form(form: Mapping[str, str], shape: Shape, prefix: str, protocol: str) -> Any:
    if isinstance(shape, StructureShape):
        out = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("queryName") or member.serialization.get("name", name)
            if protocol == "ec2" and "queryName" not in member.serialization:
                wire = wire[0].upper() + wire[1:]
            value = (
                _from_form(form, member, f"{prefix}{wire}", protocol)
                if not prefix
                else _from_form(form, member, f"{prefix}.{wire}", protocol)
            )
            if value is not None:
                out[name] = value
        return out or None
    if isinstance(shape, ListShape):
        flat = protocol == "ec2" or shape.serialization.get("flattened")
        stem = prefix if flat else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        items = []
        while (item := _from_form(form, shape.member, f"{stem}.{len(items) + 1}", protocol)) is not None:
            items.append(item)
        return items or None
    if isinstance(shape, MapShape):
        return None
    return _scalar(form[prefix], shape) if prefix in form else None


def _scalar(text: str, shape: Shape) -> Any:
    match shape.type_name:
        case "boolean":
            return text == "true"
        case "integer" | "long":
            return int(text)
        case _:
            return text


def _rest(
    spec: ServiceModel, method: str, target: str, headers: Mapping[str, str], body: bytes, region: str, account: str
) -> tuple[str, str, str, dict[str, Any]]:
    url = urlsplit(target)
    query = {k: v[-1] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
    best: tuple[int, OperationModel, dict[str, str]] | None = None
    for name in spec.operation_names:
        operation = spec.operation_model(name)
        pattern, asked = _uri(operation.http["requestUri"])
        found = pattern.fullmatch(url.path.rstrip("/") or "/")
        if operation.http["method"] == method and found and asked.items() <= query.items() and (best is None or len(asked) > best[0]):
            best = (len(asked), operation, {k: unquote(v) for k, v in found.groupdict().items()})
    if best is None:
        raise LookupError(f"{spec.service_name}: {method} {target}")
    operation = best[1]
    params: dict[str, Any] = {}
    for name, member in (operation.input_shape.members if operation.input_shape else {}).items():
        where, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "querystring" and wire in query:
            params[name] = _scalar(query[wire], member)
        elif where == "uri" and wire in best[2]:
            params[name] = best[2][wire]
        elif where == "header" and wire.lower() in headers:
            params[name] = headers[wire.lower()]
    if spec.protocol == "rest-json" and body:
        params |= json.loads(body)
    return operation.name, region, account, params


@functools.cache
def _uri(template: str) -> tuple[re.Pattern[str], dict[str, str]]:
    path, _, query = template.partition("?")
    path = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", path)
    path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path).rstrip("/") or "/"
    return re.compile(path), {k: v[-1] for k, v in parse_qs(query, keep_blank_values=True).items()}


# ------------------------------------------------------------------------------------------------------------- answers
def render(service: str, operation: str, answer: Mapping[str, Any]) -> Answer:
    """`answer` is what boto3 would return, without ResponseMetadata. A key the output shape lacks is an error: it would be lost."""
    spec = model(service)
    op = spec.operation_model(operation)
    shape, protocol = op.output_shape, spec.protocol
    unknown = set(answer) - set(shape.members if shape else ())
    if unknown:
        raise KeyError(f"{service}:{operation} has no {sorted(unknown)}")
    if protocol in ("json", "rest-json") and not (shape and shape.serialization.get("payload")):
        members = {k: v for k, v in answer.items() if "location" not in shape.members[k].serialization} if shape else {}
        return Answer(
            200,
            json.dumps(_json(members, shape) if shape else {}).encode(),
            _headers(answer, shape) | {"content-type": "application/x-amz-json-1.1"},
        )
    if protocol == "query":
        wrapper = shape.serialization.get("resultWrapper", f"{operation}Result") if shape else f"{operation}Result"
        inner = f"<{wrapper}>{_members(answer, shape)}</{wrapper}>"
        return _xml(
            f'<{operation}Response xmlns="{spec.metadata["xmlNamespace"]}">{inner}<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>'
        )
    if protocol == "ec2":
        return _xml(f"<{operation}Response><requestId>{uuid.uuid4()}</requestId>{_members(answer, shape)}</{operation}Response>")
    return _rest_answer(operation, answer, shape, protocol)


def _rest_answer(operation: str, answer: Mapping[str, Any], shape: StructureShape | None, protocol: str) -> Answer:
    headers = _headers(answer, shape)
    if shape is None or "Body" in answer or operation.startswith("Head"):
        return Answer(200, answer.get("Body", b""), headers)
    if operation == "GetBucketLocation":
        return _xml(
            f'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{answer.get("LocationConstraint") or ""}</LocationConstraint>'
        )
    payload = shape.serialization.get("payload")
    if payload is None:
        return _xml(f"<{shape.name}>{_members(answer, shape)}</{shape.name}>", headers)
    inner = shape.members[payload]
    if not isinstance(inner, StructureShape):
        text = answer.get(payload, "")
        return Answer(200, text if isinstance(text, bytes) else text.encode(), headers | {"content-type": "application/json"})
    if protocol == "rest-json":
        return Answer(200, json.dumps(_json(answer.get(payload, {}), inner)).encode(), headers)
    tag = inner.serialization.get("name", inner.name)
    return _xml(f"<{tag}>{_members(answer.get(payload, {}), inner)}</{tag}>", headers)


def _xml(text: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(200, ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode(), {"content-type": "text/xml", **(headers or {})})


def _headers(answer: Mapping[str, Any], shape: StructureShape | None) -> dict[str, str]:
    if shape is None:
        return {}
    named = (
        (m.serialization.get("name", k), answer[k], m)
        for k, m in shape.members.items()
        if k in answer and m.serialization.get("location") == "header"
    )
    return {name: quote(_text(value, m), safe=" :/,;=+-_.") for name, value, m in named}


def _members(value: Mapping[str, Any], shape: StructureShape | None) -> str:
    return "".join(
        part
        for name, member in (shape.members.items() if shape else ())
        if value.get(name) is not None
        for part in _element(name, value[name], member)
    )


def _element(name: str, value: Any, shape: Shape) -> Iterator[str]:
    if "location" in shape.serialization:
        return
    tag = shape.serialization.get("name", name)
    if isinstance(shape, StructureShape):
        yield f"<{tag}>{_members(value, shape)}</{tag}>"
    elif isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "member")
        flat = bool(shape.serialization.get("flattened"))
        each = "".join(
            part for v in value for part in _element(shape.member.serialization.get("name", tag) if flat else item, v, shape.member)
        )
        yield each if flat else f"<{tag}>{each}</{tag}>"
    elif isinstance(shape, MapShape):
        entries = "".join(
            f"<entry>{''.join(_element('key', k, shape.key))}{''.join(_element('value', v, shape.value))}</entry>" for k, v in value.items()
        )
        yield f"<{tag}>{entries}</{tag}>"
    else:
        yield f"<{tag}>{escape(INVALID_XML.sub('?', _text(value, shape)), {chr(13): '&#13;'})}</{tag}>"


def _text(value: Any, shape: Shape) -> str:
    if shape.type_name == "timestamp":
        return moment(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, bool):
        return "true" if value else "false"
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _json(value: Any, shape: Shape) -> Any:
    match shape:
        case StructureShape():
            return {shape.members[k].serialization.get("name", k): _json(v, shape.members[k]) for k, v in value.items() if v is not None}
        case ListShape():
            return [_json(v, shape.member) for v in value]
        case MapShape():
            return {k: _json(v, shape.value) for k, v in value.items()}
    if shape.type_name == "timestamp":
        return moment(value).timestamp()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def moment(value: datetime | str | float) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def error(service: str, code: str, message: str, status: int = 400) -> Answer:
    protocol, request = model(service).protocol, uuid.uuid4()
    text = escape(INVALID_XML.sub("?", message))
    if protocol in ("json", "rest-json"):
        return Answer(
            status,
            json.dumps({"__type": code, "message": message}).encode(),
            {"x-amzn-errortype": code, "content-type": "application/x-amz-json-1.1"},
        )
    if protocol == "ec2":
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors><RequestID>{request}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{text}</Message><RequestId>{request}</RequestId></Error>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
    return Answer(status, body.encode(), {"content-type": "text/xml"})
