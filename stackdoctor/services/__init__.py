"""Services that write to a bucket or use a key when a stack makes one of their resources; one file a service.

To add one: its file, one line in SERVICES, a fixture, a row in the README's table.
"""

from stackdoctor.services import cloudtrail, config, delivery_logs, elb, log_group, notifications
from stackdoctor.services.base import Service

SERVICES: tuple[Service, ...] = (
    cloudtrail.SERVICE,
    config.SERVICE,
    *delivery_logs.SERVICES,
    *elb.SERVICES,
    log_group.SERVICE,
    notifications.SERVICE,
)

BY_TYPE = {resource_type: service for service in SERVICES for resource_type in service.resource_types}


def service_of(resource_type: str) -> Service | None:
    """The service that makes resources of this CloudFormation type, None if it is not one of ours."""
    return BY_TYPE.get(resource_type)
