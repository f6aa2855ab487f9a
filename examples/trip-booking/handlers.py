"""The services of the trip example: flights, hotels, cars.

Each call is written to a ledger (the file named by TRIP_LEDGER, if set) with its operation id. A real service would use
that id as an idempotency key: it is the same when a call is made again after a crash.
"""

import json
import os
from pathlib import Path

from statemachine import TaskContext, TaskError


class HotelBusy(Exception):
    """The hotel does not answer the phone; worth a retry."""


def book_flight(trip, context: TaskContext):
    _note("book flight", trip["to"], context)
    return {"flightId": f"flight-to-{trip['to']}"}


def cancel_flight(booking, context: TaskContext):
    _note("cancel flight", booking["flight"]["flightId"], context)
    return {"cancelled": booking["flight"]["flightId"]}


def book_hotel(night, context: TaskContext):
    _note("book hotel", night, context)
    return {"hotelId": f"hotel-{night}"}


def cancel_hotel(booking, context: TaskContext):
    """The first call for a booking fails, so that the retrier has something to do."""
    _note("cancel hotel", booking["hotelId"], context)
    if context.attempt == 0:
        raise HotelBusy("nobody answers")
    return {"cancelled": booking["hotelId"]}


def rent_car(trip, context: TaskContext):
    _note("rent car", trip["to"], context)
    if trip["cars"] < 1:
        raise TaskError("NoCarLeft", f"all cars in {trip['to']} are taken")
    return {"carId": f"car-in-{trip['to']}"}


def return_car(trip, context: TaskContext):
    _note("return car", trip["car"]["carId"], context)
    return {"returned": trip["car"]["carId"]}


def send_itinerary(trip, context: TaskContext):
    _note("send itinerary", trip["to"], context)
    if not trip.get("email"):
        raise TaskError("NoAddress", "nobody to send the itinerary to")


def _note(service, what, context):
    ledger = os.environ.get("TRIP_LEDGER")
    if ledger:
        line = {"service": service, "what": what, "operation": context.operation_id, "attempt": context.attempt}
        with Path(ledger).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
