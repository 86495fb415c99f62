"""What ``tocsin check`` warns of in rules that load and will still disappoint on this agent.

One check a file: every module here whose name has no underscore in front is one, found by listing the folder. It holds

    def check(rule: RuleContext) -> Iterator[Finding]

and its name is that of the file, with ``-`` for ``_``. Its page, ``docs/lints/NAME.md``, says what it finds, why that
matters, how to mend it, and shows it at work; a test runs what the page shows. Modules with an underscore in front
serve the checks. Nothing here is loaded by the running agent.
"""

from __future__ import annotations

from agent.config.lints._lint import Subject, lint
from agent.config.lints._registry import checks, page

__all__ = ["Subject", "checks", "lint", "page"]
