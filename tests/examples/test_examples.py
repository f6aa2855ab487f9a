"""Each example runs, and so do its ways to fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from statemachine.definition.source import load_source
from statemachine.program.load import check

if TYPE_CHECKING:
    from conftest import Ended, Run

EXAMPLES = Path(__file__).parents[2] / "examples"
DEFINITIONS = sorted(EXAMPLES.rglob("*.asl.*"))


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.name.partition(".")[0])
def test_its_definition_is_sound(path: Path) -> None:
    program, findings = check(load_source(path.read_text(encoding="utf-8"), file=str(path)))
    assert [str(each) for each in findings if each.prevents_running] == []
    assert program is not None


def ledger(path: Path) -> list[str]:
    return [json.loads(line)["service"] for line in path.read_text().splitlines()]


# -- order-fulfilment ------------------------------------------------------------------------------------------------


def order(**changes: Any) -> str:
    value = {"orderId": 7, "sku": "teapot", "quantity": 2, "unitPrice": 19, "pickupInSeconds": 0}
    return json.dumps(value | changes)


def run_order(run: Run, value: str, calls: Path) -> Ended:
    return run("order-fulfilment", value, "--tasks", "tasks.yaml", ORDER_LEDGER=str(calls))


def test_an_order_is_paid_reserved_and_shipped(run: Run, tmp_path: Path) -> None:
    """With the example's own input: the payment fails once and is retried, the pickup is waited for."""
    ended = run_order(run, "@order.json", tmp_path / "calls")
    assert ended.status == 0
    given = json.loads((EXAMPLES / "order-fulfilment" / "order.json").read_text())
    assert ended.output == {
        **given,
        "prepared": {
            "payment": {"paymentId": "pay-7", "amount": 38},
            "reservation": {"reservationId": "res-7", "sku": "teapot", "quantity": 2},
        },
        "shipment": {"trackingNumber": "track-7"},
    }
    calls = ledger(tmp_path / "calls")
    assert sorted(calls) == ["charge", "charge", "reserve", "ship"]
    assert calls[-1] == "ship"


def test_a_declined_payment_releases_the_stock(run: Run, tmp_path: Path) -> None:
    ended = run_order(run, order(declinePayment=True), tmp_path / "calls")
    assert ended.status == 1
    assert (ended.result["status"], ended.result["error"]) == ("FAILED", "PaymentDeclined")
    assert ended.result["cause"] == "order 7 could not be fulfilled"
    assert ended.states()[-2:] == ["ReleaseStock", "NotFulfilled"]
    calls = ledger(tmp_path / "calls")
    assert calls.count("charge") == 1
    assert calls[-1] == "release"
    assert "ship" not in calls


def test_an_order_that_is_out_of_stock_is_not_shipped(run: Run, tmp_path: Path) -> None:
    ended = run_order(run, order(quantity=101), tmp_path / "calls")
    assert (ended.status, ended.result["error"]) == (1, "OutOfStock")
    assert "ship" not in ledger(tmp_path / "calls")


@pytest.mark.parametrize("value", ["{}", '{"quantity": 0}', '{"quantity": "two"}'])
def test_an_order_without_a_quantity_is_rejected(value: str, run: Run, tmp_path: Path) -> None:
    ended = run_order(run, value, tmp_path / "calls")
    assert (ended.status, ended.result["error"]) == (1, "InvalidOrder")
    assert ended.states() == ["CheckOrder", "Rejected"]
    assert not (tmp_path / "calls").exists()


# -- order-saga, trip-booking ------------------------------------------------------------------------------------------


def run_saga(run: Run, calls: Path, **changes: Any) -> Ended:
    given = order(address="Baker Street", **changes) if "address" not in changes else order(**changes)
    return run("order-fulfilment", given, "--tasks", "tasks.yaml", definition="order-saga", ORDER_LEDGER=str(calls))


def test_an_order_that_cannot_be_shipped_is_undone_and_goes_on(run: Run, tmp_path: Path) -> None:
    ended = run_saga(run, tmp_path / "calls", address="nowhere")
    assert (ended.status, ended.output) == (0, {"orderId": 7, "undone": True, "because": "nobody lives nowhere"})
    assert ledger(tmp_path / "calls") == ["reserve", "charge", "ship", "refund", "release"]


def test_a_payment_that_is_declined_releases_what_was_reserved(run: Run, tmp_path: Path) -> None:
    ended = run_saga(run, tmp_path / "calls", declinePayment=True)
    assert (ended.status, ended.result["error"]) == (1, "PaymentDeclined")
    assert ledger(tmp_path / "calls") == ["reserve", "charge", "release"]


def test_an_order_that_is_shipped_is_not_undone(run: Run, tmp_path: Path) -> None:
    ended = run_saga(run, tmp_path / "calls")
    assert (ended.status, ended.output["shipment"]) == (0, {"trackingNumber": "track-7"})
    assert ledger(tmp_path / "calls") == ["reserve", "charge", "ship"]


BOOKED = [("book flight", "Lisbon"), ("book hotel", "monday"), ("book hotel", "tuesday"), ("rent car", "Lisbon")]
CANCELLED = [
    *[("cancel hotel", "hotel-tuesday")] * 2,
    *[("cancel hotel", "hotel-monday")] * 2,
    ("cancel flight", "flight-to-Lisbon"),
]


@pytest.mark.parametrize(
    ("changes", "error", "calls"),
    [
        ({}, "NoCarLeft", BOOKED + CANCELLED),
        ({"cars": 1}, None, [*BOOKED, ("send itinerary", "Lisbon")]),
        (
            {"cars": 1, "email": None},
            "NoAddress",
            [*BOOKED, ("send itinerary", "Lisbon"), ("return car", "car-in-Lisbon"), *CANCELLED],
        ),
    ],
)
def test_a_trip_is_booked_or_cancelled(
    changes: dict[str, Any], error: str | None, calls: list[tuple[str, str]], run: Run, tmp_path: Path
) -> None:
    given = json.loads((EXAMPLES / "trip-booking" / "trip.json").read_text()) | changes
    ended = run("trip-booking", json.dumps(given), "--tasks", "tasks.yaml", TRIP_LEDGER=str(tmp_path / "calls"))
    assert (ended.status, ended.result.get("error")) == (0 if error is None else 1, error)
    noted = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [(each["service"], each["what"]) for each in noted] == calls


# -- invoice-map -----------------------------------------------------------------------------------------------------


def test_invoice_lines_are_priced_and_added_up(run: Run) -> None:
    ended = run("invoice-map", "@lines.json")
    assert (ended.status, ended.output) == (0, {"lines": 4, "total": 9095, "currency": "EUR"})
    assert ended.states().count("Price") == 4


def test_an_invoice_line_that_is_no_number_fails(run: Run) -> None:
    ended = run("invoice-map", json.dumps({"currency": "EUR", "lines": ["teapot,two,1900"]}))
    assert (ended.status, ended.result["error"]) == (1, "States.IntrinsicFailure")


def test_an_empty_invoice_is_an_empty_sum(run: Run) -> None:
    ended = run("invoice-map", json.dumps({"currency": "EUR", "lines": []}))
    assert (ended.status, ended.output) == (0, {"lines": 0, "total": 0, "currency": "EUR"})


# -- exec-pipeline ---------------------------------------------------------------------------------------------------


def test_the_words_of_a_text_are_counted(run: Run) -> None:
    ended = run("exec-pipeline", "@text.json")
    assert ended.status == 0
    counts = [("the", 3), ("dog", 2), ("quick", 1)]
    assert ended.output == {"report": [{"word": word, "count": count} for word, count in counts]}


def test_an_empty_text_is_caught(run: Run) -> None:
    ended = run("exec-pipeline", '{"text": ""}')
    assert (ended.status, ended.output) == (0, "nothing to count")
    failed = [each for each in ended.history if each["type"] == "TaskFailed"]
    assert failed[0]["taskFailedEventDetails"]["error"] == "Exec.ExitCode.1"
    assert "no words" in failed[0]["taskFailedEventDetails"]["cause"]


def test_a_text_that_is_none_fails_in_the_first_program(run: Run) -> None:
    ended = run("exec-pipeline", '{"text": 7}')
    assert (ended.status, ended.result["error"]) == (1, "Exec.ExitCode.1")
    assert "AttributeError" in ended.result["cause"]


# -- human-approval --------------------------------------------------------------------------------------------------


def test_without_an_answer_the_request_is_escalated(run: Run, tmp_path: Path) -> None:
    ended = run("human-approval", "@request.json", APPROVAL_INBOX=str(tmp_path))
    assert ended.status == 0
    assert ended.output == {"request": "holiday", "decision": "escalated", "because": "States.Timeout"}


@pytest.mark.parametrize(
    ("answer", "status", "output", "error"),
    [
        ({"approved": True}, 0, {"request": "holiday", "decision": "approved", "by": "manager"}, None),
        ({"approved": True, "by": "deputy"}, 0, {"request": "holiday", "decision": "approved", "by": "deputy"}, None),
        ({"approved": False, "reason": "too busy"}, 1, None, "Refused"),
    ],
)
def test_an_answer_in_time_decides(
    answer: dict[str, Any], status: int, output: Any, error: str | None, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "holiday.json").write_text(json.dumps(answer))
    value = json.dumps({"request": "holiday", "answerWithinSeconds": 60})
    ended = run("human-approval", value, APPROVAL_INBOX=str(tmp_path))
    assert (ended.status, ended.output, ended.result.get("error")) == (status, output, error)
    if error:
        assert ended.result["cause"] == "too busy"


def test_an_answer_that_comes_while_it_waits_decides(tmp_path: Path) -> None:
    """The answer is written only when the request waits for it."""
    request = '{"request": "holiday", "answerWithinSeconds": 60}'
    arguments = ["human-approval.asl.yaml", "--input", request, "--store", str(tmp_path / "s.db")]
    with subprocess.Popen(
        [sys.executable, "-m", "statemachine", "run", *arguments],
        cwd=EXAMPLES / "human-approval",
        env={**os.environ, "APPROVAL_INBOX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        from statemachine.store.sqlite import SqliteStore

        while process.poll() is None:
            if (tmp_path / "s.db").exists():
                store = SqliteStore(tmp_path / "s.db")
                records = store.list().records
                store.close()
                if records and records[0].states == ("AskManager",):
                    break
        part = tmp_path / "holiday.part"
        part.write_text('{"approved": true}')
        part.rename(tmp_path / "holiday.json")
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert json.loads(out)["decision"] == "approved"


# -- http-quote ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quotes(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A tasks file for the example's own server, on a free port; and the server's handler class."""
    spec = spec_from_file_location("quote_server", EXAMPLES / "http-quote" / "server.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    server = HTTPServer(("127.0.0.1", 0), module.Quotes)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    bound = (EXAMPLES / "http-quote" / "tasks.yaml").read_text()
    tasks = tmp_path / "tasks.yaml"
    tasks.write_text(bound.replace("127.0.0.1:8765", f"127.0.0.1:{server.server_port}"))
    yield str(tasks), module.Quotes
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("value", "decision", "price"),
    [
        ("@order.json", "accept", 36),
        ('{"item": "teapot", "count": 3, "limit": 36}', "accept", 36),
        ('{"item": "teapot", "count": 4, "limit": 40}', "decline", 48),
    ],
)
def test_a_quote_is_taken_up_to_the_limit(
    value: str, decision: str, price: int, run: Run, quotes: tuple[str, Any]
) -> None:
    pytest.importorskip("httpx")
    tasks, handler = quotes
    ended = run("http-quote", value, "--tasks", tasks)
    assert (ended.status, ended.output) == (0, {"decision": decision, "price": price})
    assert handler.calls == 2  # it was busy once
    failed = [each for each in ended.history if each["type"] == "LambdaFunctionFailed"]
    assert [each["lambdaFunctionFailedEventDetails"]["error"] for each in failed] == ["States.Http.StatusCode.503"]


def test_a_server_that_is_not_there_fails_the_execution(run: Run, quotes: tuple[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("httpx")
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]  # bound, and nobody listens
        tasks = tmp_path / "nobody.yaml"
        tasks.write_text(f"arn:aws:lambda:us-east-1:123456789012:function:quote: http://127.0.0.1:{port}/quote\n")
        ended = run("http-quote", "@order.json", "--tasks", str(tasks))
    assert (ended.status, ended.result["error"]) == (1, "States.Http.Socket")


# -- nested-shipping -------------------------------------------------------------------------------------------------


def test_an_order_is_shipped_by_another_state_machine(run: Run) -> None:
    ended = run("nested-shipping", "@order.json", "--machines", "machines")
    assert ended.status == 0
    assert ended.output["shipment"]["tracking"] == "TRK-7"
    assert ended.states() == ["Pack", "Label"], "the newest execution is the child"


def test_shipping_needs_its_machine(run: Run) -> None:
    with pytest.raises(AssertionError, match=r"no handler is bound to:\n +arn:aws:states:::states:startExecution"):
        run("nested-shipping", "@order.json")
