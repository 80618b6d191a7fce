"""Bodies of requests: read within bounds, parsed strictly, checked by a model where the domain has no own check."""

import asyncio
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from api.problems import BodyTooSlow, MalformedRequest, NotThisMediaType
from api.request_errors import sentences_of
from api.strict_json import parse_json
from kit.errors import InvalidInput

BODY_WITHIN_S: Final = 30.0
JSON_TYPES: Final = ("application/json", "text/json")

REQUEST_MODELS: Final[dict[str, type[BaseModel]]] = {}
"""Models that the OpenAPI document describes request bodies by, by name."""


class RequestModel(BaseModel):
    """A body whose fields are known by name; nothing is converted and nothing unknown is accepted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=RequestModel)


async def raw_body(request: Request) -> bytes:
    """Return the whole body; its size was bounded before. Raises NotThisMediaType for a body that is no JSON."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES and not media_type.endswith("+json"):
        raise NotThisMediaType(f"The body is said to be {media_type[:80]!r}; send it as application/json.")
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await request.body()
    except TimeoutError as error:
        raise BodyTooSlow(f"The body did not arrive within {BODY_WITHIN_S:g} seconds; send it faster.") from error


BodyOf = Annotated[bytes, Depends(raw_body)]


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises MalformedRequest, InvalidInput."""
    document = parse_json(body)
    if not isinstance(document, dict):
        raise MalformedRequest(f"The body is a JSON {_kind(document)}; send one JSON object.")
    return document


def read_model(body: bytes, model: type[Model]) -> Model:
    """Return the body as ``model``. Raises MalformedRequest, InvalidInput that names the first wrong field."""
    document = read_object(body)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        sentence = sentences_of([dict(first)])[0]
        value = None if first["type"] == "missing" else first["input"]
        rule = sentence["rule"]
        if first["type"] == "extra_forbidden":
            rule = f"is no field here; known are {', '.join(sorted(model.model_fields))}"
        about_the_field = first["type"] in ("missing", "extra_forbidden")
        raise InvalidInput(sentence["field"], value, rule, show_value=not about_the_field) from error


def body_of(model: type[BaseModel], *others: type[BaseModel], media_type: str = "application/json") -> dict[str, Any]:
    """Return what a route says of its body in the OpenAPI document; with ``others``, any of the models."""
    for each in (model, *others):
        REQUEST_MODELS[each.__name__] = each
    references = [{"$ref": f"#/components/schemas/{each.__name__}"} for each in (model, *others)]
    schema: dict[str, Any] = references[0] if len(references) == 1 else {"anyOf": references}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _kind(document: object) -> str:
    kinds = {list: "list", str: "text", bool: "true or false", int: "number", float: "number", type(None): "null"}
    return kinds.get(type(document), "value")
