"""A stub of the AWS wire for benchmarks: DynamoDB, SQS and S3 in one process's memory.

It keeps just enough of their promises for jobs to pass through our adapters, and checks no
signature. It is cheap, so that it leaves the processor to who is measured.
"""
