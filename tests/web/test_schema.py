"""Requests that are made after the schema, right and wrong ones: nothing breaks the service."""

from collections import Counter
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stillseek.web.service_settings import named_folders

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def api(start, media):
    running = start(hosts=("testserver",), queue=8, max_uploads=5)
    # As the examples of the schema call it.
    (folder,) = named_folders((media,)).values()
    running.service.settings.folders["videos"] = folder
    return schemathesis.openapi.from_asgi("/openapi.json", running.client.app)


def test_the_schema_has_examples_and_types_of_errors(running) -> None:
    told = running.client.get("/openapi.json").json()

    operations = [each for path in told["paths"].values() for each in path.values()]
    assert len(operations) > 20
    assert all(operation["summary"] and operation.get("description") for operation in operations)
    errors = told["components"]["schemas"]["Fault"]["properties"]["type"]["enum"]
    assert "queue_full" in errors
    locate = told["components"]["schemas"]["LocateIn"]["properties"]
    assert locate["video"]["examples"] == ["folder:videos/match.mp4"]
    for path, operation in told["paths"].items():
        assert "429" in next(iter(operation.values()))["responses"], path


@pytest.mark.slow
# Of schemathesis, which makes identifiers.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
def test_requests_after_the_schema(api) -> None:
    """Its examples, what it allows, and what it does not."""
    statuses: Counter[int] = Counter()
    for operation in (found.ok() for found in api.get_all_operations()):
        strategies = [(each, 1) for each in operation.get_strategies_from_examples()]
        strategies += [(operation.as_strategy(mode), 30) for mode in GenerationMode]
        for strategy, number in strategies:

            @settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))
            @given(case=strategy)
            def ask(case) -> None:
                statuses[case.call_and_validate(checks=CHECKS).status_code] += 1

            # There is nothing wrong to say to a route that takes nothing.
            with suppress(Unsatisfiable):
                ask()
    # Not everything is refused.
    assert {200, 202, 404, 422} <= statuses.keys(), statuses
