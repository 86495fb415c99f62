"""``tocsin completion``: the script that teaches a shell to complete our command line."""

from __future__ import annotations

import argparse

SUMMARY = "Print the shell script that completes tocsin's commands, options and file names."
DETAILS = """\
examples:
  tocsin completion bash > /etc/bash_completion.d/tocsin
  tocsin completion zsh > "${fpath[1]}/_tocsin"
  tocsin completion fish > ~/.config/fish/completions/tocsin.fish
  source <(tocsin completion bash)          for this shell only
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell to print for")


def execute(args: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - only this command needs it

    print(shellcode(["tocsin"], shell=args.shell), end="")
    return 0
