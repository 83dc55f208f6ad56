"""Wordings about how much there may be of something: quotas, capacity, request rates; and whether it exists.

https://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

from stackdoctor.classify.rule import Rule, any_of
from stackdoctor.model import Category

_EC2 = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"

THROTTLING = (
    Rule(
        "throttling-code",
        Category.THROTTLING,
        code=r"(?:\w+\.)*(?:\w*Throttl\w*|TooManyRequests\w*|RequestLimitExceeded\w*|SlowDown|PriorRequestNotComplete|RequestThrottled\w*|EC2ThrottledException|BandwidthLimitExceeded)",
        explained=True,
        example="Request limit exceeded. (Service: AmazonEC2; Status Code: 503; Error Code: RequestLimitExceeded; Request ID: "
        "7fd6cf20-2880-4845-a2f5-3fa30583767f)",
        example_type="AWS::ElasticBeanstalk::Environment",
        source="https://github.com/cloudfoundry/bosh-aws-cpi-release/issues/61",
    ),
    Rule(
        "throttling",
        Category.THROTTLING,
        text=any_of(
            "rate (?:limit )?exceeded",
            "request (?:rate|limit) (?:is )?exceeded",
            "too many requests",
            "throttl(?:ed|ing)",
            "reduce your request rate",
            "requests? (?:is|was|were|are) throttled",
            "exceeded .{0,30}request rate",
        ),
        explained=True,
        example="Rate exceeded for operation 'Rate exceeded (Service: Lambda, Status Code: 429, Request ID: 2d5768a1-1dcc-42eb-9d7d-e3290f10f4ed, "
        "Extended Request ID: null)'.",
        example_type="AWS::Lambda::EventSourceMapping",
        source="https://github.com/aws/aws-cdk/issues/9882",
    ),
    Rule(
        "throttling-handler",
        Category.THROTTLING,
        handler="Throttling",
        explained=True,
        example='Resource handler returned message: "Please slow down" (RequestToken: 1-2-3, HandlerErrorCode: Throttling)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html",
    ),
)

CAPACITY = (
    Rule(
        "capacity-code",
        Category.CAPACITY,
        code=r"(?:\w+\.)*(?:Insufficient\w*Capacity\w*|Unsupported(?:AvailabilityZone|Availability)\w*|InstanceQuotaCapacity|InsufficientAddressCapacity|SpotCapacityNotAvailable\w*|CapacityNotAvailable\w*|InsufficientFreeAddressesInSubnet|StorageTypeNotSupportedInAZ)",
        explained=True,
        example="InsufficientInstanceCapacity: We currently do not have sufficient m6i.xlarge capacity in the Availability Zone you requested "
        "(us-east-2a).",
        example_type="AWS::EC2::Instance",
        source=_EC2,
    ),
    Rule(
        "capacity",
        Category.CAPACITY,
        text=any_of(
            r"(?:sufficient|enough|insufficient|no|not) (?:[\w.]+ ){0,4}capacity\b(?! limit)",
            "capacity (?:is )?(?:not|un)available",
            "insufficient(?:instance|dbinstance)?capacity",
            "not supported in (?:your requested |the |this )*availability zone",
            r"does not support creating .{0,60} in \S+, the targeted availability zone",
            "(?:targeted|requested) availability zone.{0,40}does not",
            r"not (?:offered|available) in (?:the |this )?(?:requested |specified )?(?:availability zone|az)\b",
            "not enough free (?:ip )?addresses",
            "insufficient free addresses",
            "no spot capacity",
            "unable to (?:place|find) .{0,40}container instance",
        ),
        explained=True,
        example="Cannot create cluster 'eks-demo-scale' because EKS does not support creating control plane instances in us-east-1e, the targeted "
        "availability zone. (Service: Eks, Status Code: 400, Request ID: a03747cf-5348-4112-b69f-81a0028e969c)",
        example_type="AWS::EKS::Cluster",
        source="https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html",
    ),
)

QUOTA = (
    Rule(
        "quota-code",
        Category.QUOTA,
        code=r"(?:\w+\.)*(?:\w*(?:Limits?|Quota|Count)Exceeded\w*|Maximum\w*Exceeded\w*|Too\w*Many(?!Requests)\w+|\w*QuotaExceeded\w*|ResourceLimit\w*|\w*LimitReached\w*|ServiceQuota\w*|\w*StorageExceeded\w*|MaxNumberOf\w+|InvalidQuota\w*)",
        explained=True,
        example="The maximum number of VPCs has been reached. (Service: AmazonEC2; Status Code: 400; Error Code: VpcLimitExceeded; Request ID: "
        "b6615422-7265-4a2c-8098-8914343306df)",
        example_type="AWS::EC2::VPC",
        source=_EC2,
    ),
    Rule(
        "quota",
        Category.QUOTA,
        text=any_of(
            "(?:maximum|max|allowed|allowable) (?:number|limit|count) (?:of|for)",
            r"exceed(?:s|ed|ing)? (?:\S+ ){0,6}(?:limits?|quotas?|maximum)\b",
            r"(?:limit|quota|maximum)s?\b.{0,60}(?:exceed|reached|has been hit|was hit)",
            r"(?:limit|quota) of \d+",
            r"\blimited to \d+ (?:bytes|kb|mb|characters|items|entries|per)\b",
            r"reached (?:\S+ ){0,6}(?:limit|quota|maximum)",
            "limitexceeded",
            "quotaexceeded",
            "too many (?!requests)",
            "greater than (?:the )?(?:maximum|max|limit|allowed)",
            "below its minimum value of",
            r"(?:policy|document|package|code|item) (?:length|size)\b.{0,60}(?:constraint|limit|maximum|too (?:long|large|big))",
            r"(?:larger|more|higher) than .{0,60}\b(?:limit|quota|maximum)\b",
            "(?:cannot|can't|may not|must not) (?:exceed|have more than|create more than)",
        ),
        explained=True,
        example="The maximum number of internet gateways has been reached.",
        example_type="AWS::EC2::InternetGateway",
        source="https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html",
    ),
    Rule(
        "quota-handler",
        Category.QUOTA,
        handler="ServiceLimitExceeded",
        explained=True,
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: ServiceLimitExceeded)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html",
    ),
)

EXISTS_PLAIN = (
    Rule(
        "exists-code",
        Category.ALREADY_EXISTS,
        code=r"(?:\w+\.)*(?:\w*AlreadyExists?\w*|\w*AlreadyOwnedByYou\w*|Duplicate\w*|\w*\.Duplicate|\w*AlreadyInUse\w*|\w*AlreadyAssociated\w*|ResourceAlready\w*|\w*AlreadyTaken\w*|EntityAlready\w*)",
        explained=True,
        example="BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it.",
        example_type="AWS::S3::Bucket",
        source="https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
    ),
    Rule(
        "exists-plain",
        Category.ALREADY_EXISTS,
        text=r"already exists?\b|already defined",
        explained=True,
        example="unicorn-store-app already exists",
        example_type="AWS::ECR::Repository",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html",
    ),
)

EXISTS = (
    Rule(
        "exists",
        Category.ALREADY_EXISTS,
        text=any_of(
            "already (?:been |being )?(?:taken|configured|assigned|allocated|mapped|registered|in use|used|defined|created|own|exported|associated|has this name|have a|has a|attached|enabled|subscribed|present|a member|managed by|claimed)",
            "already has (?:a|an|this)",
            "(?:bucket )?name is not available",
            "existing (?:resource|record).{0,40}conflicts?",
            "conflicts with (?:an )?existing",
            "is not unique",
            "must be unique",
            "duplicate",
            "^a version for this lambda function exists",
            r"\bexists in stack\b",
            "you already have",
            "overlaps? with (?:an(?:other)? )?existing",
        ),
        explained=True,
        example="A version for this Lambda function exists ( 2 ). Modify the function to create a new version.",
        example_type="AWS::Lambda::Version",
        source="https://github.com/service-cloud-voice/ServiceCloudVoiceLambdas/issues/30",
    ),
    Rule(
        "exists-handler",
        Category.ALREADY_EXISTS,
        handler="AlreadyExists",
        explained=True,
        example='Resource handler returned message: "null" (HandlerErrorCode: AlreadyExists)',
        example_type="AWS::CE::AnomalyMonitor",
        source="https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2515",
    ),
)

MISSING = (
    Rule(
        "not-found-code",
        Category.NOT_FOUND,
        code=r"(?:\w+\.)*(?:\w*NotFound\w*|NoSuch\w+|\w*(?:DoesNotExist|NonExistent|Nonexistent)\w*|\w*Unknown(?:Resource|VolumeType)\w*)(?:\.\w+)?",
        explained=True,
        example="An error occurred (WAFNonexistentItemException) when calling the GetWebACL operation: The referenced item does not exist.",
        example_type="Custom::ConfigureWebAcl",
        source="https://github.com/aws-solutions/aws-waf-security-automations/issues/83",
    ),
    Rule(
        "not-found",
        Category.NOT_FOUND,
        text=any_of(
            r"(?:does not|do not|doesn't|don't|did not|didn't|no longer|not) exists?\b",
            "(?:cannot|can't|could not|couldn't|unable to|not able to) (?:be )?(?:find|found|locate|fetch parameters)",
            r"(?:was|were|is|are|be) not found\b",
            r"\bnot found\b",
            r"no (?:such|export named|default vpc|stack named|matching|\w+ (?:could be |was |were )?found)",
            "non-?existent",
            "has been deleted",
            "no longer available",
            "can't find",
            "no default (?:vpc|subnet)",
        ),
        explained=True,
        example="The repository with name 'cdk-hnb659fds-container-assets' does not exist in the registry with id 'XXXXXXXXXX' (Service: Ecr, "
        "Status Code: 400, Request ID: dd8e5c15-471f-40e6-b66c-99089de92d7e)",
        example_type="AWS::ECR::Repository",
        source="https://github.com/aws/aws-cdk/issues/28876",
    ),
    Rule(
        "not-found-handler",
        Category.NOT_FOUND,
        handler="NotFound",
        explained=True,
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: NotFound)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html",
    ),
)
