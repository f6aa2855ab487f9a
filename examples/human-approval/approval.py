"""Stands for a person: the answer is a JSON file in the folder named by APPROVAL_INBOX.

The handler is asynchronous: waiting for a person costs no thread, and a timeout cancels it.
"""

import asyncio
import json
import os
from pathlib import Path


async def ask(question):
    """Wait for the answer to a request."""
    answer = Path(os.environ.get("APPROVAL_INBOX", ".")) / f"{question['request']}.json"
    while not answer.exists():  # noqa: ASYNC110 - a person answers in a file
        await asyncio.sleep(0.05)
    return {"by": question["who"], **json.loads(answer.read_text(encoding="utf-8"))}
