"""`python -m micrograd.cli`: the same as the `micrograd` command."""

import sys

from micrograd.cli.command import main

sys.exit(main())
