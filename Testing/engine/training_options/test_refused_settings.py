"""Settings that no training can use are named before anything is computed."""

import pytest
from engine.training_options.tiny import cube_settings, head_settings

from radiologycnn.errors import InputError


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "focus"},
        {"keep": "first"},
        {"frozen": "all"},
        {"focal_gamma": -1},
        {"loading_threads": -2},
        {"stop_after": -1},
        {"seed": -1},
        {"seed": 10**18},
    ],
)
def test_impossible_settings_are_named(changes) -> None:
    for make in (head_settings, cube_settings):
        with pytest.raises(InputError, match="cannot be used"):
            make(**changes)


@pytest.mark.parametrize(
    ("make", "changes", "says"),
    [
        (head_settings, {"dropout": 2.0}, r"The option dropout of cnn_ds is 2\.0, not within 0\.0 to 0\.95\."),
        (head_settings, {"base_filters": 300}, "base_filters of cnn_ds is 300, not within 1 to 256"),
        (head_settings, {"network_preset": "large"}, "no preset 'large' of cnn_ds"),
        (head_settings, {"depth": 9}, r"cannot be used: The depth is 2 to 8 levels\. Correct"),  # said once
        (cube_settings, {"base_filters": 6}, "base_filters of vrn is 6, not a multiple of 4"),
        (cube_settings, {"dropout": "often"}, "dropout of vrn is 'often', not one of"),
        (cube_settings, {"network_preset": "large"}, "no preset 'large' of vrn"),
        (
            cube_settings,
            {"grid_size": 1024},
            r"cannot be used: The grid's size is a multiple of 8, 16 to 512\. Correct",
        ),
    ],
)
def test_what_the_network_cannot_be_built_with_is_named_before_it_is_built(make, changes, says) -> None:
    with pytest.raises(InputError, match=says):
        make(**changes)
