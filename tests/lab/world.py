"""A small AWS account as plain python: what stands in it, and what every read operation answers about it.

    world = World()
    key = world.key("1111", policy={...})
    world.bucket("logs", policy={...}, encryption={...}, region="eu-west-1")
    stack = world.stack("audit", "ROLLBACK_FAILED", events=[...], template="...")
    world.answer("rds:DescribeDBInstances", {"DBInstances": [...]}, DBInstanceIdentifier="db-1")
    world.deny("kms:GetKeyPolicy")

Events are given oldest first and served newest first. Whatever is not set answers as AWS answers for "there is none".
Served over HTTP by fake_aws.FakeAWS.
"""

# ruff: noqa: N802 - the methods that answer are named after the operations

from __future__ import annotations

import fnmatch
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab import wire

Json = dict[str, Any]
PAGES = {"DescribeStackEvents": 100, "ListStacks": 100, "ListStackResources": 100, "DescribeStacks": 50, "LookupEvents": 50}
BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)


class ApiError(Exception):
    """What AWS answers instead of a result."""

    def __init__(self, code: str, message: str = "", status: int = 400, **headers: str) -> None:
        super().__init__(message or code)
        self.code, self.status, self.headers = code, status, headers


@dataclass
class Fault:
    """`times` answers of the operations that match `pattern` go wrong: an error, or a broken connection (`how`)."""

    pattern: str
    error: ApiError | None = None
    how: str = ""
    times: float = float("inf")


def on_the_wire(name: str) -> str:
    """DocumentDB and Neptune are called through the RDS API."""
    service, _, operation = name.partition(":")
    return f"{wire.SAME_API.get(service, service)}:{operation}" if operation else name


def plain(document: str | Mapping[str, Any]) -> str:
    return document if isinstance(document, str) else json.dumps(document)


class World:
    def __init__(self, account: str = "111122223333", region: str = "us-east-1", partition: str = "aws") -> None:
        self.account, self.region, self.partition = account, region, partition
        self.organization: str | None = "o-abcdefgh12"
        """The organization that the account manages; None where it is in none."""
        self.latency = 0.0
        self.calls: list[wire.Request] = []
        self.unanswered: list[str] = []
        self.stacks: dict[str, Json] = {}
        self.buckets: dict[str, Json] = {}
        self.keys: dict[str, Json] = {}
        self.aliases: dict[str, str] = {}
        self.trails: dict[str, Json] = {}
        self.records: list[Json] = []
        self.faults: list[Fault] = []
        self.allowed: list[str] | None = None
        self._answers: dict[str, list[tuple[Json, Any]]] = {}

    # ------------------------------------------------------------------------------------------------ what there is
    def stack(
        self, name: str, status: str, events: Iterable[Json] = (), *, arn: str | None = None, region: str | None = None, **more: Any
    ) -> str:
        """A stack's ARN. `more` are members of DescribeStacks' Stack, and `template`, `resources`, `validations`."""
        arn = arn or f"arn:{self.partition}:cloudformation:{region or self.region}:{self.account}:stack/{name}/{uuid.uuid4()}"
        kept = [{"StackId": arn, "StackName": name, "EventId": str(uuid.uuid4())} | e for e in events]
        made = {"StackName": name, "StackId": arn, "StackStatus": status, "CreationTime": kept[0]["Timestamp"] if kept else BEGAN}
        inner = {k: more.pop(k, default) for k, default in (("template", "{}"), ("resources", ()), ("validations", ()))}
        if status == "DELETE_COMPLETE":
            made["DeletionTime"] = kept[-1]["Timestamp"] if kept else BEGAN
        self.stacks[arn] = {"events": kept, "public": made | {"Tags": [], "DisableRollback": False} | more, **inner}
        return arn

    def bucket(self, name: str, *, policy: Any = None, region: str | None = None, account: str | None = None, **more: Any) -> str:
        """A bucket's ARN. `more`: encryption (the rule's ServerSideEncryptionByDefault), bucket_key, ownership, public_access_block, payer, versioning, objects, versions."""
        self.buckets[name] = {"policy": policy, "region": region or self.region, "account": account or self.account, **more}
        return f"arn:{self.partition}:s3:::{name}"

    def key(
        self,
        key_id: str | None = None,
        *,
        policy: Any = None,
        region: str | None = None,
        account: str | None = None,
        alias: str | None = None,
        **more: Any,
    ) -> str:
        """A key's ARN. `more`: state, grants, spec, usage, manager, multi_region, deletion_date."""
        key_id, region, account = key_id or str(uuid.uuid4()), region or self.region, account or self.account
        arn = f"arn:{self.partition}:kms:{region}:{account}:key/{key_id}"
        self.keys[arn] = {
            "id": key_id,
            "policy": policy or {"Version": "2012-10-17", "Statement": []},
            "region": region,
            "account": account,
            **more,
        }
        if alias:
            self.aliases[f"arn:{self.partition}:kms:{region}:{account}:{alias}"] = arn
        return arn

    def trail(self, name: str, bucket: str, *, region: str | None = None, **more: Any) -> str:
        """A trail's ARN. `more` are members of GetTrail's Trail, and `status` (GetTrailStatus)."""
        arn = f"arn:{self.partition}:cloudtrail:{region or self.region}:{self.account}:trail/{name}"
        status = more.pop("status", {"IsLogging": True})
        self.trails[arn] = {
            "public": {"Name": name, "TrailARN": arn, "S3BucketName": bucket, "HomeRegion": region or self.region, **more},
            "status": status,
        }
        return arn

    def history(self, records: Iterable[Json]) -> None:
        """CloudTrail records (the inner JSON of LookupEvents), any order; each needs eventTime, eventName and eventSource."""
        self.records += [{"eventID": str(uuid.uuid4()), "awsRegion": self.region, "readOnly": True} | r for r in records]

    def answer(self, name: str, value: Json | ApiError | Callable[[Json], Json], /, **when: Any) -> None:
        """What any other read operation answers, if its parameters contain `when`. Later answers win over earlier ones."""
        self._answers.setdefault(on_the_wire(name), []).insert(0, (when, value))

    def answers(self, name: str) -> list[tuple[Json, Any]]:
        """(when, value) of what `answer` was told about an operation."""
        return self._answers.get(on_the_wire(name), [])

    # ------------------------------------------------------------------------------------------------ what goes wrong
    def deny(self, *patterns: str) -> None:
        """The caller may not: `kms:GetKeyPolicy`, `s3:*`."""
        self.faults += [Fault(on_the_wire(p), ApiError("AccessDenied")) for p in patterns]

    def allow_only(self, *patterns: str) -> None:
        """The caller may do this and nothing else."""
        self.allowed = [on_the_wire(p) for p in patterns]

    def fail(self, pattern: str, code: str, message: str = "", status: int = 400, times: float = float("inf")) -> None:
        self.faults.append(Fault(on_the_wire(pattern), ApiError(code, message, status), times=times))

    def break_off(self, pattern: str, how: str, times: float = float("inf")) -> None:
        """`how`: reset, garbage, truncated, empty, stall."""
        self.faults.append(Fault(on_the_wire(pattern), how=how, times=times))

    def called(self, pattern: str = "*") -> list[str]:
        """`service:Operation` of the calls that came in, in order."""
        return [n for n in (f"{c.service}:{c.operation}" for c in self.calls) if fnmatch.fnmatchcase(n, pattern)]

    def fault(self, name: str) -> Fault | None:
        if self.allowed is not None and not any(fnmatch.fnmatchcase(name, p) for p in self.allowed):
            return Fault(name, ApiError("AccessDenied"))
        found = next((f for f in self.faults if f.times > 0 and fnmatch.fnmatchcase(name, f.pattern)), None)
        if found:
            found.times -= 1
        return found

    # ------------------------------------------------------------------------------------------------------- answers
    def reply(self, request: wire.Request) -> Json:
        """Raises ApiError."""
        name, params = f"{request.service}:{request.operation}", request.params
        for when, value in self.answers(name):
            if when.items() <= params.items():
                if isinstance(value, ApiError):
                    raise value
                found: Json = value(params) if callable(value) else value
                return found
        method: Callable[[wire.Request], Json] | None = getattr(self, f"{request.service}_{request.operation}", None)
        if method is None and request.service == "s3" and "Bucket" in params:
            return self._bucket_part(request)
        if method is None:
            self.unanswered.append(name)
            raise ApiError("NoAnswerInThisWorld", f"{name} {params}")
        return method(request)

    def _page(self, request: wire.Request, key: str, items: Sequence[Any]) -> Json:
        start, size = int(request.params.get("NextToken") or 0), PAGES[request.operation]
        return {key: items[start : start + size]} | ({"NextToken": str(start + size)} if start + size < len(items) else {})

    # CloudFormation: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
    def _here(self, request: wire.Request) -> list[Json]:
        return [s for arn, s in self.stacks.items() if arn.split(":")[3] == request.region]

    def _stack(self, request: wire.Request, text: str = "Stack [{}] does not exist") -> Json:
        wanted = request.params["StackName"]
        for found in self._here(request):
            public = found["public"]
            if wanted == public["StackId"] or (wanted == public["StackName"] and public["StackStatus"] != "DELETE_COMPLETE"):
                return found
        raise ApiError("ValidationError", text.format(wanted))

    def cloudformation_DescribeStacks(self, request: wire.Request) -> Json:
        if request.params.get("StackName"):
            return {"Stacks": [self._stack(request, "Stack with id {} does not exist")["public"]]}
        return self._page(request, "Stacks", [s["public"] for s in self._here(request) if s["public"]["StackStatus"] != "DELETE_COMPLETE"])

    def cloudformation_ListStacks(self, request: wire.Request) -> Json:
        wanted, members = request.params.get("StackStatusFilter"), wire.model("cloudformation").shape_for("StackSummary").members
        found = [{k: v for k, v in s["public"].items() if k in members} for s in self._here(request)]
        found.sort(key=lambda s: wire.moment(s["CreationTime"]), reverse=True)
        return self._page(request, "StackSummaries", [s for s in found if not wanted or s["StackStatus"] in wanted])

    def cloudformation_DescribeStackEvents(self, request: wire.Request) -> Json:
        return self._page(request, "StackEvents", self._stack(request)["events"][::-1])

    def cloudformation_DescribeEvents(self, request: wire.Request) -> Json:
        """By operation; by stack only the newest operation, which on a rolled-back stack is the rollback."""
        wanted, named = request.params.get("OperationId"), request.params.get("StackName")
        if not wanted and not named:
            raise ApiError("ValidationError", "Either StackName, ChangeSetName or OperationId must be specified")
        found = [self._stack(request)] if named else self._here(request)
        rows = [
            {"EventType": "PROVISIONING_ERROR" if e["ResourceStatus"].endswith("_FAILED") else "PROGRESS_EVENT"} | e
            for s in found
            for e in s["events"][::-1]
        ]
        rows += [v for s in found for v in s["validations"]]
        wanted = wanted or next((r["OperationId"] for r in rows if r.get("OperationId")), None)
        rows = [r for r in rows if r.get("OperationId") == wanted]
        if not rows and not named:
            raise ApiError("ValidationError", f"Operation [{wanted}] does not exist")
        if (request.params.get("Filters") or {}).get("FailedEvents"):
            rows = [r for r in rows if r["EventType"] in ("PROVISIONING_ERROR", "VALIDATION_ERROR", "HOOK_INVOCATION_ERROR")]
        start = int(request.params.get("NextToken") or 0)
        return {"OperationEvents": rows[start : start + 100]} | ({"NextToken": str(start + 100)} if start + 100 < len(rows) else {})

    def cloudformation_ListStackResources(self, request: wire.Request) -> Json:
        return self._page(
            request, "StackResourceSummaries", [{"LastUpdatedTimestamp": BEGAN} | r for r in self._stack(request)["resources"]]
        )

    def cloudformation_DescribeStackResources(self, request: wire.Request) -> Json:
        return {"StackResources": [{"Timestamp": BEGAN} | r for r in self._stack(request)["resources"]]}

    def cloudformation_GetTemplate(self, request: wire.Request) -> Json:
        return {"TemplateBody": plain(self._stack(request)["template"]), "StagesAvailable": ["Original", "Processed"]}

    # S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    def _bucket_part(self, request: wire.Request) -> Json:
        name = request.params["Bucket"]
        bucket = self.buckets.get(name)
        if bucket is None:
            raise ApiError("NoSuchBucket", "The specified bucket does not exist", 404)
        if request.operation != "GetBucketLocation" and bucket["region"] != request.region:
            raise ApiError("PermanentRedirect", "The bucket is in another Region", 301, **{"x-amz-bucket-region": bucket["region"]})
        if bucket["account"] != self.account:
            raise ApiError("AccessDenied", "Access Denied", 403)
        return self._bucket_answer(request, bucket)

    def _bucket_answer(self, request: wire.Request, bucket: Json) -> Json:
        match request.operation:
            case "GetBucketLocation":
                return {"LocationConstraint": None if bucket["region"] == "us-east-1" else bucket["region"]}
            case "GetBucketPolicy":
                return {"Policy": plain(self._part(bucket, "policy", "NoSuchBucketPolicy", "The bucket policy does not exist"))}
            case "GetBucketEncryption":
                default = bucket.get("encryption", {"SSEAlgorithm": "AES256"})
                rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket.get("bucket_key", False)}
                return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}
            case "GetBucketOwnershipControls":
                return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.get("ownership", "BucketOwnerEnforced")}]}}
            case "GetPublicAccessBlock":
                every = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
                return {"PublicAccessBlockConfiguration": bucket.get("public_access_block", every)}
            case "GetBucketRequestPayment":
                return {"Payer": bucket.get("payer", "BucketOwner")}
            case "GetBucketVersioning":
                return {"Status": bucket["versioning"]} if "versioning" in bucket else {}
            case "ListObjectsV2":
                found = bucket.get("objects", ())
                return {
                    "Name": request.params["Bucket"],
                    "KeyCount": len(found),
                    "IsTruncated": False,
                    "Contents": [{"Key": k, "Size": 1} for k in found],
                }
            case "ListObjectVersions":
                return {"Name": request.params["Bucket"], "IsTruncated": False, "Versions": list(bucket.get("versions", ()))}
            case "GetObjectLockConfiguration":
                return {
                    "ObjectLockConfiguration": self._part(
                        bucket,
                        "object_lock",
                        "ObjectLockConfigurationNotFoundError",
                        "Object Lock configuration does not exist for this bucket",
                    )
                }
            case "HeadBucket" | "GetBucketNotificationConfiguration" | "GetBucketLogging":
                return {}
        raise ApiError("NoAnswerInThisWorld", f"s3:{request.operation}")

    @staticmethod
    def _part(bucket: Json, name: str, code: str, message: str) -> Any:
        if bucket.get(name) is None:
            raise ApiError(code, message, 404)
        return bucket[name]

    # KMS: https://docs.aws.amazon.com/kms/latest/APIReference/
    def _key(self, request: wire.Request) -> tuple[str, Json]:
        named = request.params["KeyId"]
        if named.startswith(("arn:", "alias/")) or "/" not in named:
            local = f"arn:{self.partition}:kms:{request.region}:{self.account}:"
            arn = named if named.startswith("arn:") else f"{local}{named}" if named.startswith("alias/") else f"{local}key/{named}"
            arn = self.aliases.get(arn, arn)
            if arn in self.keys and self.keys[arn]["region"] == request.region:
                return arn, self.keys[arn]
        raise ApiError("NotFoundException", f"Key '{named}' does not exist")

    def kms_DescribeKey(self, request: wire.Request) -> Json:
        arn, key = self._key(request)
        state = key.get("state", "Enabled")
        meta = {
            "AWSAccountId": key["account"],
            "KeyId": key["id"],
            "Arn": arn,
            "KeyState": state,
            "Enabled": state == "Enabled",
            "CreationDate": BEGAN,
        }
        meta |= {
            "KeySpec": key.get("spec", "SYMMETRIC_DEFAULT"),
            "KeyUsage": key.get("usage", "ENCRYPT_DECRYPT"),
            "KeyManager": key.get("manager", "CUSTOMER"),
        }
        meta |= {"MultiRegion": key.get("multi_region", False), "Origin": "AWS_KMS", "Description": ""}
        return {"KeyMetadata": meta | ({"DeletionDate": key["deletion_date"]} if "deletion_date" in key else {})}

    def kms_GetKeyPolicy(self, request: wire.Request) -> Json:
        """Never across accounts."""
        arn, key = self._key(request)
        if key["account"] != self.account:
            raise ApiError(
                "AccessDeniedException",
                f"User: arn:{self.partition}:sts::{self.account}:assumed-role/OnCall/me is not authorized to perform: kms:GetKeyPolicy on resource: {arn}",
            )
        return {"Policy": plain(key["policy"]), "PolicyName": "default"}

    def kms_ListGrants(self, request: wire.Request) -> Json:
        return {"Grants": list(self._key(request)[1].get("grants", ())), "Truncated": False}

    def kms_ListAliases(self, request: wire.Request) -> Json:
        found = [
            {"AliasArn": a, "AliasName": a.split(":")[5], "TargetKeyId": k.split("/")[1]}
            for a, k in self.aliases.items()
            if a.split(":")[3] == request.region
        ]
        return {"Aliases": found, "Truncated": False}

    # CloudTrail: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/
    def _trail(self, request: wire.Request) -> Json:
        named = request.params["Name"]
        found = next(
            (
                t
                for arn, t in self.trails.items()
                if named == arn or (named == t["public"]["Name"] and request.region == t["public"]["HomeRegion"])
            ),
            None,
        )
        if found is None:
            raise ApiError("TrailNotFoundException", f"Unknown trail: {named} for the user: {self.account}")
        return found

    def cloudtrail_GetTrail(self, request: wire.Request) -> Json:
        return {"Trail": self._trail(request)["public"]}

    def cloudtrail_GetTrailStatus(self, request: wire.Request) -> Json:
        return dict(self._trail(request)["status"])

    def cloudtrail_DescribeTrails(self, request: wire.Request) -> Json:
        return {
            "trailList": [
                t["public"]
                for t in self.trails.values()
                if request.region == t["public"]["HomeRegion"] or t["public"].get("IsMultiRegionTrail")
            ]
        }

    def cloudtrail_LookupEvents(self, request: wire.Request) -> Json:
        """One attribute and a time range, newest first, management events of this Region."""
        field = {"EventName": "eventName", "EventSource": "eventSource", "EventId": "eventID", "ReadOnly": "readOnly"}
        rows = [r for r in self.records if r["awsRegion"] == request.region]
        for asked in request.params.get("LookupAttributes", ()):
            rows = [r for r in rows if str(r.get(field.get(asked["AttributeKey"], ""), "")).lower() == asked["AttributeValue"].lower()]
        begin, end = request.params.get("StartTime", 0), request.params.get("EndTime", 1e12)
        rows = [r for r in rows if begin <= wire.moment(r["eventTime"]).timestamp() <= end]
        rows.sort(key=lambda r: wire.moment(r["eventTime"]), reverse=True)
        shown = [
            {
                "EventId": r["eventID"],
                "EventName": r["eventName"],
                "EventTime": r["eventTime"],
                "EventSource": r["eventSource"],
                "CloudTrailEvent": json.dumps(r),
            }
            for r in rows
        ]
        return self._page(request, "Events", shown)

    def organizations_DescribeOrganization(self, request: wire.Request) -> Json:
        if self.organization is None:
            raise ApiError("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
        return {"Organization": {"Id": self.organization, "MasterAccountId": self.account, "FeatureSet": "ALL"}}

    def sts_GetCallerIdentity(self, request: wire.Request) -> Json:
        return {
            "UserId": "AROAEXAMPLE:me",
            "Account": self.account,
            "Arn": f"arn:{self.partition}:sts::{self.account}:assumed-role/OnCall/me",
        }
