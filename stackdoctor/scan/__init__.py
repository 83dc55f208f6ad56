"""`stackdoctor scan`: what is stuck, and what will be denied its next write."""
