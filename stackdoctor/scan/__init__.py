"""`stackdoctor scan`: what is stuck, and what will be denied its next write, in one account or a thousand.

places       the command line → accounts and Regions         run         some at a time, each once, in a stable order
one          `scan_place`: one account and Region, pure      checkpoint  results in SQLite: resume, and what changed
stacks       the stuck stacks of it, each diagnosed          stored      the checkpoint → the report, row by row
deliveries   what delivers logs in it, and AWS's word on it  codec       values ↔ JSON
latent       each delivery judged on the live policies       telling     findings → a sentence, fixes
shared       answers that an account's Regions share         listing     pages of a listing
surprise     a bug hides one thing, not the scan

`gathered` and `fitting` are for the parts of a scan that Step Functions runs.
"""
