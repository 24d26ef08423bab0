"""The environment becomes settings, and settings an environment."""

from collections.abc import Iterator

import pytest

from shared.settings import Settings, environment, settings

AGENT = "http://169.254.170.2/api/0123"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Each test reads its own environment."""
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_where_ecs_answers_is_known_by_the_name_that_ecs_gives_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ECS_AGENT_URI", AGENT)
    assert settings().agent == AGENT


def test_elsewhere_nobody_protects_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECS_AGENT_URI", raising=False)
    assert settings().agent == ""


def test_a_subprocess_reads_the_settings_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings(agent=AGENT, fleet_floor=2, fleet_job_seconds=0.5, queues={"a": "https://b"})
    for name, value in environment(chosen).items():
        monkeypatch.setenv(name, value)
    assert settings() == chosen
