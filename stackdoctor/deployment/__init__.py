"""What runs stackdoctor on AWS's own engines: templates and documents as Python values, and the Lambda package.

organization   the CloudFormation template: schedule → Distributed Map → report, and a diagnosis of every stack that fails
machines       its two state machines (Amazon States Language)      grants   its least-privilege roles
role           the read-only role for every account (a StackSet)    runbook  the SSM Automation document
package        the zip of the Lambda functions                      text     values → YAML or JSON

Nothing here talks to AWS.
"""
