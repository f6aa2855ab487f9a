#!/bin/sh
# Any JSON -> {"report": that JSON}
printf '{"report": %s}' "$(cat)"
