"""The only package that talks to AWS; read-only by construction. The only one that imports boto3 and botocore.

settings   what the command line says about the account              session   credentials, Region, clients; failures to start
live       `LiveReader`: one API call in, plain JSON or ReadError out  guard     what may leave the process
workers    calls side by side, with one deadline                       failures  exception → kind of ReadError
plain      botocore's answer → JSON                                    debug     --debug without secrets
regions    what botocore knows of Regions without asking

Import `live` and `session` only when a command needs them: they cost 400 ms.
"""
