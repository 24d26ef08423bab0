"""What is cut out of the SDK's data for the layer: nothing that a call needs."""

import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.loaders import Loader
from botocore.session import Session

from shared.trim import MODEL, SERVICES, trim
from tests.contract.conftest import CREDENTIALS, REGION

ROOT = Path(__file__).parents[3]
NOWHERE = "http://127.0.0.1:9"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "table", "Key": {"pk": {"S": "a"}}}),
    "ecs": ("describe_services", {"cluster": "cluster", "services": ["spot"]}),
    "s3": ("get_object", {"Bucket": "bucket", "Key": "key"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "secret"}),
    "sns": (
        "publish_batch",
        {
            "TopicArn": "arn:aws:sns:eu-central-1:0:topic",
            "PublishBatchRequestEntries": [{"Id": "1", "Message": "told"}],
        },
    ),
    "sqs": ("send_message", {"QueueUrl": f"{NOWHERE}/0/queue", "MessageBody": "look"}),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's data, cut."""
    data = tmp_path_factory.mktemp("botocore") / "data"
    shutil.copytree(Path(botocore.__file__).with_name("data"), data)
    trim(data, ROOT / "shared" / "aws")
    return data


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_client_makes_its_calls_from_what_is_left(data: Path, service: str) -> None:
    operation, request = CALLS[service]
    client = made(data, service, REGION, NOWHERE)
    with pytest.raises(EndpointConnectionError):
        getattr(client, operation)(**request)
    client.close()


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_is_found_where_the_sdk_finds_it(data: Path, service: str, region: str) -> None:
    whole = Path(botocore.__file__).with_name("data")
    found, expected = (made(place, service, region) for place in (data, whole))
    assert found.meta.endpoint_url == expected.meta.endpoint_url
    found.close()
    expected.close()


def made(data: Path, service: str, region: str, endpoint: str | None = None) -> Any:
    """A client, from that data."""
    session = Session()
    loader = Loader([str(data)], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    once = Config(retries={"total_max_attempts": 1})
    return session.create_client(service, region, endpoint_url=endpoint, config=once)


def test_what_nobody_calls_is_gone(data: Path) -> None:
    assert {path.name for path in data.iterdir() if path.is_dir()} == SERVICES
    (s3,) = data.glob(f"s3/*/{MODEL}")
    assert "CreateBucket" not in json.loads(s3.read_text())["operations"]
    assert sum(path.stat().st_size for path in data.glob(f"*/*/{MODEL}")) < 200_000
