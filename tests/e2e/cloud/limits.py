"""What the emulator cannot do of the template, and who does it instead.

Nothing else is left out: what the template declares is made, or it is named here. What it makes and
does not do is asserted in `test_cloud_stack`, but for this, which nothing here can show: whether a
token is signed, request throttling and reserved concurrency, keys of KMS, the fairness of queues.
"""

from typing import Any

INSTEAD = {
    "AWS::Lambda::": "its service is off, it would run anybody's code: `runtime_api` and `sources`",
    "AWS::Events::Rule": "its target is a function: the test says when a minute is over",
    "AWS::CloudWatch::": "it has no metrics of queues, nor metric math: nobody watches here",
    "AWS::CloudFormation::Stack": "it starts no machine: the test starts the worker",
}
"""Types of resources, as their names begin, that are not made."""

ROUTES = "AWS::ApiGatewayV2::Api"
"""Made without its routes, which lead to functions: `gateway` reads them."""


def is_left_out(kind: str) -> bool:
    """Whether a resource of that type is not made."""
    return kind.startswith(tuple(INSTEAD))


BATCHED = (
    "sns:Publish",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:SendMessage",
)
"""In AWS these rights cover the calls for several at once, which have no rights of their own."""


def translated(value: Any, secrets: set[str]) -> Any:
    """In the emulator's words: a reference to a secret is its name there, not its ARN, and who may
    do one thing may not do several at once."""
    match value:
        case {"Ref": str(name)} if name in secrets:
            return {"Fn::GetAtt": [name, "Id"]}
        case dict():
            return {key: translated(one, secrets) for key, one in value.items()}
        case list():
            return [translated(one, secrets) for one in value]
        case str() if value in BATCHED:
            return f"{value}*"
    return value
