"""The catalogue: what can be made, as data.

The worker's models describe themselves (`python -m gpu_worker models --json`); the description is
committed as `catalogue.json`, which the api validates requests against and serves.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import fastjsonschema
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.errors import InvalidRequest, ModelNotFound

BUILT_IN = Path(__file__).with_name("catalogue.json")


class Localised(BaseModel):
    """One text in the two languages of the page."""

    model_config = ConfigDict(frozen=True)

    en: str
    zh: str


class ModelAbout(BaseModel):
    """What a model says of itself, apart from its schemas."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["paint"])
    version: str = Field(examples=["1"])
    task: str = Field(examples=["photo-to-painting"])
    title: Localised
    description: Localised
    licence: str = Field(description="SPDX expression of the code and the weights together.")
    media_type: str = Field(default="image/png", description="What an artwork of this model is.")
    pool: str = Field(default="standard", description="The fleet that runs this model.")
    limits: dict[str, int] = Field(default_factory=dict)
    example: str | None = Field(default=None, description="A picture that shows what it does.")


class ModelCard(ModelAbout):
    """A model as the catalogue lists it: `input` and `params` are JSON Schemas."""

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,))

    input: dict[str, Any]
    params: dict[str, Any]

    @cached_property
    def _check_input(self) -> Any:
        return fastjsonschema.compile(self.input, use_default=False)

    @cached_property
    def _check_params(self) -> Any:
        return fastjsonschema.compile(self.params, use_default=False)

    def check(self, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        """Raise `InvalidRequest` where the input or the parameters break their schema."""
        for where, validate, value in (
            ("input", self._check_input, given),
            ("params", self._check_params, params),
        ):
            try:
                validate(dict(value))
            except fastjsonschema.JsonSchemaValueException as broken:
                raise InvalidRequest(broken.message.replace("data", where, 1)) from None


class Catalogue:
    """The models of one deployment, by name."""

    def __init__(self, cards: list[ModelCard]) -> None:
        self.cards = {card.name: card for card in sorted(cards, key=lambda card: card.name)}

    @classmethod
    def read(cls, path: Path = BUILT_IN) -> "Catalogue":
        return cls(TypeAdapter(list[ModelCard]).validate_json(path.read_bytes()))

    def get(self, name: str) -> ModelCard:
        """The model of that name, or `ModelNotFound`."""
        if name not in self.cards:
            raise ModelNotFound(f"there is no model {name!r}; there are {', '.join(self.cards)}")
        return self.cards[name]
