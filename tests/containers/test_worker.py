"""The Worker in the real runtime keeps its promises, and a simpler Worker breaks each of them: every check has teeth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache

import openai
import pytest

from proxycfg.origin import Origin
from proxycfg.targets.cloudflare.worker import COMPATIBILITY_DATE
from tests.clients.chat import Broken
from tests.clients.websocket import Closed, Refused
from tests.containers import scenarios, worker_checks
from tests.containers.raw_origin import RawOrigin
from tests.containers.scenarios import Scenario
from tests.containers.worker_checks import Check
from tests.containers.worker_stand import (
    BARE,
    BLIND,
    COPIES,
    EAGER,
    ENDS,
    HASTY,
    LOGS,
    NAIVE,
    QUICK,
    RETRIES,
    SLOW,
    WHOLE,
    WorkerStand,
    generated,
    greedy,
    serve,
    with_code,
)
from tests.engines import Proxies

Stands = Callable[[str], WorkerStand]

WORKERS = {
    "generated": lambda: generated(SLOW),
    "quick": lambda: generated(QUICK),
    "naive": lambda: with_code(NAIVE),
    "whole": lambda: with_code(WHOLE),
    "copies": lambda: with_code(COPIES),
    "ends": lambda: with_code(ENDS),
    "eager": lambda: with_code(EAGER),
    "hasty": lambda: with_code(HASTY),
    "blind": lambda: with_code(BLIND),
    "bare": lambda: with_code(BARE),
    "retries": lambda: with_code(RETRIES),
    "logs": lambda: with_code(LOGS),
    "greedy": greedy,
}
OURS = ("generated", "quick")

CHECKS: dict[Check, tuple[str, str]] = {
    worker_checks.events_come_one_by_one: ("generated", "whole"),
    worker_checks.lines_come_one_by_one: ("generated", "whole"),
    worker_checks.huge_events_come_whole: ("generated", "whole"),
    worker_checks.a_compressed_stream_is_not_touched: ("quick", "whole"),
    worker_checks.silence_is_filled: ("quick", "naive"),
    worker_checks.silence_before_the_headers_is_filled: ("quick", "naive"),
    worker_checks.a_comment_never_cuts_an_event: ("quick", "blind"),
    worker_checks.a_break_between_events_is_told: ("generated", "naive"),
    worker_checks.half_an_event_is_never_delivered: ("generated", "ends"),
    worker_checks.a_break_anywhere_leaves_whole_events: ("generated", "ends"),
    worker_checks.half_of_a_huge_event_is_never_delivered: ("generated", "ends"),
    worker_checks.an_orderly_end_in_an_event_is_told: ("generated", "naive"),
    worker_checks.an_orderly_end_is_no_failure: ("generated", "hasty"),
    worker_checks.headers_that_stop_halfway_are_told: ("generated", "naive"),
    worker_checks.an_origin_that_is_not_there_is_told: ("generated", "naive"),
    worker_checks.an_error_page_becomes_an_event: ("generated", "naive"),
    worker_checks.a_client_of_json_keeps_its_status: ("generated", "naive"),
    worker_checks.a_late_failure_is_told_in_the_stream: ("quick", "naive"),
    worker_checks.an_event_source_goes_on_after_a_failure: ("generated", "naive"),
    worker_checks.an_sdk_raises_its_own_error: ("generated", "naive"),
    worker_checks.half_a_line_is_never_delivered: ("generated", "naive"),
    worker_checks.lines_have_no_pages: ("generated", "naive"),
    worker_checks.nothing_of_a_url_is_logged: ("generated", "logs"),
    worker_checks.a_client_that_closes_is_noticed: ("quick", "naive"),
    worker_checks.a_client_that_breaks_off_is_noticed: ("generated", "copies"),
    worker_checks.many_streams_are_carried: ("generated", "whole"),
    worker_checks.a_slow_reader_costs_little: ("generated", "eager"),
    worker_checks.sockets_are_passed_on: ("generated", "whole"),
    worker_checks.answers_that_are_no_streams_stay: ("generated", "copies"),
    worker_checks.other_paths_are_left_alone: ("generated", "greedy"),
    worker_checks.streams_are_neither_kept_nor_changed: ("generated", "naive"),
    worker_checks.a_request_is_sent_once: ("generated", "retries"),
}
"""What must hold, of which of our Workers, and which simpler one it does not hold of."""

SCENARIOS: dict[Scenario, str] = {
    scenarios.sse_in_step: "whole",
    scenarios.sse_split_in_step: "whole",
    scenarios.openai_in_step: "whole",
    scenarios.ndjson_in_step: "whole",
    scenarios.websocket_in_step: "whole",
    scenarios.connect_in_step: "whole",
    scenarios.grpc_web_in_step: "whole",
    scenarios.upload_in_step: "bare",
    scenarios.origin_learns_that_the_socket_was_dropped: "whole",
}
"""The same of what all proxies play; native gRPC is not among them, for the local runtime has no HTTP/2 in clear text."""

FAILURES = (AssertionError, OSError, Refused, Closed, KeyError, ValueError, Broken, openai.APIError)
"""What a client sees of a Worker that fails it: a wrong answer, a timeout or a cut."""


@pytest.fixture(scope="module")
def stands(proxies: Proxies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
    """The Workers of this module, each started when it is first asked for."""
    count = itertools.count()
    with Origin.start(grpc_web=True) as origin, RawOrigin.start() as raw, proxies.scope() as start:

        @cache
        def get(kind: str) -> WorkerStand:
            folder = tmp_path_factory.mktemp(f"worker{next(count)}")
            return serve(start, folder, origin, raw, WORKERS[kind](), patience=10.0 if kind in OURS else 1.0)

        yield get


@pytest.mark.engine
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_worker_keeps_its_promise(stands: Stands, check: Check) -> None:
    """Each check holds of what proxycfg generates."""
    check(stands(CHECKS[check][0]))


@pytest.mark.engine
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_simpler_worker_does_not(stands: Stands, check: Check) -> None:
    """And fails of one that people write."""
    with pytest.raises(FAILURES):
        check(stands(CHECKS[check][1]))


@pytest.mark.engine
def test_the_runtime_is_the_one_of_the_compatibility_date(stands: Stands, proxies: Proxies) -> None:
    """And has nothing to say, such as that a flag is needless or the date too new for it."""
    worker = stands("quick")
    worker.client.get("/events", script="sse; event")

    assert proxies.version("workerd") == f"workerd {COMPATIBILITY_DATE}"
    assert "compatibility" not in worker.proxy.logs()


@pytest.mark.engine
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_worker_plays_what_all_proxies_play(stands: Stands, scenario: Scenario) -> None:
    """Streams of every kind in lock-step, those that it leaves alone among them."""
    worker = stands("generated")

    scenario(worker.stage, worker.client)


@pytest.mark.engine
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_simpler_worker_does_not_play_it(stands: Stands, scenario: Scenario) -> None:
    """The scenarios have teeth here as well."""
    worker = stands(SCENARIOS[scenario])

    with pytest.raises(FAILURES):
        scenario(worker.stage, worker.client)
