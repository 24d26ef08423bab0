"""The routes of the API, and what answers an event by them.

Powertools keeps the routes and describes them. Its own `resolve` has one request at a time, as
Lambda hands them to a process, and takes longer than most answers do; here many threads ask.
"""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from functions.api.arguments import Given, Wanted, read, wanted


class Asked(threading.local):
    """What one thread is asked."""

    event: Mapping[str, Any] | None = None


class Resolver(APIGatewayHttpResolver):
    """Answers events of an HTTP API, payload 2.0."""

    def __init__(self) -> None:
        super().__init__(enable_validation=True)
        self._asked = Asked()
        self._wanted: dict[Route, tuple[Wanted, ...]] = {}

    @property
    def asked(self) -> Mapping[str, Any]:
        """The event that this thread is to answer."""
        return self._asked.event or {}

    def answer(self, event: Mapping[str, Any], body: Any) -> dict[str, Any]:
        """What the function returns for an event, whose body is parsed already. While it waits for
        a write its thread may be lent to another's."""
        before, self._asked.event = self._asked.event, event
        try:
            response = self._called(event, body)
        except Exception as error:
            response = self._told(error)
        finally:
            self._asked.event = before
        return returned(response)

    def matching(self, path: str) -> Iterator[tuple[Route, dict[str, str]]]:
        """The routes at this path, with what they read from it."""
        for route in (*self._static_routes, *self._dynamic_routes):
            if found := route.rule.match(path):
                yield route, found.groupdict()

    def _called(self, event: Mapping[str, Any], body: Any) -> Response[Any]:
        method = event["requestContext"]["http"]["method"].upper()
        for route, found in self.matching(path_of(event)):
            if route.method == method:
                if route not in self._wanted:
                    self._wanted[route] = wanted(route)
                arguments = read(self._wanted[route], Given(found, event, body))
                response: Response[Any] = route.func(**arguments)
                return response
        raise NotFoundError

    def _told(self, error: Exception) -> Response[Any]:
        tell = self.exception_handler_manager.lookup_exception_handler(type(error))
        if tell is None:
            raise error
        response: Response[Any] = tell(error)
        return response


def path_of(event: Mapping[str, Any]) -> str:
    """The path, without the stage that it begins with where that has a name."""
    path, stage = str(event["rawPath"]), event["requestContext"]["stage"]
    return path if stage == "$default" else path[len(f"/{stage}") :]


def returned(response: Response[Any]) -> dict[str, Any]:
    """A response as API Gateway takes it."""
    return {
        "statusCode": int(response.status_code),
        "headers": dict(response.headers),
        "body": response.body,
        "isBase64Encoded": False,
    }
