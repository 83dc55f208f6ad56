"""Services that write to a bucket or use a key when a stack makes one of their resources; one file a service.

To add one: its file, one line in SERVICES, a fixture, a row in the README's table.
"""

from stackdoctor.services import (
    autoscaling,
    cloudfront,
    cloudtrail,
    config,
    data_sync,
    delivery_logs,
    elb,
    event_data_store,
    guardduty,
    lambda_code,
    log_group,
    notifications,
    own_keys,
    queue_keys,
    redshift,
    roles,
)
from stackdoctor.services.base import Service

SERVICES: tuple[Service, ...] = (
    cloudtrail.SERVICE,
    config.SERVICE,
    *delivery_logs.SERVICES,
    *elb.SERVICES,
    log_group.SERVICE,
    notifications.SERVICE,
    *queue_keys.SERVICES,
    cloudfront.SERVICE,
    redshift.SERVICE,
    guardduty.SERVICE,
    data_sync.SERVICE,
    event_data_store.SERVICE,
    lambda_code.SERVICE,
    autoscaling.SERVICE,
    *own_keys.SERVICES,
    *roles.SERVICES,
)

BY_TYPE = {resource_type: service for service in SERVICES for resource_type in service.resource_types}


def service_of(resource_type: str) -> Service | None:
    """The service that makes resources of this CloudFormation type, None if it is not one of ours."""
    return BY_TYPE.get(resource_type)
