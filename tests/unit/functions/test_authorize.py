"""Keys open what is their tenant's, until they are revoked; nothing of them can be read back."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.authorize import handler as authorizer
from shared.errors import InvalidRequest, NotFound
from shared.keys import create_key, list_keys, revoke_key, verify
from shared.ports import Table
from tests.unit.functions.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage.at(tmp_path)
    monkeypatch.setattr(authorizer, "connect", lambda: stage.system)
    return stage


@pytest.fixture
def table(stage: Stage) -> Table:
    return stage.system.table


def asked(**headers: str) -> dict[str, Any]:
    """The authorizer's answer to a request event of an HTTP API, payload 2.0."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event = {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-central-1:1:api/$default/GET/v1/jobs",
        "identitySource": [named.get("authorization", "")],
        "routeKey": "$default",
        "rawPath": "/v1/jobs",
        "rawQueryString": "",
        "headers": named,
        "requestContext": {"http": {"method": "GET", "path": "/v1/jobs"}},
    }
    return authorizer.handler(event, None)


def test_a_key_says_whose_call_it_is(stage: Stage, table: Table) -> None:
    record, secret = create_key(table, "ann", "her phone", stage.clock.now)
    opened = {"isAuthorized": True, "context": {"tenant": "ann", "key": record.id}}
    assert asked(authorization=f"Bearer {secret}") == opened
    assert asked(authorization=f"bearer  {secret} ") == opened
    assert asked(authorization="Basic YTpi", x_api_key=secret) == {"isAuthorized": False}


def test_nothing_else_opens(stage: Stage, table: Table) -> None:
    record, secret = create_key(table, "ann", "her phone", stage.clock.now)
    for given in (
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {secret}x",
        f"Bearer {secret[:-1]}",
        f"Bearer {secret.upper()}",
        f"Bearer {record.digest}",
        f"Bearer {record.pk}",
        f"Bearer {secret} {secret}",
        f"Basic {secret}",
        secret,
        "Bearer " + "a" * 100_000,
        "Bearer ak_é",
    ):
        assert asked(authorization=given) == {"isAuthorized": False}
    assert asked() == {"isAuthorized": False}
    assert authorizer.handler({}, None) == {"isAuthorized": False}


def test_a_bearer_that_does_not_fit_is_not_rescued_by_the_other_header(
    stage: Stage, table: Table
) -> None:
    _, secret = create_key(table, "ann", "her phone", stage.clock.now)
    answer = asked(authorization="Bearer nonsense", x_api_key=secret)
    assert answer == {"isAuthorized": False}


def test_a_secret_has_256_random_bits_and_is_not_kept(stage: Stage, table: Table) -> None:
    record, secret = create_key(table, "ann", "her phone", stage.clock.now)
    assert re.fullmatch(rf"ak_{record.id}_[A-Za-z0-9_-]{{43}}", secret)
    assert secret.removeprefix(f"ak_{record.id}_") not in record.model_dump_json()
    assert stage.system.settings.data is not None
    for path in stage.system.settings.data.glob("atelier.db*"):
        assert secret.encode()[-43:] not in path.read_bytes()


def test_a_revoked_key_opens_nothing(stage: Stage, table: Table) -> None:
    record, secret = create_key(table, "ann", "her phone", stage.clock.now)
    _, other = create_key(table, "ann", "her tablet", stage.clock.now)
    revoked = revoke_key(table, record.id, stage.clock.now)
    assert revoked.revoked_at == stage.clock.now
    assert verify(table, secret) is None
    assert asked(authorization=f"Bearer {secret}") == {"isAuthorized": False}
    assert verify(table, other) is not None
    assert revoke_key(table, record.id, stage.clock.now + timedelta(1)) == revoked


def test_a_key_that_is_unknown_cannot_be_revoked(stage: Stage, table: Table) -> None:
    with pytest.raises(NotFound, match="no key"):
        revoke_key(table, "nobody", stage.clock.now)


def test_all_keys_are_listed_the_oldest_first(stage: Stage, table: Table) -> None:
    made = []
    for number in range(230):
        made.append(create_key(table, f"t{number}", "key", stage.clock.pass_by(seconds=1))[0])
    revoke_key(table, made[5].id, stage.clock.now)
    listed = list_keys(table)
    assert [key.id for key in listed] == [key.id for key in made]
    assert [key.revoked_at for key in listed].count(None) == 229


@pytest.mark.parametrize(
    "tenant", ["", "-a", "Ann", "a b", "a/b", "a.b", "ä", "a" * 64, "../up", "a\n"]
)
def test_a_tenants_name_is_good_in_a_key_and_a_path(
    table: Table, tenant: str, stage: Stage
) -> None:
    with pytest.raises(InvalidRequest):
        create_key(table, tenant, "key", stage.clock.now)


@pytest.mark.parametrize("tenant", ["a", "0", "local", "a-b-", "a" * 63])
def test_these_are_tenants(table: Table, tenant: str, stage: Stage) -> None:
    assert create_key(table, tenant, "key", stage.clock.now)[0].tenant == tenant


@pytest.mark.parametrize("name", ["", "n" * 101])
def test_a_key_has_a_name(table: Table, name: str, stage: Stage) -> None:
    with pytest.raises(InvalidRequest):
        create_key(table, "ann", name, stage.clock.now)
