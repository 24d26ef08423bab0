"""What the functions call besides: a secret, a topic nobody listens to, a fleet that sleeps."""

from tests.bench.wire_stub.message import Answer, told

SECRET = "the master secret"
PUBLISHED = (
    b'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
    b"<Failed/><Successful/></PublishBatchResult></PublishBatchResponse>"
)


def secret() -> Answer:
    return told({"ARN": "arn:aws:secretsmanager:::secret", "SecretString": SECRET})


def workers() -> Answer:
    return told({"services": [{"desiredCount": 0, "runningCount": 0}]})


def published() -> Answer:
    return Answer(200, PUBLISHED, {"Content-Type": "text/xml"})
