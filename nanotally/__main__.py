"""`python -m nanotally` is `nanotally`."""

from nanotally.cli import main

main()
