#!/usr/bin/env python3
"""A list of words -> the most frequent ones with their counts. Fails if there is none."""

import collections
import json
import sys

words = json.load(sys.stdin)
if not words:
    sys.exit("no words")
most = int(sys.argv[sys.argv.index("--most") + 1])
json.dump([{"word": word, "count": count} for word, count in collections.Counter(words).most_common(most)], sys.stdout)
