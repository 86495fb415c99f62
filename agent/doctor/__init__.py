"""``tocsin doctor``: what is wrong around the agent, tried now, each with its mend.

One check is one file here whose name does not begin with ``_``; it offers::

    SUMMARY: str                                                    what it looks at
    def subjects(config: Config) -> Iterable[str]                   the names of what there is to look at
    def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]

A check reads and asks; it changes nothing. What it did not foresee becomes a finding too.
"""

from agent.doctor._model import Case, Check, Finding, State
from agent.doctor._run import UnknownNameError, examine, names

__all__ = ["Case", "Check", "Finding", "State", "UnknownNameError", "examine", "names"]
