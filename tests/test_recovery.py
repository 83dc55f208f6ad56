"""The way out of every stuck state: what comes before what, what is never offered, and that nothing is made up."""

import json
import re
import shlex
from dataclasses import replace

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from ways import AWS, RUNNING, STUCK, WRITERS, blocker, blockers, event, nested, scenes, stack, way

from stackdoctor.blockers import BlockerState, key_of, prevention, reads_for, state_from
from stackdoctor.blockers.contents import EMPTY
from stackdoctor.blockers.data import SAVINGS
from stackdoctor.blockers.protection import FLAGS
from stackdoctor.classify import classify
from stackdoctor.commands import CommandStyle
from stackdoctor.model import Absent, Category, Denied, DeniedBy, Failure, Found, Reason, Unreadable
from stackdoctor.permissions import OPERATIONS
from stackdoctor.recovery import way_out


def commands(steps):
    return [step.command for step in steps]


def position(steps, part):
    return next(number for number, step in enumerate(steps) if part in step.command)


def offered(steps, part):
    return [step for step in steps if part in step.command]


# ---------------------------------------------------------------------------------------------- holds for every way
@pytest.mark.parametrize("status", STUCK)
def test_every_stuck_state_ends_with_the_redeploy_and_the_check(status):
    *_, redeploy, check = way(status, None, BlockerState())
    assert redeploy.command.startswith("aws cloudformation deploy --stack-name audit")
    assert check.command == "stackdoctor diagnose audit --region eu-central-1 --profile ops"


@pytest.mark.parametrize("status", RUNNING)
def test_a_running_operation_is_waited_for_and_looked_at_again(status):
    steps = way(status, None, BlockerState())
    assert len(steps) == 2
    assert "wait" in steps[0].command or "describe-stacks" in steps[0].command
    assert steps[-1].command.startswith("stackdoctor diagnose audit")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"])
def test_a_healthy_stack_needs_no_way_out(status):
    assert way(status, None, BlockerState()) == ()


def test_nothing_is_destroyed_before_everything_is_saved():
    """Of every blocker in every state: the saving of what it stores stands before the first destructive step."""
    for status, failure, live in scenes():
        if failure is None or failure.event.resource_type not in SAVINGS or status == "UPDATE_ROLLBACK_FAILED" or live.cluster:
            continue
        if "DBClusterIdentifier" in (failure.event.properties or ""):
            continue
        steps = way(status, failure, live)
        first = next(number for number, step in enumerate(steps) if step.destructive)
        for row in SAVINGS[failure.event.resource_type]:
            service, operation = row.words[:2]
            assert position(steps, f"aws {service} {operation}") < first, (status, failure, steps)


def test_protection_is_turned_off_behind_the_saving_and_before_the_delete():
    for kind, flag in FLAGS.items():
        steps = way("ROLLBACK_FAILED", blocker(kind, Category.DELETION_PROTECTION), BlockerState())
        off = position(steps, f"aws {flag.off[0]} {flag.off[1]}")
        assert off < position(steps, "delete-stack")
        for row in SAVINGS.get(kind, ()):
            assert position(steps, f"aws {row.words[0]} {row.words[1]}") < off


def test_retaining_and_forcing_are_offered_only_in_delete_failed_and_as_the_last_resort():
    for status, failure, live in scenes():
        steps = way(status, failure, live)
        last = offered(steps, "--retain-resources") + offered(steps, "FORCE_DELETE_STACK")
        if status != "DELETE_FAILED":
            assert not last, status
            continue
        assert last
        assert all(step.destructive for step in last)
        plain = next(n for n, step in enumerate(steps) if "delete-stack" in step.command and step not in last)
        assert all(steps.index(step) > plain for step in last)


def test_what_destroys_data_says_so():
    destroying = re.compile(
        r"s3 rm |delete-objects|delete-repository|delete-recovery-point|change-resource-record-sets|rollback-stack|retain-resources|FORCE_DELETE"
    )
    harmless = re.compile(r"describe-|list-|wait |create-.*snapshot|create-backup|sync |get-|deploy|detect-|filter-log-events")
    for scene in scenes():
        for step in way(*scene):
            if destroying.search(step.command):
                assert step.destructive, step
            elif harmless.search(step.command):
                assert not step.destructive, step


def test_every_step_says_why_and_leaves_nothing_to_fill_in():
    for scene in scenes():
        for step in way(*scene):
            assert step.title
            assert step.why.endswith((".", '"'))
            assert not re.search(r"\{\w+\}|<\w+>|\bPLACEHOLDER\b|None\b", step.command.replace("{Key: Key", "")), step


def test_no_step_stands_twice():
    two = (blocker("AWS::S3::Bucket", Category.NOT_EMPTY), blocker("AWS::S3::Bucket", Category.NOT_EMPTY, logical_id="Same"))
    steps = way_out(stack("ROLLBACK_FAILED"), two, resources=WRITERS, aws=AWS)
    assert len(offered(steps, "stop-logging")) == 1


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30) | st.sampled_from(
    ["$(reboot)", "`id`", "it's", '"', "-rf", "--force", "a b", "a;b", "a\nb", "file:///etc/passwd", "{id}", "{copy}", "../../x"]
)


@settings(max_examples=150, deadline=None)
@given(
    WORDS, WORDS, WORDS, WORDS, st.sampled_from(("ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")), st.sampled_from(blockers())
)
def test_hostile_names_never_become_words_of_their_own(name, logical, physical, reason, status, shape):
    """Whatever stands in a name is inside one quoted word, or the step falls back to general advice."""
    bad = replace(shape.event, logical_id=logical, physical_id=physical, reason=reason, stack_name=name, stack_id="")
    steps = way_out(replace(stack(status), name=name), (replace(shape, event=bad, stack_path=(name,)),), aws=AWS)
    known = {word for scene_words in _OPTIONS for word in scene_words}
    for step in steps:
        words = shlex.split(step.command)
        assert words[0] in {"aws", "stackdoctor"}
        loose = [w for w in words if w.startswith("-") and w.partition("=")[0] not in known | {"--"}]
        assert not loose or words[-2:-1] == ["--"], (step, loose)


_OPTIONS = [
    [word for word in shlex.split(step.command) if word.startswith("--")]
    for status, failure, live in scenes()
    for step in way(status, failure, live)
]


# ---------------------------------------------------------------------------------------------- create and delete
def test_a_rolled_back_create_is_deleted_and_made_again():
    steps = way_out(stack("ROLLBACK_COMPLETE"), (), aws=AWS)
    assert [shlex.split(command)[2] for command in commands(steps[:-1])] == ["delete-stack", "wait", "deploy"]
    assert not any(step.destructive for step in steps), "the rollback has deleted everything already"


def test_a_protected_database_is_snapshot_then_unprotected_then_the_stack_is_deleted():
    reason = 'Resource handler returned message: "Cannot delete protected DB Instance, please disable deletion protection and try again."'
    failed = event("AWS::RDS::DBInstance", physical_id="prod-db", reason=reason, logical_id="Db")
    failure = Failure(failed, ("audit",), None, classify(reason, failed.resource_type, failed.status))
    steps = way_out(stack("ROLLBACK_FAILED"), (failure,), aws=CommandStyle("eu-central-1"))
    assert commands(steps) == [
        "aws rds create-db-snapshot --db-instance-identifier prod-db --db-snapshot-identifier final-prod-db-0a1b2c3d --region eu-central-1",
        "aws rds wait db-snapshot-completed --db-snapshot-identifier final-prod-db-0a1b2c3d --region eu-central-1",
        "aws rds modify-db-instance --db-instance-identifier prod-db --no-deletion-protection --apply-immediately --region eu-central-1",
        "aws cloudformation delete-stack --stack-name audit --region eu-central-1",
        "aws cloudformation wait stack-delete-complete --stack-name audit --region eu-central-1",
        "aws cloudformation deploy --stack-name audit --template-file template.yaml --region eu-central-1",
        "stackdoctor diagnose audit --region eu-central-1",
    ]
    assert [step.destructive for step in steps] == [False, False, False, True, False, False, False]


def test_protection_that_is_off_already_is_not_turned_off_again():
    steps = way("ROLLBACK_FAILED", blocker("AWS::RDS::DBInstance", Category.DELETION_PROTECTION), BlockerState(protected=False))
    assert offered(steps, "create-db-snapshot")
    assert not offered(steps, "modify-db-instance")


def test_protection_read_live_is_turned_off_although_the_message_does_not_name_it():
    steps = way("DELETE_FAILED", blocker("AWS::RDS::DBCluster", Category.OTHER), BlockerState(protected=True))
    assert offered(steps, "--no-deletion-protection")


def test_a_member_of_a_cluster_is_saved_and_unprotected_as_the_cluster():
    member = blocker("AWS::RDS::DBInstance", Category.DELETION_PROTECTION, properties=json.dumps({"DBClusterIdentifier": "aurora"}))
    steps = way("ROLLBACK_FAILED", member, BlockerState())
    assert not offered(steps, "db-instance")
    assert position(steps, "create-db-cluster-snapshot --db-cluster-identifier aurora") < position(
        steps, "modify-db-cluster --db-cluster-identifier aurora"
    )


def test_a_blocker_that_is_gone_needs_nothing():
    steps = way_out(
        stack("ROLLBACK_FAILED"),
        (blocker("AWS::RDS::DBInstance", Category.DELETION_PROTECTION),),
        states={"audit/Blocker": BlockerState(gone=True)},
        aws=AWS,
    )
    assert commands(steps)[0].startswith("aws cloudformation delete-stack")


def test_termination_protection_goes_last_before_the_delete():
    steps = way("ROLLBACK_FAILED", blocker("AWS::RDS::DBInstance", Category.DELETION_PROTECTION), BlockerState())
    assert position(steps, "--no-enable-termination-protection") + 1 == position(steps, "delete-stack")
    assert not offered(way_out(stack("ROLLBACK_FAILED"), (), aws=AWS), "termination-protection")


def test_the_last_resort_keeps_only_what_failed():
    steps = way_out(
        stack("DELETE_FAILED"), (blocker("AWS::WAF::IPSet", Category.QUOTA, logical_id="A"), blocker("X::Y::Z", Category.OTHER, logical_id="B")),
        aws=AWS,
    )  # fmt: skip
    assert offered(steps, "--retain-resources A B")


def test_a_nested_blocker_is_retained_in_its_own_stack_which_goes_first():
    steps = way_out(stack("DELETE_FAILED"), (nested("AWS::WAF::IPSet", Category.QUOTA),), aws=AWS)
    (retain,) = offered(steps, "--retain-resources")
    assert "stack/audit-Storage-1ABC-Database-Z2VKC706XKXT/" in retain.command
    assert steps[steps.index(retain) + 1].command.startswith("aws cloudformation delete-stack --stack-name audit ")


def test_a_nested_stack_diagnosed_alone_sends_operations_to_its_root():
    alone = replace(stack("UPDATE_ROLLBACK_FAILED"), root_id="arn:aws:cloudformation:eu-central-1:1:stack/root/1")
    steps = way_out(alone, (), aws=AWS)
    assert offered(steps, "continue-update-rollback --stack-name arn:aws:cloudformation:eu-central-1:1:stack/root/1")


def test_a_role_the_stack_was_made_with_is_used_again():
    steps = way_out(replace(stack("ROLLBACK_COMPLETE"), role_arn="arn:aws:iam::1:role/cfn"), (), aws=AWS)
    assert offered(steps, "deploy --stack-name audit --template-file template.yaml --role-arn arn:aws:iam::1:role/cfn")


def test_a_redeploy_command_of_the_caller_replaces_ours():
    *_, redeploy, _check = way_out(stack("ROLLBACK_COMPLETE"), (), aws=AWS, redeploy="npx cdk deploy audit")
    assert redeploy.command == "npx cdk deploy audit"


# ---------------------------------------------------------------------------------------------- update
def test_only_what_failed_during_the_rollback_is_skipped_on_the_root_by_the_nested_stack_s_name():
    found = (
        blocker("AWS::Lambda::Function", Category.NOT_FOUND, "UPDATE_FAILED", logical_id="Fn"),
        nested("AWS::RDS::DBInstance", Category.NOT_FOUND, "UPDATE_FAILED", logical_id="Db"),
        blocker("AWS::CloudFormation::Stack", Category.NESTED_STACK_CASCADE, "UPDATE_FAILED", logical_id="Storage", physical_id="arn:x"),
        blocker("AWS::SNS::Topic", Category.CANCELLED_NOISE, "UPDATE_FAILED", logical_id="Topic"),
        blocker("AWS::S3::Bucket", Category.NOT_EMPTY, "DELETE_FAILED", logical_id="Logs"),
    )
    steps = way_out(stack("UPDATE_ROLLBACK_FAILED"), found, aws=CommandStyle("eu-central-1"))
    (skip,) = offered(steps, "--resources-to-skip")
    assert skip.command == (
        "aws cloudformation continue-update-rollback --stack-name audit "
        "--resources-to-skip Fn audit-Storage-1ABC-Database-Z2VKC706XKXT.Db --region eu-central-1"
    )
    assert "drift" in skip.why
    plain = position(steps, "continue-update-rollback --stack-name audit --region")
    assert plain < steps.index(skip)


def test_nothing_is_skipped_when_nothing_failed_to_roll_back():
    steps = way_out(stack("UPDATE_ROLLBACK_FAILED"), (blocker("AWS::S3::Bucket", Category.NOT_EMPTY),), aws=AWS)
    assert not offered(steps, "--resources-to-skip")


def test_a_rollback_that_deletes_nothing_needs_no_snapshot():
    steps = way_out(stack("UPDATE_ROLLBACK_FAILED"), (blocker("AWS::RDS::DBInstance", Category.NOT_FOUND, "UPDATE_FAILED"),), aws=AWS)
    assert not offered(steps, "snapshot")
    assert not any(step.destructive for step in steps)


@pytest.mark.parametrize("status", ["CREATE_FAILED", "UPDATE_FAILED"])
def test_with_rollback_disabled_the_stack_is_fixed_in_place_or_rolled_back_destructively(status):
    steps = way(status, None, BlockerState())
    (back,) = offered(steps, "rollback-stack")
    assert back.destructive
    assert "--disable-rollback" in steps[-2].command
    assert position(steps, "redshift create-cluster-snapshot") < steps.index(back), "what the stack stores is saved first"


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", "DELETE_COMPLETE"])
def test_where_nothing_is_stuck_the_next_deployment_can_begin(status):
    steps = way_out(stack(status), (blocker("AWS::S3::Bucket", Category.NOT_EMPTY),), aws=AWS)
    assert len(steps) == 2
    assert "audit-logs" in steps[0].why, "what the clean-up left behind is named"


def test_an_import_that_cannot_be_rolled_back_keeps_the_template_first():
    steps = way_out(stack("IMPORT_ROLLBACK_FAILED"), (), aws=AWS)
    assert "get-template" in steps[0].command
    assert position(steps, "delete-stack") > 0
    assert not offered(steps, "continue-update-rollback"), "CloudFormation documents it for updates only"


def test_a_planned_stack_is_dropped_without_loss():
    steps = way_out(stack("REVIEW_IN_PROGRESS"), (), aws=AWS)
    assert [shlex.split(c)[2] for c in commands(steps[:-1])] == ["list-change-sets", "delete-stack", "wait", "deploy"]
    assert not any(step.destructive for step in steps)


def test_a_state_of_the_future_is_looked_at_before_anything():
    steps = way_out(stack("EVENTUAL_FAILED"), (), aws=AWS)
    assert "describe-stacks" in steps[0].command


# ---------------------------------------------------------------------------------------------- what must be empty
def test_what_writes_to_a_bucket_is_stopped_before_the_bucket_is_copied_and_emptied():
    steps = way("ROLLBACK_FAILED", blocker("AWS::S3::Bucket", Category.NOT_EMPTY), BlockerState(versioned=False))
    stop, copy, empty = (
        position(steps, part) for part in ("cloudtrail stop-logging --name audit-trail", "s3 sync s3://audit-logs", "s3 rm")
    )
    assert stop < copy < empty
    for part in ("delete-flow-logs", "put-bucket-logging --bucket web-assets", "disable-logging", "access_logs.s3.enabled", "AccessLog"):
        assert position(steps, part) < copy


def test_a_failed_trail_is_stopped_too_and_a_deleted_one_is_not():
    trail = event("AWS::CloudTrail::Trail", "UPDATE_FAILED", logical_id="T", physical_id="t", properties='{"S3BucketName": "audit-logs"}')
    full = (blocker("AWS::S3::Bucket", Category.NOT_EMPTY),)
    failed = Failure(trail, ("audit",), None, Reason(Category.S3_DENY))
    assert offered(way_out(stack("ROLLBACK_FAILED"), full, root_failed=(failed,), aws=AWS), "stop-logging --name t")
    gone = replace(trail, status="DELETE_COMPLETE")
    assert not offered(way_out(stack("ROLLBACK_FAILED"), full, root_failed=(failed,), resources=(gone,), aws=AWS), "stop-logging")


def test_a_versioned_bucket_is_emptied_version_by_version():
    for live in (BlockerState(versioned=True), BlockerState()):
        steps = way("ROLLBACK_FAILED", blocker("AWS::S3::Bucket", Category.NOT_EMPTY), live)
        assert position(steps, "list-object-versions") < position(steps, "delete-objects")
        assert not offered(steps, "s3 rm")


def test_the_list_of_versions_is_what_delete_objects_takes(tmp_path):
    import jmespath

    steps = way("ROLLBACK_FAILED", blocker("AWS::S3::Bucket", Category.NOT_EMPTY), BlockerState())
    words = shlex.split(offered(steps, "list-object-versions")[0].command)
    query = words[words.index("--query") + 1]
    answer = {"Versions": [{"Key": "a", "VersionId": "1", "Size": 3}], "DeleteMarkers": [{"Key": "b", "VersionId": "2", "IsLatest": True}]}
    assert jmespath.search(query, answer) == {"Objects": [{"Key": "a", "VersionId": "1"}, {"Key": "b", "VersionId": "2"}], "Quiet": True}
    assert jmespath.search(query, {"Versions": answer["Versions"]})["Objects"] == [{"Key": "a", "VersionId": "1"}]
    assert jmespath.search(query, {})["Objects"] == []


def test_object_lock_in_compliance_mode_is_not_fought():
    steps = way("DELETE_FAILED", blocker("AWS::S3::Bucket", Category.NOT_EMPTY), BlockerState(object_lock=True, lock_mode="COMPLIANCE"))
    assert not offered(steps, "delete-objects")
    assert offered(steps, "get-object-lock-configuration")


def test_every_type_that_must_be_empty_keeps_what_it_holds_first():
    for kind in EMPTY:
        steps = way("ROLLBACK_FAILED", blocker(kind, Category.NOT_EMPTY), BlockerState())
        assert not steps[0].destructive
        assert ">" in steps[0].command or "stop" in steps[0].command


# ---------------------------------------------------------------------------------------------- dependents, access, custom
def real(resource_type, reason, status="DELETE_FAILED", **changes):
    """A failure as the pipeline makes it: the reason is read by classify."""
    failed = event(resource_type, status, reason=reason, **changes)
    return Failure(failed, ("audit",), None, classify(reason, resource_type, status))


@pytest.mark.parametrize(
    ("resource_type", "reason", "part"),
    [
        (
            "AWS::EC2::Subnet",
            "The subnet 'subnet-4de64215' has dependencies and cannot be deleted.",
            "--filters Name=subnet-id,Values=subnet-",
        ),
        ("AWS::EC2::SecurityGroup", "resource sg-9f14bae0 has a dependent object", "--filters Name=group-id,Values=sg-"),
        ("AWS::EC2::VPC", "The vpc 'vpc-b1a910d5' has dependencies and cannot be deleted.", "describe-vpc-endpoints --filters Name=vpc-id"),
        (
            "AWS::EC2::VPCGatewayAttachment",
            "Network vpc-054f99c6f5b77b893 has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.",
            "describe-addresses",
        ),
        (
            "AWS::IAM::Role",
            "Cannot delete entity, must detach all policies first. (Error Code: DeleteConflict)",
            "list-attached-role-policies",
        ),
        (
            "AWS::CloudFormation::Stack",
            "Export Stack1:ExportsOutputFnGetAtt-sg1-C785ABD5GroupId30372C66 cannot be deleted as it is in use by Stack2",
            "list-imports --export-name Stack1:ExportsOutputFnGetAtt-sg1-C785ABD5GroupId30372C66",
        ),
        (
            "AWS::Lambda::Function",
            (
                "An error occurred (InvalidParameterValueException) when calling the DeleteFunction operation: Lambda was unable to delete "
                "arn:aws:lambda:us-east-1:111122223333:function:x:1 because it is a replicated function."
            ),
            "cloudfront list-distributions",
        ),
        (
            "AWS::CloudFormation::Stack",
            "Role arn:aws:iam::999999999999:role/cdk-hnb9999ds-cfn-exec-role-999999999-us-east-2 is invalid or cannot be assumed",
            "create-role --role-name cdk-hnb9999ds-cfn-exec-role-999999999-us-east-2 ",
        ),
        ("AWS::S3::Bucket", "The bucket you tried to delete is not empty (Error Code: BucketNotEmpty)", "delete-objects"),
        (
            "AWS::ECR::Repository",
            (
                "The repository with name 'a' in registry with id '1' cannot be deleted because it still contains images "
                "(Error Code: RepositoryNotEmptyException)"
            ),
            "delete-repository",
        ),
        (
            "AWS::Cognito::UserPool",
            "The user pool cannot be deleted because deletion protection is activated.",
            "--deletion-protection INACTIVE",
        ),
    ],
)
def test_real_reasons_lead_to_the_command_that_clears_them(resource_type, reason, part):
    own = {"logical_id": "audit", "physical_id": stack("").id} if resource_type == "AWS::CloudFormation::Stack" else {}
    steps = way_out(stack("DELETE_FAILED"), (real(resource_type, reason, **own),), aws=AWS)
    assert offered(steps, part), commands(steps)
    assert position(steps, part) < position(steps, "delete-stack --stack-name audit --region")


def test_a_missing_permission_is_granted_to_the_caller_that_lacks_it():
    denied = Denied("arn:aws:sts::111122223333:assumed-role/deployer/x", "iam:DeleteRole", "role audit-role")
    failure = blocker("AWS::IAM::Role", Category.IAM_IDENTITY_DENY, why=Reason(Category.IAM_IDENTITY_DENY, DeniedBy.IAM, denied))
    (grant,) = offered(way("DELETE_FAILED", failure, BlockerState()), "put-role-policy --role-name deployer")
    words = shlex.split(grant.command)
    (statement,) = json.loads(words[words.index("--policy-document") + 1])["Statement"]
    assert statement["Action"] == "iam:DeleteRole"
    assert statement["Resource"] == ["arn:aws:iam::111122223333:role/audit-role", "arn:aws:iam::111122223333:role/*/audit-role"]


@pytest.mark.parametrize("category", [Category.EXPLICIT_DENY_SCP, Category.EXPLICIT_DENY_OTHER, Category.UNSPECIFIED_DENY])
def test_a_deny_that_no_identity_policy_lifts_gets_no_policy(category):
    denied = Denied("arn:aws:sts::111122223333:assumed-role/deployer/x", "iam:DeleteRole", "*")
    failure = blocker("AWS::IAM::Role", category, why=Reason(category, DeniedBy.SCP, denied))
    assert not offered(way("DELETE_FAILED", failure, BlockerState()), "-policy --")


def test_a_blocker_nobody_knows_gets_the_message_and_no_invented_command():
    failure = blocker("AWS::New::Thing", Category.DELETION_PROTECTION, reason="It is locked by the lunar lock")
    steps = way_out(stack("ROLLBACK_FAILED"), (failure,), aws=AWS)
    assert shlex.split(steps[0].command)[:3] == ["aws", "cloudformation", "describe-stack-resource"]
    assert "It is locked by the lunar lock" in steps[0].why
    assert all(command.startswith(("aws cloudformation ", "stackdoctor ")) for command in commands(steps))


def test_a_custom_resource_that_did_not_answer_leads_to_its_function_and_log():
    (failure,) = (f for f in blockers() if f.event.resource_type == "Custom::Cleaner" and f.event.properties)
    steps = way("DELETE_FAILED", failure, BlockerState())
    assert offered(steps, "lambda get-function --function-name arn:aws:lambda:eu-central-1:111122223333:function:on-event")
    assert offered(steps, "filter-log-events --log-group-name /aws/lambda/on-event")


# ---------------------------------------------------------------------------------------------- what is read live
def types_read():
    return sorted({f.event.resource_type for f in blockers() if reads_for(f)})


@pytest.mark.parametrize("kind", types_read())
def test_reads_are_permitted_and_valid(kind):
    for ask in reads_for(blocker(kind, Category.DELETION_PROTECTION)):
        assert ask.call.name in OPERATIONS
        assert ask.call.region == "eu-central-1"
        model = ServiceModel(Loader().load_service_model(ask.call.service, "service-2"), ask.call.service)
        shape = model.operation_model(ask.call.operation).input_shape
        assert not ParamValidator().validate(dict(ask.call.params), shape).has_errors()


def test_every_flag_is_shown_where_the_api_shows_it():
    """The path to each flag exists in the model of the answer."""
    for kind, flag in FLAGS.items():
        if not flag.shown:
            continue
        service, operation = flag.read
        shape = ServiceModel(Loader().load_service_model(service, "service-2"), service).operation_model(operation).output_shape
        for part in flag.shown:
            shape = shape.member if isinstance(part, int) or "=" in part else shape.members[part]
        assert shape.type_name in {"boolean", "string"}, kind


def test_answers_become_states():
    def state(kind, **answers):
        return state_from(kind, {name.replace("__", ":").replace("_", "-"): Found(value) for name, value in answers.items()})

    assert state("AWS::RDS::DBInstance", rds__DescribeDBInstances={"DBInstances": [{"DeletionProtection": True}]}).protected is True
    assert (
        state("AWS::Cognito::UserPool", cognito_idp__DescribeUserPool={"UserPool": {"DeletionProtection": "INACTIVE"}}).protected is False
    )
    assert state("AWS::RDS::DBCluster", rds__DescribeDBClusters={"DBClusters": []}).gone is True
    off = {"Attributes": [{"Key": "a", "Value": "1"}, {"Key": "deletion_protection.enabled", "Value": "false"}]}
    assert state("AWS::ElasticLoadBalancingV2::LoadBalancer", elbv2__DescribeLoadBalancerAttributes=off).protected is False
    bucket = state(
        "AWS::S3::Bucket", s3__GetBucketVersioning={"Status": "Suspended"}, s3__ListObjectVersions={"DeleteMarkers": [{"Key": "a"}]}
    )
    assert (bucket.versioned, bucket.empty, bucket.object_lock) == (True, False, None)
    free = {
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Status": "available"}, {"NetworkInterfaceId": "eni-2", "Status": "in-use"}]
    }
    assert state("AWS::EC2::Subnet", ec2__DescribeNetworkInterfaces=free).free == ("eni-1",)
    soa = [{"Name": "a.", "Type": "SOA"}, {"Name": "a.", "Type": "NS"}, {"Name": "b.a.", "Type": "NS"}]
    assert state("AWS::Route53::HostedZone", route53__ListResourceRecordSets={"ResourceRecordSets": soa}).settings == {"records": soa[2:]}


def test_what_could_not_be_read_is_not_known():
    unread = Unreadable("state", "AccessDenied")
    assert state_from("AWS::RDS::DBInstance", {"rds:DescribeDBInstances": unread}) == BlockerState()
    assert state_from("AWS::RDS::DBInstance", {}) == BlockerState()
    assert state_from("AWS::RDS::DBInstance", {"rds:DescribeDBInstances": Found({"odd": 1})}) == BlockerState()
    assert state_from("AWS::RDS::DBInstance", {"rds:DescribeDBInstances": Absent("DBInstanceNotFound")}).gone is True
    no_lock = {"s3:GetObjectLockConfiguration": Absent("ObjectLockConfigurationNotFoundError")}
    assert state_from("AWS::S3::Bucket", no_lock) == BlockerState(object_lock=False)


def test_a_user_pool_is_passed_again_whole():
    pool = {
        "Id": "p", "Name": "n", "DeletionProtection": "ACTIVE", "MfaConfiguration": "OPTIONAL", "CreationDate": "2026-01-01T00:00:00Z",
        "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 7}},
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True, "UnusedAccountValidityDays": 7},
    }  # fmt: skip
    failure = blocker("AWS::Cognito::UserPool", Category.DELETION_PROTECTION)
    live = state_from("AWS::Cognito::UserPool", {"cognito-idp:DescribeUserPool": Found({"UserPool": pool})})
    words = shlex.split(
        offered(way_out(stack("ROLLBACK_FAILED"), (failure,), states={key_of(failure): live}, aws=AWS), "update-user-pool")[0].command
    )
    passed = json.loads(words[words.index("--cli-input-json") + 1])
    assert passed == {
        "UserPoolId": "eu-central-1_AbCdEfGhI", "DeletionProtection": "INACTIVE", "MfaConfiguration": "OPTIONAL", "Policies": pool["Policies"],
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------- next time
def test_a_database_gets_a_snapshot_policy_and_no_protection_until_it_was_made_once():
    changes = {(c.path, c.value, c.attribute) for c in prevention(blocker("AWS::RDS::DBInstance", Category.DELETION_PROTECTION))}
    assert changes == {
        ("DeletionProtection", False, False),
        ("DeletionPolicy", "Snapshot", True),
        ("UpdateReplacePolicy", "Snapshot", True),
    }


def test_a_table_stays_unless_its_create_failed():
    changes = {(c.path, c.value) for c in prevention(blocker("AWS::DynamoDB::Table", Category.DELETION_PROTECTION))}
    assert changes == {
        ("DeletionProtectionEnabled", False),
        ("DeletionPolicy", "RetainExceptOnCreate"),
        ("UpdateReplacePolicy", "Retain"),
    }


def test_a_repository_may_be_emptied_and_a_bucket_is_left():
    assert [(c.path, c.value) for c in prevention(blocker("AWS::ECR::Repository", Category.NOT_EMPTY))] == [("EmptyOnDelete", True)]
    assert {c.value for c in prevention(blocker("AWS::S3::Bucket", Category.NOT_EMPTY))} == {"Retain"}


def test_where_the_template_is_not_to_blame_nothing_is_changed():
    for failure in blockers():
        if failure.reason.category not in {Category.DELETION_PROTECTION, Category.NOT_EMPTY}:
            assert prevention(failure) == ()
