"""``python -m radiologycnn`` is the ``radiologycnn`` command, also where its script is not on the path."""

from radiologycnn.cli import main

main()
