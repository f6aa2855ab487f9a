"""Pictures: the small languages in which JSONata's functions say how a number, an integer or a moment is written.

- `numbers`: $formatNumber and $formatBase. `integers`: $formatInteger and $parseInteger.
  `dates`: $fromMillis and $toMillis.
- The source of every rule is jsonata-js 2.0.6, which follows XPath Functions and Operators 3.1 (sections 4.6, 4.7 and
  9.8) and departs from it in places. Its departures are kept: what a definition computes here must be what it computes
  in production. A comment marks each.
- Nothing here reads a clock, a locale or a time zone database.
- Everything is bounded (`bounds`), and only `JsonataError` is raised.
"""
