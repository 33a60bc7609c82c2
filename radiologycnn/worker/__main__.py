"""``python -m radiologycnn.worker``: serve requests from stdin until it closes."""

from radiologycnn.worker.server import main

if __name__ == "__main__":
    main()
