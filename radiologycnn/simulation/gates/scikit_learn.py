"""The package that the classifiers of the gates need, which only some installations have."""

from __future__ import annotations

from radiologycnn.errors import missing_package


def need_scikit_learn() -> None:
    """Ask for it before scans are simulated, which takes minutes.

    Raises:
        ResourceError: scikit-learn is not installed.
    """
    try:
        import sklearn.ensemble  # noqa: F401
    except ImportError as error:
        raise missing_package("The classifiers of the gates need", "scikit-learn", "gates") from error
