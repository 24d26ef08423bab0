"""What a route's function is called with: each value validated once, by the annotation that
documents it.

Powertools draws from the annotations what a route wants, as `/v1/openapi.json` tells it. Its own
validation draws half of that anew at each request, which costs more than all the rest of an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.openapi.compat import ModelField, get_missing_field_error
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError


class Given(NamedTuple):
    """What a request brings along."""

    path: Mapping[str, str]
    event: Mapping[str, Any]
    body: Any
    """Parsed; None where there is none."""

    def value(self, wanted: "Wanted") -> Any:
        """None where it is not there."""
        match wanted.place:
            case "path":
                return self.path.get(wanted.name)
            case "query":
                return self._query(wanted.name)
            case "header":
                return self.event["headers"].get(wanted.name.lower())
        return self.body

    def _query(self, name: str) -> str | list[str] | None:
        """A name that came more than once is no single value, and API Gateway joins them all."""
        joined: str | None = self.event["queryStringParameters"].get(name)
        if joined is None or "," not in joined:
            return joined
        pairs = parse_qsl(self.event.get("rawQueryString", ""), keep_blank_values=True)
        values = [value for known, value in pairs if known == name]
        return values if len(values) > 1 else joined


class Wanted(NamedTuple):
    """One parameter of a route's function."""

    place: str
    name: str
    """As requests write it."""
    field: ModelField

    @property
    def where(self) -> tuple[str, ...]:
        """What a problem with it names."""
        return (self.place,) if self.place == "body" else (self.place, self.name)

    def read(self, given: Given) -> tuple[Any, Sequence[dict[str, Any]]]:
        """Its value, and what is wrong with that."""
        value = given.value(self)
        if value is not None:
            value, errors = self.field.validate(value, loc=self.where)
            return value, errors or ()
        if self.field.required:
            return None, [get_missing_field_error(self.where)]
        return self.field.get_default(), ()


def wanted(route: Route) -> tuple[Wanted, ...]:
    """What its function is called with."""
    takes = route.dependant
    places = {
        "path": takes.path_params,
        "query": takes.query_params,
        "header": takes.header_params,
        "body": takes.body_params,
    }
    return tuple(
        Wanted(place, field.alias, field) for place, fields in places.items() for field in fields
    )


def read(all_wanted: Sequence[Wanted], given: Given) -> dict[str, Any]:
    """The arguments. Raises `RequestValidationError` with all that is wrong."""
    values, errors = {}, list[dict[str, Any]]()
    for one in all_wanted:
        values[one.field.name], found = one.read(given)
        errors += found
    if errors:
        raise RequestValidationError(errors)
    return values
