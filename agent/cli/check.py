"""``tocsin check``: every mistake in the configuration and in rule files at once, without the network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli._config import add_config, add_profile, config_path, print_problems
from agent.cli._errors import FINDINGS
from agent.cli._output import Colour, add_format, clean, paint, print_json, wants_json

if TYPE_CHECKING:
    from agent.config.lints import Subject
    from agent.config.load import Loaded
    from rules.api import Problem, RuleFile

SUMMARY = "Find every mistake in the configuration and in rule files at once, without the network."
DETAILS = """\
Prints one line for each: file:line:column, what is wrong, how to mend it, and the name of the check.
Warnings tell of rules that load but will disappoint: a metric nobody collects, a comparison that is never
true, a label that makes a new ticket of each value, an alert whose recovery cannot be proven, and more.
Each has a page, docs/lints/NAME.md, that says why, how to mend the rule, and how to silence the check.
Collectors that the configuration mentions are tried once, as the user you are: a path or a filter that
matches nothing, or what may not be read, is a warning too.

examples:
  tocsin check                              the configuration and all it names
  tocsin check --config new.yaml
  tocsin check rules.d/*.yml                rule files alone
  tocsin check --strict --format json
  tocsin check --show-slo                   the rules made from the objectives, as a rule file

exit status:
  0 no error   1 errors (with --strict, warnings too)   66 no such configuration
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_profile(parser)
    parser.add_argument("rules", nargs="*", type=Path, metavar="RULEFILE", help="rule files to check besides, or alone")
    parser.add_argument("--strict", action="store_true", help="end with 1 on warnings too")
    parser.add_argument(
        "--show-slo", action="store_true", help="print the rules that the section slo makes, as a Prometheus rule file"
    )
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from agent.config.examine import examine  # noqa: PLC0415 - for this command only
    from agent.config.lints import Subject, lint  # noqa: PLC0415 - the language of rules, for this command only
    from agent.config.load import load  # noqa: PLC0415 - not for help pages

    alone = bool(args.rules) and args.config is None
    loaded = load(None if alone else config_path(args.config), profile=args.profile)
    if args.show_slo:
        return _show_slo(loaded)
    problems = [] if alone else list(loaded.problems)
    if not alone:
        problems += examine(loaded)
    extra: list[Subject] = []
    for path in args.rules:
        found, mistakes = _rule_file(path)
        problems += mistakes
        extra += found
    if loaded.config is not None:
        named = [] if alone else [Subject(file, _text(file, loaded)) for file in loaded.rules]
        # A file that the configuration names, and the command too, is one file.
        listed = {subject.file.file for subject in named}
        further = [each for each in extra if str(Path(each.file.file).absolute()) not in listed]
        problems += lint([*named, *further], loaded.config, known=loaded.rules)
    problems = sorted(set(problems))
    errors = sum(problem.severity.value == "error" for problem in problems)
    warnings = len(problems) - errors
    if wants_json(args):
        print_json([_plain(problem) for problem in problems])
    else:
        for problem in problems:
            print(_line(problem))
        if loaded.config is not None and loaded.config.slo and not alone:
            print(_made(loaded))
        print(_verdict(errors, warnings))
    return FINDINGS if errors or (warnings and args.strict) else 0


def _made(loaded: Loaded) -> str:
    """What the section ``slo`` comes to."""
    groups = [group for file in loaded.rules if file.file == loaded.file for group in file.groups]
    rules = sum(len(group.rules) for group in groups)
    count = len(groups) // 2
    return f"{count} objective{'s' if count > 1 else ''} made {rules} rules; print them with: tocsin check --show-slo"


def _show_slo(loaded: Loaded) -> int:
    """The rules on standard output; mistakes of the configuration, instead of them, on standard error."""
    config = loaded.config
    if config is None:
        print_problems(loaded.errors)
        return FINDINGS
    if not config.slo:
        print("# the configuration has no section slo", file=sys.stderr)
        return 0
    from agent.config.slo_rules import slo_text  # noqa: PLC0415 - only for this option

    print(slo_text(config.slo, config.collect.interval), end="")
    return 0


def _text(file: RuleFile, loaded: Loaded) -> str:
    """The text a rule file was read from; for the rules of ``slo``, which nobody wrote, what is meant by them."""
    from agent.config import packs  # noqa: PLC0415 - not for help pages

    if file.file == loaded.file:
        return "# tocsin: allow-file lint/fleet - an objective counts over everything that its selectors give"
    pack = file.file.removeprefix(packs.PREFIX)
    content = packs.read(pack)[1] if pack != file.file else loaded.texts[file.file]
    return content.decode()


def _rule_file(path: Path) -> tuple[list[Subject], list[Problem]]:
    from agent.config.files import Disk, FilesError  # noqa: PLC0415 - not for help pages
    from agent.config.lints import Subject  # noqa: PLC0415 - not for help pages
    from rules.api import Problem, parse_rule_file  # noqa: PLC0415 - not for help pages

    try:
        content = Disk().read(str(path))
    except FilesError as error:
        return [], [Problem(str(path), 0, 0, str(error), "", "config/file")]
    found, problems = parse_rule_file(content, str(path))
    return ([Subject(found, content.decode())] if found is not None else []), problems


def _line(problem: Problem) -> str:
    text = clean(problem)
    word = problem.severity.value
    return text.replace(f" {word}: ", f" {paint(word, Colour.RED if word == 'error' else Colour.YELLOW)}: ", 1)


def _plain(problem: Problem) -> dict[str, object]:
    from agent.config.lints import page  # noqa: PLC0415 - not for help pages

    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity.value,
        "check": problem.check,
        "docs": page(problem.check),
        "message": problem.message,
        "hint": problem.hint,
    }


def _verdict(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return paint("no mistakes", Colour.GREEN)
    counts = [(errors, "error", Colour.RED), (warnings, "warning", Colour.YELLOW)]
    return ", ".join(paint(f"{n} {word}{'s' if n > 1 else ''}", colour) for n, word, colour in counts if n)
