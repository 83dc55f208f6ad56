"""Secrets go before anybody sees them; with --redact so do account ids and names, consistently and without a trace."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackdoctor.redact import AWS_OWNED, Redactor, scrub_secrets
from stackdoctor.scrub import secret_name

ACCOUNT, OTHER = "111122223333", "444455556666"


# ------------------------------------------------------------------------------------------------------------- secrets
@pytest.mark.parametrize(
    "name",
    ["MasterUserPassword", "Password", "DBPassword", "SecretString", "ClientSecret", "SecretAccessKey", "AuthToken", "ApiKey", "PrivateKey",
     "OAuthToken", "password", "db_password", "SessionToken", "sessionToken", "GitHubToken", "Passphrase", "AccessKeyId", "accessKeyId", "SecretKey"],
)  # fmt: skip
def test_a_property_with_a_secret_s_name_is_hidden(name: str) -> None:
    assert scrub_secrets({name: "hunter2"}) == {name: "****"}


@pytest.mark.parametrize(
    "name",
    ["SecretArn", "SecretId", "SecretName", "NextToken", "ClientRequestToken", "TokenKeyId", "PasswordPolicy", "KmsKeyId", "KmsKeyArn", "Key",
     "token.actions.githubusercontent.com:sub", "aws:TokenIssueTime", "MinimumPasswordLength", "PolicyName", "StackId", "KeyPolicy",
     "secretsmanager:SecretId", "SecretTargetAttachmentType"],
)  # fmt: skip
def test_what_only_sounds_like_one_stays(name: str) -> None:
    assert scrub_secrets({name: "value"}) == {name: "value"}
    assert not secret_name(name)


SECRET: dict[str, Any] = {
    "stack parameters": {"Stacks": [{"Parameters": [{"ParameterKey": "P", "ParameterValue": "hunter2", "ResolvedValue": "hunter2"}]}]},
    "stack outputs": {"Stacks": [{"Outputs": [{"OutputKey": "O", "OutputValue": "hunter2"}]}]},
    "event properties": {"StackEvents": [{"ResourceProperties": json.dumps({"MasterUserPassword": "hunter2", "Engine": "pg"})}]},
    "function environment": {"StackEvents": [{"ResourceProperties": json.dumps({"Environment": {"Variables": {"URL": "hunter2"}}})}]},
    "container environment": {"ContainerDefinitions": [{"Environment": [{"Name": "URL", "Value": "hunter2"}]}]},
    "build environment": {"EnvironmentVariables": [{"Name": "X", "Type": "PLAINTEXT", "Value": "hunter2"}]},
    "user data": {"LaunchTemplateData": {"UserData": "aHVudGVyMg== hunter2"}},
    "user data by function": {"UserData": {"Fn::Base64": {"Fn::Sub": "echo hunter2"}}},
    "NoEcho in a JSON template": {
        "TemplateBody": json.dumps({"Parameters": {"P": {"Type": "String", "NoEcho": True, "Default": "hunter2"}}})
    },
    "NoEcho as text": {"TemplateBody": json.dumps({"Parameters": {"P": {"Type": "String", "NoEcho": "true", "Default": "hunter2"}}})},
    "a parameter named so": {"TemplateBody": json.dumps({"Parameters": {"DbPassword": {"Type": "String", "Default": "hunter2"}}})},
    "cut off JSON": {"ResourceProperties": '{"MasterUserPassword": "hunter2", "Tags": [{"Ke'},
    "cut off inside the secret": {"ResourceProperties": '{"MasterUserPassword": "hunter2 and mo'},
    "a list of them": {"Passwords": ["hunter2", "hunter2"]},
    "joined": {"Password": {"Fn::Join": ["", ["hunter2", {"Ref": "X"}]]}},
    "a number": {"Password": "hunter2", "Pin": 1},
    "event history": {"Events": [{"CloudTrailEvent": json.dumps({"responseElements": {"credentials": {"sessionToken": "hunter2"}}})}]},
    "custom resource": {"ResourceProperties": json.dumps({"ServiceToken": "arn:x", "Config": {"apiKey": "hunter2"}})},
    "signed address": {
        "ResourceStatusReason": "GET https://b.s3.amazonaws.com/k?X-Amz-Security-Token=hunter2&X-Amz-Signature=hunter2 failed"
    },
    "old signed address": {
        "ResourceStatusReason": "https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=hunter2&Expires=1"
    },
    "private key": {"ResourceProperties": json.dumps({"Body": "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----"})},
}


@pytest.mark.parametrize("where", SECRET)
def test_secrets_are_hidden_wherever_they_stand_and_only_once(where: str) -> None:
    clean = scrub_secrets(SECRET[where])
    assert "hunter2" not in json.dumps(clean)
    assert scrub_secrets(clean) == clean


def test_access_key_ids_are_taken_out_of_any_text() -> None:
    text = "The key ASIAIOSFODNN7EXAMPLE (AKIAIOSFODNN7EXAMPLE) is not authorized"
    assert not re.search("A[KS]IA[A-Z0-9]{8}", scrub_secrets(text))


YAML = """\
# the database of Password: fame
Parameters:
  Pass:
    Type: String
    NoEcho: true   # never shown
    Default: hunter2
  Open: {Type: String, Default: fine}
  Shut: {Type: String, NoEcho: true, Default: hunter2}
  Echo:
    Default: fine
    NoEcho: false
    Type: String
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: fine
      SecretString: |
        {"user": "hunter2",
         "password": "hunter2"}
      KmsKeyId: !Ref Key
  Db:
    Type: AWS::RDS::DBInstance
    Properties:
      MasterUserPassword: "hunter2"  # change me
      MasterUsername: fine
      DeletionProtection: true
  Other:
    Type: AWS::RDS::DBInstance
    Properties:
      MasterUserPassword: !Ref Pass
      ManageMasterUserPassword: true
  Resolved:
    Properties:
      MasterUserPassword: '{{resolve:secretsmanager:fine}}'
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Environment:
        Variables:
          URL: hunter2
          LONG: >-
            hunter2
            hunter2
          TABLE: !Ref Table
      Handler: fine
  Machine:
    Properties:
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          export X=hunter2

          echo hunter2
      ImageId: fine
  Task:
    Properties:
      ContainerDefinitions:
        - Name: fine
          Environment:
            - Name: URL
              Value: hunter2
          Secrets:
            - Name: PASSWORD
              ValueFrom: fine
"""


def test_a_yaml_template_keeps_its_lines_its_comments_and_everything_that_is_no_secret() -> None:
    clean = scrub_secrets(YAML)
    assert "hunter2" not in clean
    assert clean.count("fine") == YAML.count("fine")
    before, after = YAML.splitlines(), clean.splitlines()
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert old == new or "hunter2" in old or "****" in new
    for kept in (
        "# the database of Password: fame",
        "      MasterUserPassword: !Ref Pass",
        "          TABLE: !Ref Table",
        "    NoEcho: true   # never shown",
    ):
        assert kept in after
    assert scrub_secrets(clean) == clean


def test_a_scrubbed_yaml_template_is_still_yaml_of_the_same_structure() -> None:
    import ruamel.yaml

    def shape(text: str) -> Any:
        parser = ruamel.yaml.YAML(typ="rt")
        return parser.load(text)

    old, new = shape(YAML), shape(scrub_secrets(YAML))
    assert list(new["Resources"]) == list(old["Resources"])
    assert new["Parameters"]["Pass"]["Default"] == "****"
    assert new["Resources"]["Machine"]["Properties"]["ImageId"] == "fine"
    assert list(new["Resources"]["Function"]["Properties"]["Environment"]["Variables"]) == ["URL", "LONG", "TABLE"]


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement": [{"Sid": "AllowToken", "Condition": {"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:x"}}}]}',
        '{"Version":"2012-10-17",\n  "Statement":[ {"Effect":"Allow","Action":"secretsmanager:GetSecretValue"}]}',
        "Insufficient permissions to access S3 bucket logs or KMS key arn:aws:kms:eu-west-1:111122223333:key/1",
        "Resource handler returned message: Invalid request provided: Secret value can't be converted (RequestToken: 1-2, HandlerErrorCode: InvalidRequest)",
        "Resources:\n  Key:\n    Properties:\n      Description: the token of trust\n",
    ],
)
def test_a_text_without_secrets_stays_to_the_letter(text: str) -> None:
    assert scrub_secrets(text) == text
    assert scrub_secrets({"Policy": text})["Policy"] is text or scrub_secrets({"Policy": text}) == {"Policy": text}


def test_policies_and_paging_survive() -> None:
    answer = {"NextToken": "AKIAIOSFODNN7EXAMPLE", "Policy": json.dumps({"Statement": [{"Principal": "*", "Action": ["kms:*"]}]})}
    assert scrub_secrets(answer) == answer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.sampled_from(["Ref", "a\nPassword: x", '{"Secret": "y"}', "NoEcho"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["Password", "Environment", "Default", "NoEcho", "Type", "x"]) | st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_scrubbing_never_raises_and_is_done_once(value: Any) -> None:
    clean = scrub_secrets(value)
    assert scrub_secrets(clean) == clean


@given(st.text(alphabet=st.sampled_from(list("abPassword: {}[]'\"|>-#!\n\r\t ,&*NoEchoDefaultTypetrue")), max_size=200))
def test_scrubbing_any_text_keeps_its_lines(text: str) -> None:
    clean = scrub_secrets("Environment:\n" + text)
    assert clean.count("\n") == text.count("\n") + 1


# ----------------------------------------------------------------------------------------------------------- redaction
@pytest.fixture
def redactor() -> Redactor:
    return Redactor(b"a key for tests")


def test_one_account_has_one_mask_in_every_place(redactor: Redactor) -> None:
    mask = redactor.text(ACCOUNT)
    assert re.fullmatch(r"\d{12}", mask)
    assert mask not in {ACCOUNT, redactor.text(OTHER)}
    for before in (
        "arn:aws:kms:eu-west-1:{}:key/1",
        "arn:aws:s3:::logs-{}/AWSLogs/{}/*",
        '{{"aws:SourceAccount": "{}"}}',
        "x%3A{}%2F",
        "a\\u0026{}",
        "{}",
    ):
        assert redactor.text(before.format(ACCOUNT, ACCOUNT)) == before.format(mask, mask)
    assert redactor.json({ACCOUNT: [int(ACCOUNT), {"Account": ACCOUNT}]}) == {mask: [int(mask), {"Account": mask}]}
    assert redactor.text("1111-2222-3333") == f"{mask[:4]}-{mask[4:8]}-{mask[8:]}"


def test_two_runs_mask_differently_and_the_order_does_not_matter() -> None:
    assert Redactor().text(ACCOUNT) != Redactor().text(ACCOUNT)
    one, other = Redactor(b"k"), Redactor(b"k")
    other.text(OTHER)
    assert one.text(ACCOUNT) == other.text(ACCOUNT)


def test_accounts_of_aws_itself_keep_their_meaning(redactor: Redactor) -> None:
    for account in AWS_OWNED:
        assert redactor.text(f"arn:aws:iam::{account}:root") == f"arn:aws:iam::{account}:root"


LEAKS = {
    "session": f"User: arn:aws:sts::{ACCOUNT}:assumed-role/Admin/jane.doe is not authorized to perform: kms:Decrypt",
    "session at the end": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/jane.doe.",
    "sign-on session": f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jane.doe@corp.example.net",
    "user": f"arn:aws:iam::{ACCOUNT}:user/division/jane.doe, with an explicit deny",
    "federated": f"arn:aws:sts::{ACCOUNT}:federated-user/jane.doe",
    "url encoded": f"arn:aws:sts::{ACCOUNT}:assumed-role%2FAdmin%2Fjane.doe",
    "mail": "Contact jane.doe@corp.example.net!",
    "mail in an address": "https://x/?who=jane.doe%40corp.example.net&x=1",
    "mail in escaped JSON": r'{"a": "x\njane.doe@corp.example.net \u003cjane.doe@corp.example.net\u003e"}',
    "principal id": "AROAIOSFODNN7EXAMPLE1:jane.doe",
    "history": '{"userIdentity":{"type":"IAMUser","userName":"jane.doe","accountId":"111122223333"}}',
    "history in JSON": json.dumps({"CloudTrailEvent": '{"userIdentity": {"userName": "jane.doe"}}'}),
    "tag": '"Tags":[{"Key":"Owner","Value":"jane.doe"}]',
    "tag in YAML": "Tags:\n  - Key: created-by\n    Value: jane.doe\n",
    "template": "Type: AWS::IAM::User\nProperties:\n  UserName: jane.doe\n",
    "access key": "AKIAIOSFODNN7EXAMPLE",
    "longer run of digits": "backup-20261111122223333",
}


@pytest.mark.parametrize("where", LEAKS)
def test_nothing_is_left_behind(redactor: Redactor, where: str) -> None:
    text = LEAKS[where]
    masked = redactor.text(text)
    assert not re.search(rf"{ACCOUNT}|jane|doe|corp|AKIA|IOSFODNN7EXAMPLE", masked)
    assert redactor.text(masked) == masked


def test_a_person_keeps_one_mask_and_is_masked_alone_once_known(redactor: Redactor) -> None:
    first = redactor.text(f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/jane.doe")
    assert redactor.text("asked by jane.doe.") == f"asked by {first.split('/')[-1]}."
    assert redactor.text("jane.doe-bucket and my-jane.doe") == "jane.doe-bucket and my-jane.doe"
    assert redactor.json({"Username": "jane.doe"}) == {"Username": first.split("/")[-1]}


def test_ordinary_words_stay_even_if_somebody_is_called_so(redactor: Redactor) -> None:
    redactor.text(f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/user arn:aws:iam::{ACCOUNT}:user/CloudTrail")
    assert redactor.text("Rollback requested by user. CloudTrail") == "Rollback requested by user. CloudTrail"


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::aws:policy/AdministratorAccess cloudtrail.amazonaws.com",
        "2026-11-20T10:00:00.123456Z 2026-11-20T10:00:00.123456+00:00 key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:iam::*:user/* arn:aws:iam::*:role/${aws:username}",
        '"MasterUsername": "admin", "LogicalResourceId": "UserName"',
        "UserName: !Ref Name",
        "vpc-0123456789abcdef0 1732600000 1732600000.123",
    ],
)
def test_what_names_nobody_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_the_name_of_a_role_stays_it_is_no_person(redactor: Redactor) -> None:
    record = '{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::aws:role/path/deploy-role","userName":"deploy-role"}}'
    assert redactor.text(record) == record
    assert redactor.json(json.loads(record)) == json.loads(record)


def test_user_s_physical_id_and_owner_s_tag_are_names(redactor: Redactor) -> None:
    masked = redactor.json(
        [
            {"ResourceType": "AWS::IAM::User", "PhysicalResourceId": "jane"},
            {"Key": "Owner", "Value": "Jane Doe"},
            {"Key": "env", "Value": "prod"},
        ]
    )
    assert "ane" not in json.dumps(masked)
    assert masked[2] == {"Key": "env", "Value": "prod"}


def test_json_stays_json_and_equal_stays_equal(redactor: Redactor) -> None:
    policy = {
        "Statement": [
            {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Condition": {"StringEquals": {"aws:SourceAccount": [ACCOUNT, OTHER]}}}
        ]
    }
    masked = json.loads(redactor.text(json.dumps(policy)))
    assert masked == redactor.json(policy)
    statement = masked["Statement"][0]
    assert statement["Principal"]["AWS"].split(":")[4] == statement["Condition"]["StringEquals"]["aws:SourceAccount"][0]


@given(
    st.lists(
        st.sampled_from(
            [
                ACCOUNT,
                OTHER,
                "jane.doe@x.org",
                f"arn:aws:sts::{ACCOUNT}:assumed-role/R/joe",
                " ",
                "\n",
                "a-",
                '"',
                "\\u0026",
                "%3A",
                "0",
                "é",
            ]
        ),
        max_size=8,
    )
)
def test_masking_is_done_once_and_commutes_with_writing_json(parts: list[str]) -> None:
    redactor = Redactor(b"k")
    text = "".join(parts)
    masked = redactor.text(text)
    assert redactor.text(masked) == masked
    assert ACCOUNT not in masked
    assert OTHER not in masked
    assert redactor.json({"a": text}) == {"a": masked}


MEGABYTE = 1_000_000
LONG = {
    "blank lines": "Environment:\n" + "\n" * MEGABYTE,
    "spaces in a line": "Password: x\n" + " " * MEGABYTE + "x",
    "spaces behind a key": "Environment\n" + "Password" + " " * MEGABYTE,
    "spaces before a comment": "Password: x\nA: b" + " " * MEGABYTE + "b",
    "dashes": "Environment:\n" + "- " * (MEGABYTE // 2),
    "braces": "Password:\n" + "{" * MEGABYTE,
    "one word in braces": "Password:\n{" + "a" * MEGABYTE,
    "keys": "Secret:\n" + "".join(f" A{n}:\n" for n in range(100_000)),
    "escapes": "Password: x\n" + "%20" * (MEGABYTE // 3),
    "backslashes": '"userName' + "\\" * MEGABYTE,
    "tags": "Key:" * (MEGABYTE // 4) + "Password",
    "names": '{"userName":"x.y' * (MEGABYTE // 16),
    "one name": "arn:aws:iam::111122223333:user/" + "a" * MEGABYTE + "Password",
    "paths": "arn:aws:iam::111122223333:user/" + "a/" * (MEGABYTE // 2) + "Password",
    "dots": "a@" + "a." * (MEGABYTE // 2) + "Password",
    "digits": "1" * MEGABYTE + "Password",
    "private keys": "-----BEGIN " * (MEGABYTE // 11) + "PRIVATE KEY",
    "quotes": '{"Password": "' + '\\"' * (MEGABYTE // 2),
    "brackets": '{"Password":' + "[" * MEGABYTE,
}


@pytest.mark.parametrize("what", LONG)
def test_megabytes_of_anything_take_no_more_than_a_moment(redactor: Redactor, what: str) -> None:
    start = time.process_time()
    redactor.text(scrub_secrets(LONG[what]))
    assert time.process_time() - start < 10  # most take a tenth of a second; what grows with the square takes hours
