"""stackdoctor: from the name of a failed CloudFormation stack to the policy statement that denied it."""

__version__ = "0.1.0"
