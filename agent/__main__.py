"""``python -I -m agent``: the command, run by exactly this environment's interpreter."""

import sys

from agent.cli import main

sys.exit(main())
