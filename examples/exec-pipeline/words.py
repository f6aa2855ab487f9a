#!/usr/bin/env python3
"""{"text": …} -> the list of its words in lower case."""

import json
import re
import sys

json.dump(re.findall(r"\w+", json.load(sys.stdin)["text"].lower()), sys.stdout)
