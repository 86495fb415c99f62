"""``tocsin snmp import``: profiles from the generator.yml of snmp_exporter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.cli._errors import FINDINGS, NO_INPUT, NO_OUTPUT, CommandError
from agent.cli._output import clean

SUMMARY = "Make profiles from the generator.yml of snmp_exporter."
DETAILS = """\
A module becomes a profile, which is printed, or written to DIR as MODULE.yml. Whatever a profile cannot
say is named on standard error, and where it belongs. Names are looked up in MIBs, which pysmi reads
(pip install 'tocsin[mibs]'); the folders given must have the standard modules too (SNMPv2-SMI,
SNMPv2-TC and what yours import).

examples:
  tocsin snmp import generator.yml --module if_mib --mibs /usr/share/snmp/mibs
  tocsin snmp import generator.yml --mibs ./mibs --out /etc/tocsin/snmp.d

exit status:
  0 fine   1 a module gives no usable profile   66 no such file, module or MIB   73 cannot write
"""
FOLDERS = ("/usr/share/snmp/mibs", "/usr/share/mibs", "/var/lib/mibs", "~/.snmp/mibs")
"""Where net-snmp and Debian keep MIBs."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="GENERATOR_YML", help="the generator.yml")
    parser.add_argument(
        "--module", action="append", default=[], metavar="NAME", help="only this module (may be repeated)"
    )
    parser.add_argument(
        "--mibs",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help=f"a folder of MIBs, with those below it (may be repeated; default: {', '.join(FOLDERS)})",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write MODULE.yml there instead of printing")


def execute(args: argparse.Namespace) -> int:
    from collectors.api import CannotImportError, import_profiles  # noqa: PLC0415 - for this command only

    folders = args.mibs or [path for each in FOLDERS if (path := Path(each).expanduser()).is_dir()]
    for folder in folders:
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder; name one with MIBs", NO_INPUT)
    status = 0
    try:
        for number, made in enumerate(import_profiles(_text(args.file), folders, args.module)):
            for note in made.notes:
                print(f"{clean(made.name)}: {clean(note)}", file=sys.stderr)
            if not made.usable:
                status = FINDINGS
            elif args.out is not None:
                print(_write(args.out, made.name, made.text))
            else:
                print("---\n" * bool(number) + made.text, end="")
    except CannotImportError as error:
        raise CommandError(f"{args.file}: {error}", NO_INPUT) from error
    return status


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}", NO_INPUT) from error


def _write(folder: Path, name: str, text: str) -> Path:
    """The file of a profile, new: one that is there is somebody's work."""
    path = folder / f"{name}.yml"
    if path.parent != folder or name.startswith("."):
        raise CommandError(f"a module called {clean(name)!r} cannot be a file", NO_OUTPUT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise CommandError(f"{path} is there already; remove it first", NO_OUTPUT) from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error}", NO_OUTPUT) from error
    return path
