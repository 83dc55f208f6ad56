"""Wordings about the request itself or its course: conflicts, time, stabilization, internal errors, invalid input, custom resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

from stackdoctor.classify.rule import Rule, any_of
from stackdoctor.model import Category, DeniedBy

_CFN = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html"
_CONTRACT = "https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html"
_STACK = "AWS::CloudFormation::Stack"

TEMPLATE = (
    Rule(
        "hook",
        Category.VALIDATION,
        text=r"the following hook\(?s?\)? failed|hook failed with message|hook\(s\) failed",
        explained=True,
        example="The following hook(s) failed: [AWS::ControlTower::Hook] : Hook failed with message: ValidationError [CT.ECR.PR.2]: Require "
        "Amazon ECR private repositories to have image scanning enabled",
        example_type="AWS::ECR::Repository",
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/hooks-userguide/hooks-concepts.html",
    ),
    Rule(
        "template",
        Category.VALIDATION,
        text=any_of(
            r"(?:does not|doesn't|do not|don't) exist, (?:is|are)(?: not|n't)\b",
            "^parameter validation failed",
            "^template (?:format |validation )?error",
            r"^parameters: \[",
            "^circular dependency",
            "^unresolved resource dependenc",
            "^requires capabilities",
            r"^transform \S+ failed",
            "^invalid template",
            "must have values",
            "(?:model|properties|property) validation failed",
            "encountered unsupported property",
            "extraneous key",
            "updates? (?:are|is) not (?:allowed|supported|permitted)",
            "resource type .{0,80}(?:not recognized|unrecognized)",
            "unrecognized resource type",
            "cannot update a stack when a custom-named resource requires replacing",
            "custom-named resource",
            "provided in resourcetoimport",
            "well-formed or did not validate",
            "failed to satisfy constraint",
            "no longer supported for creating",
        ),
        explained=True,
        example="Parameters: [Timestamp] must have values",
        example_type=_STACK,
        source=_CFN,
    ),
)

PROPERTIES = (
    Rule(
        "properties-relate",
        Category.VALIDATION,
        text=any_of(
            r"\b(?:cannot|can't|must not|may not) be (?:specified|used|set|combined|provided|defined) (?:when|with|together|along|if|unless)\b",
            r"\bmust be (?:greater|less|smaller|larger|higher|lower|shorter|longer) than\b(?! .{0,40}\b(?:limit|quota|maximum))",
        ),
        explained=True,
        example="Version and ReleaseVersion updates cannot be combined with other updates",
        example_type="AWS::EKS::Nodegroup",
        source="https://github.com/eksctl-io/eksctl/issues/2565",
    ),
)
"""How properties have to stand to one another, whatever else the sentence names: what exists, a timeout, a limit."""

WAITS = (
    Rule(
        "custom-no-answer",
        Category.CUSTOM_RESOURCE,
        text=any_of(
            "did not receive a response from your custom resource",
            "custom ?resource failed to stabilize",
            "custom ?resource attribute error",
            "^data returned must",
            "vendor response",
            "invalid physicalresourceid",
            "^(?:error: )?see (?:the )?details in cloudwatch log stream",
            "response object is too long",
            "invalid response object",
            "custom resource .{0,60}(?:timed out|no response)",
        ),
        example="CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
        "[e74807a4-5bcc-4bde-b858-bc3f11c72c25].",
        example_type="Custom::AWSCDK-EKS-KubernetesResource",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html",
    ),
    Rule(
        "signal",
        Category.TIMEOUT,
        text=any_of(
            r"received (?:\d+ )?(?:success|failure) signal",
            r"resource signal\(?s?\)?",
            "waitcondition (?:timed out|received failed)",
            r"received \d+ conditions? when expecting",
            "minsuccessfulinstancespercent",
        ),
        explained=True,
        example="Received 0 SUCCESS signal(s) out of 1. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement",
        example_type="AWS::AutoScaling::AutoScalingGroup",
        source="https://github.com/getsocial-rnd/neo4j-aws-causal-cluster/issues/2",
    ),
)

COURSE = (
    Rule(
        "internal",
        Category.INTERNAL_ERROR,
        text=any_of(
            "internal ?(?:server |service )?(?:failure|error|exception)",
            "an? (?:unknown|unexpected|unidentified) (?:internal )?(?:error|failure)",
            "service(?: is)? (?:temporarily |currently )?unavailable",
            "internalfailure",
            r'cannot invoke ".{1,300}" because|nullpointerexception',
            r"^error occurred during operation '\w+'",
        ),
        example="Nodegroup nodegroup failed to stabilize: Internal Failure",
        example_type="AWS::EKS::Nodegroup",
        source="https://github.com/eksctl-io/eksctl/issues/2008",
    ),
    Rule(
        "internal-code",
        Category.INTERNAL_ERROR,
        code=r"(?:\w+\.)*(?:Internal\w*|ServiceUnavailable\w*|ServiceInternal\w*|ServerException|ServiceException|UnknownError|InternalServer\w*)",
        example="ServiceUnavailableException",
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html",
    ),
    Rule(
        "conflict-code",
        Category.CONFLICT,
        code=r"(?:\w+\.)*(?:\w*Conflict\w*|OperationAborted|ConcurrentModification\w*|\w*OptimisticLock\w*|\w*Concurrent\w*|(?:Invalid|Incorrect)\w*State\w*|\w*OperationInProgress\w*|\w*NotActive\w*|ResourceNotReady\w*|OperationInProgress\w*|ResourceInUse\w*|StaleRequest\w*)",
        explained=True,
        example="The function could not be updated due to a concurrent update operation. (Service: AWSLambda; Status Code: 409; Error Code: "
        "ResourceConflictException; Request ID: 2410f91e-b5da-11e7-82f1-cba706a15838).",
        example_type="AWS::Lambda::Function",
        source="https://github.com/serverless/serverless/issues/5285",
    ),
    Rule(
        "conflict",
        Category.CONFLICT,
        text=any_of(
            "concurrent",
            "currently (?:has|being|in progress|updating|modifying|processing|creating|deleting)",
            "in progress",
            "conflict",
            "is being (?:modified|updated|created|deleted|processed)",
            r"is (?:currently )?in (?:an? |the )?\W?[\w-]+\W? state",
            "(?:cannot|can't|could not|unable to) .{0,120}(?:while|when|until) .{0,80}(?:state|status|progress|updat|creat|delet)",
            r"not in (?:an? |the )?(?:valid |correct |expected |\w+ )?(?:state|status)\b",
            "(?:state|status) (?:is )?not (?:valid|allowed)",
            r"(?:wait|retry|try again) (?:until|when|after|once|later|in (?:a few|some|about|\d)|(?:for )?\d+ (?:second|minute|hour))",
            "(?:cannot|can't|can not) (?:be \\w+ )?(?:currently|right now|at (?:this|the) (?:time|moment))",
            "was not active",
            "is not active",
        ),
        explained=True,
        example="Received response status [FAILED] from custom resource. Message returned: Cannot delete because cluster c currently has update "
        "dbbddb79-fb22-4d6e-a345-843f49618706 in progress",
        example_type="Custom::AWSCDK-EKS-Cluster",
        source="https://github.com/aws/aws-cdk/issues/18683",
    ),
    Rule(
        "stabilization",
        Category.STABILIZATION,
        text=any_of(
            "(?:did|does) not stabilize",
            "not stabili[sz]ed",
            "failed to stabili[sz]e",
            "exceeded attempts to wait",
            "circuit breaker (?:was |has been |is )?(?:triggered|tripped)",
            "nodecreationfailure",
            "failed to (?:start|reach|become|launch)",
            "did not (?:reach|become)",
            "unhealthy",
            "health checks? (?:failed|failing)",
            "failed to join",
            "terminal failed state",
            "failed to initialize",
        ),
        example="Resource of type 'AWS::Lambda::EventSourceMapping' did not stabilize",
        example_type="AWS::Lambda::EventSourceMapping",
        source="https://github.com/aws/amazon-chime-sdk-js/issues/686",
    ),
    Rule(
        "timeout",
        Category.TIMEOUT,
        text=r"tim(?:e|ed)[ -]?out\b|timeout|deadline exceeded|exceeded .{0,40}\btime\b|took too long",
        explained=True,
        example="Resource timed out waiting for creation",
        example_type="AWS::RDS::DBInstance",
        source=_CFN,
    ),
    Rule(
        "stabilization-handler",
        Category.STABILIZATION,
        handler="NotStabilized",
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: NotStabilized)',
        source=_CONTRACT,
    ),
    Rule(
        "conflict-handler",
        Category.CONFLICT,
        handler="ResourceConflict",
        explained=True,
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: ResourceConflict)',
        source=_CONTRACT,
    ),
)

ACCOUNT = (
    Rule(
        "account",
        Category.OTHER,
        text=any_of(
            "accept (?:the )?terms and subscribe",
            "not subscribed",
            "optinrequired",
            "pending verification",
            "account.{0,40}(?:blocked|suspended|verified|verification)",
            "(?:issue|problem) with your (?:aws )?account",
            "aws account (?:currently )?(?:does not|doesn't) support",
            "(?:billing|aws) support case",
            "being validated",
            "not (?:signed up|opted in)",
            "needs a subscription",
            "subscription (?:is )?required",
            "subscribe to",
        ),
        explained=True,
        example="In order to use this AWS Marketplace product you need to accept terms and subscribe. To do so please visit "
        "https://aws.amazon.com/marketplace/pp?sku=x (Service: Ec2, Status Code: 401, Request ID: 0b1c2d3e-1111)",
        example_type="AWS::EC2::Instance",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
    ),
)

INPUT = (
    Rule(
        "validation-code",
        Category.VALIDATION,
        code=r"(?:\w+\.)*(?:\w*Validation\w*|\w*Invalid\w*|\w*Malformed\w*|\w*BadRequest\w*|Unsupported\w*|Missing\w*|\w*NotSupported\w*|\w*InsufficientCapabilities\w*|IllegalArgument\w*|\w*ParameterError|OperationNotPermitted\w*|SerializationException)(?:\.\w+)?",
        explained=True,
        example="Invalid AttributeDataType input, consider using the provided AttributeDataType enum. (Service: AWSCognitoIdentityProviderService; "
        "Status Code: 400; Error Code: InvalidParameterException; Request ID: 0b1c2d3e-1111)",
        example_type="AWS::Cognito::UserPool",
        source="https://github.com/aws-amplify/amplify-cli/issues/9510",
    ),
    Rule(
        "validation",
        Category.VALIDATION,
        text=any_of(
            r"\binvalid\b",
            r"\bmust\b",
            "not (?:a )?valid",
            "isn't valid",
            "not (?:currently )?(?:supported|allowed|permitted|compatible)",
            "unsupported",
            "(?:cannot|can't) be (?:combined|modified|changed|updated|used|empty|null|specified|set)",
            "no longer supported",
            "(?:is|are) required",
            "required (?:key|property|parameter)",
            "failed to satisfy",
            "does not (?:match|support|meet)",
            "validation",
            "malformed",
            "unrecognized",
            "unexpected (?:key|value|property)",
            "should (?:be|have|not)",
            "at least",
            "(?:does|do) not (?:allow|support|accept|permit)",
            "only (?:be|supports?|allowed|valid)",
            "supports? only",
            "expected (?:type|value)",
            "cannot (?:contain|specify|use|set|change|modify|combine)",
            r"missing (?:required )?\w+",
            "(?:unknown|unexpected|unrecognized) (?:parameter|property|field|option|argument|attribute)",
            "tried to (?:create|delete|update|upsert) ",
            "not attached to (?:any|an|the)",
            "unpars[e]?able|(?:cannot|can't|could not|unable to|failed to) (?:be )?pars",
        ),
        explained=True,
        example="Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]",
        example_type="AWS::EKS::Nodegroup",
        source="https://github.com/eksctl-io/eksctl/issues/4006",
    ),
    Rule(
        "validation-cannot",
        Category.VALIDATION,
        text=r"\b(?:cannot|can't|can not)\b",
        custom=False,
        explained=True,
        example="Cannot upgrade aurora-mysql from 5.7.mysql_aurora.2.11.2 to 8.0.mysql_aurora.3.01.0",
        example_type="AWS::RDS::DBCluster",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Updates.MajorVersionUpgrade.html",
    ),
    Rule(
        "validation-handler",
        Category.VALIDATION,
        text=r"\w{5}",
        handler="InvalidRequest",
        explained=True,
        example='Resource handler returned message: "A load balancer wants other subnets" (RequestToken: 1-2-3, HandlerErrorCode: InvalidRequest)',
        source=_CONTRACT,
    ),
    Rule(
        "timeout-handler",
        Category.TIMEOUT,
        handler="ServiceTimeout",
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: ServiceTimeout)',
        source=_CONTRACT,
    ),
    Rule(
        "hook-handler",
        Category.VALIDATION,
        handler="NonCompliant",
        explained=True,
        example='Resource handler returned message: "Bucket is not what the guard wants" (RequestToken: 1-2-3, HandlerErrorCode: NonCompliant)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/hooks-userguide/hooks-develop-python.html",
    ),
    Rule(
        "not-updatable-handler",
        Category.VALIDATION,
        handler="NotUpdatable",
        explained=True,
        example='Resource handler returned message: "Attempting to alter a create-only property" (RequestToken: 1-2-3, HandlerErrorCode: NotUpdatable)',
        source=_CONTRACT,
    ),
)

_STATUSES = (
    ("403", Category.UNSPECIFIED_DENY, DeniedBy.OTHER, False),
    ("404", Category.NOT_FOUND, None, True),
    ("409", Category.CONFLICT, None, True),
    ("429", Category.THROTTLING, None, True),
    ("4", Category.VALIDATION, None, True),
    ("5", Category.INTERNAL_ERROR, None, False),
)
"""What an HTTP status says of a text no other rule knows."""

STATUSES = tuple(
    Rule(
        f"http-{status}",
        category,
        text=r"\w{5}",
        http=status,
        denied_by=by,
        explained=explained,
        example=f"Wholly new wording (Service: New, Status Code: {status:0<3}, Request ID: 0b1c2d3e-1111-4c4e-a7f8-f9a8d1a0c1b2)",
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html",
    )
    for status, category, by, explained in _STATUSES
)

LAST = (
    Rule(
        "custom-message",
        Category.CUSTOM_RESOURCE,
        custom=True,
        example="Received response status [FAILED] from custom resource. Message returned: Account creation failed. Error: Accounts failed to "
        "enroll in Control Tower. Check Service Catalog Console",
        example_type="Custom::CreateControlTowerAccounts",
        source="https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/134",
    ),
    *(
        Rule(
            f"internal-handler-{code.lower()}",
            Category.INTERNAL_ERROR,
            handler=code,
            example=f'Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: {code})',
            source=_CONTRACT,
        )
        for code in (
            "InternalFailure",
            "ServiceInternalError",
            "NetworkFailure",
            "HandlerInternalFailure",
            "Unknown",
            "GeneralServiceException",
        )
    ),
    Rule(
        "null-message",
        Category.INTERNAL_ERROR,
        text=r"^null$",
        example="null",
        source="https://github.com/aws/aws-cdk/issues/19514",
    ),
    Rule("invalid-null", Category.VALIDATION, handler="InvalidRequest", source=_CONTRACT),
    Rule("unknown", Category.OTHER, example="Something else went on", source=_CFN),
)
