"""What the template tests share: a deployed world, every small edit of a policy, and a second reader to check with."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cfnlint.decode import decode_str

from stackdoctor.template import Context, Patched, Template, parse, resolve

CASES = Path(__file__).parent / "cases"
CONTEXT = Context(
    region="eu-west-1",
    account="111122223333",
    stack_name="audit",
    stack_id="arn:aws:cloudformation:eu-west-1:111122223333:stack/audit/1",
    physical_ids={
        "Bucket": "audit-bucket-1x2y3z",
        "LogsBucket9C4D8843": "auditstack-logsbucket9c4d8843-abc",
        "B": "plain-b-77",
        "Key": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "Queue": "https://sqs.eu-west-1.amazonaws.com/111122223333/audit-Queue-1",
        "Topic": "arn:aws:sns:eu-west-1:111122223333:alarms",
        "Other": "arn:aws:sns:eu-west-1:111122223333:other",
        "Trail": "audit",
    },
)
# template file, kind, owner: which policy is edited
POLICIES = {
    "block.yaml": ("bucket", "audit-bucket-1x2y3z"),
    "indentless.yaml": ("key", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    "flow.yaml": ("queue", "arn:aws:sqs:eu-west-1:111122223333:audit-Queue-1"),
    "anchors.yaml": ("topic", "arn:aws:sns:eu-west-1:111122223333:alarms"),
    "conditional.yaml": ("bucket", "audit-bucket-1x2y3z"),
    "cdk.json": ("bucket", "auditstack-logsbucket9c4d8843-abc"),
    "single.yaml": ("key", "1234abcd-12ab-34cd-56ef-1234567890ab"),
    "minified.json": ("bucket", "plain-b-77"),
    "tabs.json": ("key", "1234abcd-12ab-34cd-56ef-1234567890ab"),
}
NEW_STATEMENT = {
    "Sid": "AWSCloudTrailWrite20150319",
    "Effect": "Allow",
    "Principal": {"Service": "cloudtrail.amazonaws.com"},
    "Action": ["s3:PutObject", "s3:GetBucketAcl"],
    "Resource": "arn:aws:s3:::audit-bucket-1x2y3z/AWSLogs/111122223333/*",
    "Condition": {
        "StringEquals": {
            "aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit",
            "aws:SourceAccount": "111122223333",
            "kms:ViaService": "s3.eu-west-1.amazonaws.com",
        },
        "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": ["arn:aws:cloudtrail:*:111122223333:trail/*"]},
    },
}


def read(name: str) -> str:
    return (CASES / name).read_bytes().decode()


def many(value):
    return value if isinstance(value, list) else [value]


def all_edits(document) -> Iterator[tuple[str, dict]]:
    """Every way a fix may change a policy, one at a time; none that changes nothing."""
    return ((name, after) for name, after in _edits(document) if plain(after) != plain(document))


def _edits(document) -> Iterator[tuple[str, dict]]:

    def edit(name, change):
        after = copy.deepcopy(document)
        after["Statement"] = many(after["Statement"])
        change(after["Statement"])
        return name, after

    statements = many(document["Statement"])
    for i, statement in enumerate(statements):
        if len(statements) > 1:
            yield edit(f"{i}-drop", lambda s, i=i: s.pop(i))
        yield edit(f"{i}-flip", lambda s, i=i: s[i].update(Effect="Deny" if s[i]["Effect"] == "Allow" else "Allow"))
        yield edit(f"{i}-sid", lambda s, i=i: s[i].update(Sid="Renamed"))
        if "Sid" in statement:
            yield edit(f"{i}-nosid", lambda s, i=i: s[i].pop("Sid"))
        for principal in ("*", {"Service": "config.amazonaws.com"}, {"AWS": ["111122223333", "arn:aws:iam::111122223333:role/x"]}):
            yield edit(f"{i}-principal-{principal}", lambda s, i=i, p=principal: s[i].update(Principal=p))
        if isinstance(statement["Principal"], dict):
            yield edit(f"{i}-principal-more", lambda s, i=i: s[i]["Principal"].update(AWS="111122223333"))
        for name in ("Action", "Resource"):
            yield edit(f"{i}-{name}-add", lambda s, i=i, n=name: s[i].update({n: [*many(s[i][n]), "arn:aws:s3:::eu-west-1/111122223333"]}))
            yield edit(f"{i}-{name}-front", lambda s, i=i, n=name: s[i].update({n: ["s3:First", *many(s[i][n])]}))
            yield edit(f"{i}-{name}-new", lambda s, i=i, n=name: s[i].update({n: "s3:Other"}))
            yield edit(f"{i}-{name}-tail", lambda s, i=i, n=name: s[i].update({n: [str(v) + "/more" for v in many(s[i][n])]}))
            if len(many(statement[name])) > 1:
                yield edit(f"{i}-{name}-less", lambda s, i=i, n=name: s[i].update({n: many(s[i][n])[1:]}))
                yield edit(f"{i}-{name}-last", lambda s, i=i, n=name: s[i].update({n: many(s[i][n])[:-1]}))
        yield edit(f"{i}-addcond", lambda s, i=i: s[i].setdefault("Condition", {}).update(Null={"aws:PrincipalOrgID": "true"}))
        if "Condition" in statement:
            yield edit(f"{i}-nocond", lambda s, i=i: s[i].pop("Condition"))
        for op, clauses in statement.get("Condition", {}).items():
            yield edit(
                f"{i}-{op}-more", lambda s, i=i, o=op: s[i]["Condition"][o].update({"kms:EncryptionContext:a": ["x y", "*:#", "yes"]})
            )
            for key, value in clauses.items():
                tag = f"{i}-{op}-{key}"
                yield edit(f"{tag}-drop", lambda s, i=i, o=op, k=key: s[i]["Condition"][o].pop(k))
                yield edit(f"{tag}-new", lambda s, i=i, o=op, k=key: s[i]["Condition"][o].update({k: 'o\'ne: "two" # three'}))
                yield edit(
                    f"{tag}-two",
                    lambda s, i=i, o=op, k=key, v=value: s[i]["Condition"][o].update({k: [*many(v), "arn:aws:x:eu-west-1:111122223333:*"]}),
                )
                changed = [v.replace("111122223333", "444455556666")[:-1] + "Z${aws:username}" for v in map(str, many(value))]
                yield edit(
                    f"{tag}-part", lambda s, i=i, o=op, k=key, c=changed: s[i]["Condition"][o].update({k: c if len(c) > 1 else c[0]})
                )
    yield edit("append", lambda s: s.append(copy.deepcopy(NEW_STATEMENT)))
    yield edit("append-two", lambda s: s.extend([copy.deepcopy(NEW_STATEMENT), {**NEW_STATEMENT, "Sid": "Second"}]))
    yield edit("front", lambda s: s.insert(0, copy.deepcopy(NEW_STATEMENT)))
    yield edit("swap-last", lambda s: (s.pop(), s.append(copy.deepcopy(NEW_STATEMENT))))
    yield edit("all-new", lambda s: (s.clear(), s.append(copy.deepcopy(NEW_STATEMENT))))


def plain(value):
    """A document as a policy engine reads it: one is a list of one, an account is its root, no empty conditions."""
    if isinstance(value, dict):
        made = {name: plain(item) for name, item in value.items()}
        return {
            n: v
            for n, v in made.items()
            if not (n == "Condition" and not v) and not (n.startswith(("String", "Arn", "Bool", "Null")) and not v)
        }
    if isinstance(value, list):
        return plain(value[0]) if len(value) == 1 else [plain(item) for item in value]
    if str(value).startswith("arn:aws:iam::") and str(value).endswith(":root"):
        return str(value).split(":")[4]
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_text(value):
    """cfn-lint's nodes as plain values; dates and numbers as the text they are in a policy."""
    if isinstance(value, dict):
        made = {str(name): as_text(item) for name, item in value.items()}
        return {"Fn::GetAtt": made["Fn::GetAtt"].split(".", 1)} if isinstance(made.get("Fn::GetAtt"), str) else made
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value if isinstance(value, bool) or value is None else str(value)


def check(original: str, patched: Patched, path: tuple[str, ...], after: dict, tmp_path: Path, context: Context = CONTEXT) -> None:
    """The diff applies with git, the result is what was promised, cfn-lint reads it alike, and it deploys the corrected policy."""
    name = "template"
    (tmp_path / name).write_bytes(original.encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], input=patched.diff.encode(), cwd=tmp_path, check=True)
    applied = (tmp_path / name).read_bytes().decode()
    assert applied == patched.text
    template = parse(applied)
    assert isinstance(template, Template), template
    loaded, problems = decode_str(applied)
    assert not [p for p in problems if p.rule.id == "E0000"], problems
    loaded = as_text(loaded)
    if "<<:" not in applied:
        assert loaded == as_text(dict(template.value))
    document = loaded
    for part in path:
        document = document[part]
    assert plain(resolve(template, document, context)) == plain(after)
