"""JSONata against node's own implementation, in one run: ``python -m benchmarks.jsonata --node DIR``.

`DIR` is a folder in which ``npm install jsonata@2.0.6`` was run. Both engines evaluate the same expressions on the same
data, with ``$states`` and one variable bound; the table has microseconds of CPU time per evaluation and the ratio.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from statemachine.expressions.jsonata import Environment, compile_jsonata
from statemachine.expressions.jsonata.aws import AWS_FUNCTIONS

ITEMS = [
    {"id": number, "price": number * 37 % 101, "qty": number % 7 + 1, "tag": f"t{number % 5}"} for number in range(1500)
]
STATES = {"input": {"order": {"id": 7, "lines": ITEMS[:10], "name": "teapot"}, "items": ITEMS[:100], "many": ITEMS}}

EXPRESSIONS = {
    "path": "$states.input.order.id",
    "arithmetic": "$n * 2 + $states.input.order.id - 1",
    "object with functions": "{'name': $uppercase($states.input.order.name), 'size': $count($states.input.order.lines),"
    " 'total': $sum($states.input.order.lines.(price * qty))}",
    "filter of 100 items": "$states.input.items[price > 50 and qty < 5]",
    "map of 1,500 items": "$map($states.input.many, function($v) { {'id': $v.id, 'total': $v.price * $v.qty} })",
    "group and sort": "$states.input.items{tag: $sum(price)}",
}  # fmt: skip

_NODE = """
const jsonata = require('jsonata');
const {expressions, states, rounds} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
(async () => {
  const out = {};
  for (const [name, text] of Object.entries(expressions)) {
    const compiled = jsonata(text), times = rounds[name];
    for (let i = 0; i < times / 5; i++) await compiled.evaluate(undefined, {states, n: 3});
    const start = process.cpuUsage();
    for (let i = 0; i < times; i++) await compiled.evaluate(undefined, {states, n: 3});
    const used = process.cpuUsage(start);
    out[name] = (used.user + used.system) / times;
  }
  console.log(JSON.stringify(out));
})();
"""


def main() -> int:
    """Measure both and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jsonata", description=__doc__)
    parser.add_argument("--node", type=Path, required=True, help="a folder with node_modules/jsonata")
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds per expression, about")
    arguments = parser.parse_args()
    ours, rounds = {}, {}
    for name, text in EXPRESSIONS.items():
        ours[name], rounds[name] = _measure(text, arguments.seconds)
    asked = json.dumps({"expressions": EXPRESSIONS, "states": STATES, "rounds": rounds})
    done = subprocess.run(
        ["node", "-e", _NODE], cwd=arguments.node, input=asked, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    node: dict[str, float] = json.loads(done.stdout)
    print(f"{'expression':<24} {'ours, us':>10} {'node, us':>10} {'node / ours':>12}")
    for name in EXPRESSIONS:
        print(f"{name:<24} {ours[name]:>10.1f} {node[name]:>10.1f} {node[name] / ours[name]:>12.2f}")
    return 0


def _measure(text: str, seconds: float) -> tuple[float, int]:
    compiled = compile_jsonata(text, functions=AWS_FUNCTIONS)
    bindings: dict[str, Any] = {"states": STATES, "n": 3}
    environment = Environment()
    rounds = 1
    while True:
        started = time.process_time()
        for _ in range(rounds):
            compiled.evaluate(None, bindings, environment)
        used = time.process_time() - started
        if used > seconds / 4:
            return used / rounds * 1e6, rounds
        rounds *= 2


if __name__ == "__main__":
    sys.exit(main())
