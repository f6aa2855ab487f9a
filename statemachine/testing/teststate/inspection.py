"""`inspectionData`: what happened to the data between a state's input and its output.

Rules (API reference, InspectionData; recorded for every state type)
- INFO shows nothing of it. DEBUG and TRACE show the same, and TRACE the request and response of an HTTP task as well.
- A value is shown as JSON text; one that was given as text is shown as it was written, blanks included. Lists that a
  Map makes of its items are lists of JSON texts: ``["a", "b"]``.
- What a state shows, in its order, up to the point where it failed:

      JSONPath  Pass               input afterInputPath afterParameters afterResultSelector afterResultPath
                Pass with Result   input result afterResultSelector afterResultPath
                Task               input afterInputPath afterParameters result afterResultSelector afterResultPath
                Map                input afterInputPath afterItemsPath … afterResultSelector afterResultPath
                Parallel           input afterResultSelector afterResultPath
                all others         input afterInputPath
      JSONata   Task               input afterArguments result
                all others         input

  and in both languages errorDetails, variables, and for a Map afterItemSelector, afterItemBatcher, afterItemsPointer,
  maxConcurrency, toleratedFailureCount and toleratedFailurePercentage.
"""

from __future__ import annotations

from collections.abc import Iterable

from statemachine.jsonvalue import Document, Json, encode_json


class Inspection:
    """Collects what happened. `texts` are documents with a text of their own: their values are shown as they were
    written."""

    def __init__(self, texts: Iterable[Document]) -> None:
        self._texts = tuple(texts)
        self._handler: str | None = None
        self.data: dict[str, Json] = {}

    def document(self, value: Json) -> Document:
        """The value with its text; the very text that was given, if it is a value that was given."""
        if isinstance(value, dict | list | str):  # other values have no identity of their own
            for each in self._texts:
                if each.value is value:
                    return each
        return Document(value)

    def show(self, name: str, value: Json) -> None:
        """Show a value as JSON text."""
        self.data[name] = self.document(value).text

    def show_items(self, name: str, items: list[Json]) -> None:
        """Show a list that a Map makes: a list of JSON texts."""
        self.data[name] = f"[{', '.join(encode_json(item).decode() for item in items)}]"

    def note(self, name: str, value: Json) -> None:
        """Show a value that is no JSON text in the API: a number, or a structure."""
        self.data[name] = value

    def error_detail(self, handler: str, name: str, value: int) -> None:
        """Add to errorDetails, which tells of one state's retriers and catchers: of the last one that took part."""
        if handler != self._handler:
            self.data["errorDetails"] = {}
            self._handler = handler
        self.data["errorDetails"][name] = value
