"""The three services of the order example: payment, inventory, shipping.

Each call is written to a ledger (the file named by ORDER_LEDGER, if set) with its operation id. A real service would
use that id as an idempotency key: it is the same when a call is made again after a crash.
"""

import json
import os
from pathlib import Path

from statemachine import TaskContext, TaskError


class GatewayTimeout(Exception):
    """The payment gateway did not answer; worth a retry."""


def charge(order, context: TaskContext):
    """Take the money. Fails `paymentFailures` times first, so that the retrier has something to do."""
    _note("charge", context)
    if order.get("declinePayment"):
        raise TaskError("PaymentDeclined", "the card was declined")
    if context.attempt < order.get("paymentFailures", 0):
        raise GatewayTimeout("no answer from the payment gateway")
    return {"paymentId": f"pay-{order['orderId']}", "amount": order["quantity"] * order["unitPrice"]}


def reserve(order, context: TaskContext):
    """Put the goods aside."""
    _note("reserve", context)
    if order["quantity"] > 100:
        raise TaskError("OutOfStock", f"only 100 of {order['sku']} are left")
    return {"reservationId": f"res-{order['orderId']}", "sku": order["sku"], "quantity": order["quantity"]}


def ship(parcel, context: TaskContext):
    """Hand the parcel over."""
    _note("ship", context)
    if parcel.get("address") == "nowhere":
        raise TaskError("Undeliverable", f"nobody lives {parcel['address']}")
    return {"trackingNumber": f"track-{parcel['orderId']}"}


def release(order, context: TaskContext):
    """Put the goods back."""
    _note("release", context)
    return {"orderId": order["orderId"]}


def refund(order, context: TaskContext):
    """Give the money back."""
    _note("refund", context)
    return {"paymentId": order["payment"]["paymentId"]}


def _note(service, context):
    ledger = os.environ.get("ORDER_LEDGER")
    if ledger:
        line = json.dumps({"service": service, "operation": context.operation_id, "attempt": context.attempt})
        with Path(ledger).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
