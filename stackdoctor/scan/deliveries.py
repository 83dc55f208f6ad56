"""What delivers logs in one account and Region, as it stands now: trails, the Config delivery channel, flow logs, log groups with a key.

in: a `Reader`. out: `Delivery` values: each as the resource its service makes of it, with what AWS says of its deliveries.
One listing a kind, and one more read where AWS keeps the status apart. Nothing is judged here.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeDeliveryChannelStatus.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from stackdoctor.answers import arn_part, flag, moment, text
from stackdoctor.model import JSON, Unread
from stackdoctor.reader import Call, Reader, ReadError
from stackdoctor.scan.listing import Listing, Row, listing, unread
from stackdoctor.scanned import Kind
from stackdoctor.services.base import Neighbour, Resource, Scope


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing that delivers. `errors` are AWS's words for deliveries that fail now; `works` is whether it says that the last succeeded.

    `status` is a word for the table: logging, stopped, SUCCESS, FAILED …
    """

    kind: Kind
    resource: Resource
    arn: str
    status: str = ""
    errors: tuple[str, ...] = ()
    works: bool = False

    @property
    def name(self) -> str:
        return self.resource.logical_id


@dataclass(frozen=True, slots=True)
class Deliveries:
    found: tuple[Delivery, ...] = ()
    unread: tuple[Unread, ...] = ()


def deliveries(reader: Reader, scope: Scope) -> Deliveries:
    """Everything that delivers, all kinds at the same time; in the order of kind and name."""
    parts = reader.gather(*(partial(read, reader, scope) for read in (_trails, _channels, _flow_logs, _log_groups)))
    found = tuple(sorted((one for part in parts for one in part.found), key=lambda one: (list(Kind).index(one.kind), one.name, one.arn)))
    return Deliveries(found, tuple(row for part in parts for row in part.unread))


def _each(reader: Reader, read: Callable[[Row], tuple[Delivery, tuple[Unread, ...]]], listed: Listing) -> Deliveries:
    """Each row of a listing made a delivery, at the same time."""
    done = reader.gather(*(partial(read, row) for row in listed.rows))
    return Deliveries(tuple(one for one, _ in done), (*listed.unread, *(row for _, missing in done for row in missing)))


# --------------------------------------------------------------------------------------------------------------- trails
def _trails(reader: Reader, scope: Scope) -> Deliveries:
    """Trails whose home is this Region. Shadows of them in other Regions, and of organization trails in member accounts, are left out."""
    call = Call("cloudtrail", "DescribeTrails", scope.region, {"includeShadowTrails": False})
    listed = listing(reader, call, "trailList", f"trails in {scope.region}")
    return _each(reader, partial(_trail, reader, scope), listed)


def _trail(reader: Reader, scope: Scope, row: Row) -> tuple[Delivery, tuple[Unread, ...]]:
    arn, name = text(row, "TrailARN") or "", text(row, "Name") or ""
    region, account = arn_part(arn, 3) or scope.region, arn_part(arn, 4) or scope.account
    properties: dict[str, JSON] = {
        "TrailName": name,
        "S3BucketName": text(row, "S3BucketName"),
        "S3KeyPrefix": text(row, "S3KeyPrefix"),
        "KMSKeyId": text(row, "KmsKeyId"),
        "SnsTopicName": text(row, "SnsTopicARN"),
        "IsMultiRegionTrail": flag(row, "IsMultiRegionTrail"),
        "IsOrganizationTrail": flag(row, "IsOrganizationTrail"),
        "CloudWatchLogsLogGroupArn": text(row, "CloudWatchLogsLogGroupArn"),
        "CloudWatchLogsRoleArn": text(row, "CloudWatchLogsRoleArn"),
    }
    where = Scope(scope.partition, region, account, scope.organization, scope.at)
    resource = _resource("AWS::CloudTrail::Trail", name, name, properties, where)
    try:
        status = reader.read(Call("cloudtrail", "GetTrailStatus", region, {"Name": arn or name}))
    except ReadError as error:
        return Delivery(Kind.TRAIL, resource, arn), (unread(f"status of trail {name}", error),)
    logging, errors = flag(status, "IsLogging"), _trail_errors(status)
    last = moment(status.get("LatestDeliveryTime"))
    word = "failing" if errors else "logging" if logging else "stopped"
    return Delivery(Kind.TRAIL, resource, arn, word, errors, works=last is not None and not text(status, "LatestDeliveryError")), ()


def _trail_errors(status: Row) -> tuple[str, ...]:
    """What GetTrailStatus says of each of the four ways a trail delivers."""
    ways = (
        ("LatestDeliveryError", "log files to the bucket"),
        ("LatestDigestDeliveryError", "digest files to the bucket"),
        ("LatestNotificationError", "notifications to the topic"),
        ("LatestCloudWatchLogsDeliveryError", "events to CloudWatch Logs"),
    )
    return tuple(f"{way}: {said}" for key, way in ways if (said := text(status, key)))


# --------------------------------------------------------------------------------------------------------------- Config
def _channels(reader: Reader, scope: Scope) -> Deliveries:
    """An account has one channel a Region at most; only where there is one is its status asked for, and whose role writes."""
    listed = listing(
        reader, Call("config", "DescribeDeliveryChannels", scope.region), "DeliveryChannels", f"delivery channels in {scope.region}"
    )
    if not listed.rows:
        return Deliveries((), listed.unread)
    ask = (
        Call("config", "DescribeDeliveryChannelStatus", scope.region),
        Call("config", "DescribeConfigurationRecorders", scope.region),
    )
    what = (f"status of the delivery channels in {scope.region}", f"configuration recorders in {scope.region}")
    keys = ("DeliveryChannelsStatus", "ConfigurationRecorders")
    status, recorders = reader.gather(*(partial(listing, reader, *asked) for asked in zip(ask, keys, what, strict=True)))
    by_name = {text(row, "name"): row for row in status.rows}
    neighbours = tuple(
        Neighbour("AWS::Config::ConfigurationRecorder", text(row, "name") or "", text(row, "name") or "", {"RoleARN": text(row, "roleARN")})
        for row in recorders.rows
    )
    found = tuple(_channel(scope, row, by_name.get(text(row, "name"), {}), neighbours) for row in listed.rows)
    return Deliveries(found, (*listed.unread, *status.unread, *recorders.unread))


def _channel(scope: Scope, row: Row, status: Row, recorders: tuple[Neighbour, ...]) -> Delivery:
    name = text(row, "name") or "default"
    properties: dict[str, JSON] = {
        "Name": name,
        "S3BucketName": text(row, "s3BucketName"),
        "S3KeyPrefix": text(row, "s3KeyPrefix"),
        "S3KmsKeyArn": text(row, "s3KmsKeyArn"),
        "SnsTopicARN": text(row, "snsTopicARN"),
    }
    resource = _resource("AWS::Config::DeliveryChannel", name, name, properties, scope, recorders)
    arn = f"arn:{scope.partition}:config:{scope.region}:{scope.account}:delivery-channel/{name}"
    infos = {way: info for key, way in _CHANNEL_WAYS if isinstance(info := status.get(key), dict)}
    failing = tuple(f"{way}: {_said(info)}" for way, info in infos.items() if (text(info, "lastStatus") or "").lower() == "failure")
    works = not failing and any((text(info, "lastStatus") or "").lower() == "success" for info in infos.values())
    return Delivery(Kind.DELIVERY_CHANNEL, resource, arn, "Failure" if failing else "Success" if works else "", failing, works)


_CHANNEL_WAYS = (
    ("configHistoryDeliveryInfo", "configuration history to the bucket"),
    ("configSnapshotDeliveryInfo", "configuration snapshot to the bucket"),
    ("configStreamDeliveryInfo", "notifications to the topic"),
)


def _said(info: Row) -> str:
    return ": ".join(part for part in (text(info, "lastErrorCode"), text(info, "lastErrorMessage")) if part) or "no reason given"


# ------------------------------------------------------------------------------------------------------------ flow logs
def _flow_logs(reader: Reader, scope: Scope) -> Deliveries:
    listed = listing(
        reader, Call("ec2", "DescribeFlowLogs", scope.region, {"MaxResults": 1000}), "FlowLogs", f"flow logs in {scope.region}"
    )
    found = (_flow_log(scope, row) for row in listed.rows)
    return Deliveries(tuple(one for one in found if one.errors or one.resource.text("LogDestinationType") == "s3"), listed.unread)


def _flow_log(scope: Scope, row: Row) -> Delivery:
    """A flow log to CloudWatch Logs has no bucket to look at; that it fails is still told."""
    name = text(row, "FlowLogId") or ""
    properties: dict[str, JSON] = {
        "LogDestinationType": text(row, "LogDestinationType"),
        "LogDestination": text(row, "LogDestination"),
        "ResourceId": text(row, "ResourceId"),
    }
    options = row.get("DestinationOptions")
    if isinstance(options, dict):
        properties["DestinationOptions"] = options
    status = text(row, "DeliverLogsStatus") or ""
    to = text(row, "LogDestination") or text(row, "LogGroupName") or "its destination"
    errors = (f"flow logs of {text(row, 'ResourceId') or name} to {to}: {text(row, 'DeliverLogsErrorMessage') or 'no reason given'}",)
    arn = f"arn:{scope.partition}:ec2:{scope.region}:{scope.account}:vpc-flow-log/{name}"
    resource = _resource("AWS::EC2::FlowLog", name, name, properties, scope)
    return Delivery(Kind.FLOW_LOG, resource, arn, status, errors if status == "FAILED" else (), works=status == "SUCCESS")


# ----------------------------------------------------------------------------------------------------------- log groups
def _log_groups(reader: Reader, scope: Scope) -> Deliveries:
    call = Call("logs", "DescribeLogGroups", scope.region, {"limit": 50})
    listed = listing(reader, call, "logGroups", f"log groups in {scope.region}", page="nextToken")
    return Deliveries(tuple(_log_group(scope, row) for row in listed.rows if text(row, "kmsKeyId")), listed.unread)


def _log_group(scope: Scope, row: Row) -> Delivery:
    name = text(row, "logGroupName") or ""
    properties: dict[str, JSON] = {"LogGroupName": name, "KmsKeyId": text(row, "kmsKeyId")}
    arn = text(row, "logGroupArn") or f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:{name}"
    return Delivery(Kind.LOG_GROUP, _resource("AWS::Logs::LogGroup", name, name, properties, scope), arn)


def _resource(
    of: str, logical_id: str, physical_id: str, properties: dict[str, JSON], scope: Scope, neighbours: tuple[Neighbour, ...] = ()
) -> Resource:
    given = {key: value for key, value in properties.items() if value is not None}
    return Resource(of, logical_id, physical_id, given, scope, neighbours=neighbours)
