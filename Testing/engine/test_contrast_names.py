"""What the names and the header of a scan say about contrast medium."""

from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made import head_phantom

from radiologycnn.hemorrhage.head_check import check_head_ct
from radiologycnn.images.volume import Volume


@pytest.fixture(scope="module")
def head() -> Volume:
    return head_phantom((32, 80, 80), np.diag([2.8, 3.2, 5.6]))[0]


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("CTA Head", True),
        ("CTA_Head_1.0_Bv40", True),
        ("sub-07_CT_post_contrast", True),
        ("Schaedel mit KM", True),
        ("Head with contrast", True),
        ("Head non-contrast", False),
        ("Head w/o contrast", False),
        ("head_without_contrast", False),
        ("Schaedel ohne KM", False),
        ("Schaedel nativ", False),
        ("HEAD POST FOSSA", False),
        ("CTA HEAD W WO CONTRAST", True),
        ("CTA HEAD W/WO", True),
        ("CT HEAD WITH AND WITHOUT", True),
        ("CTA without and with contrast", True),
        ("HEAD W CONTRAST", True),
        ("HEAD W/CONTRAST", True),
        ("BRAIN W IV CON", True),
        ("HEAD C+", True),
        ("CECT brain", True),
        ("ENHANCED", True),
        ("CT Perfusion without gap", True),
        ("HEAD C-", False),
        ("unenhanced", False),
        ("head non-enhanced", False),
        ("HEAD WO CON", False),
        ("CONVOLUTION H30", False),
    ],
)
def test_contrast_medium_in_the_name_is_a_warning(head, name, warned):
    assert any("contrast" in text for text in check_head_ct(replace(head, name=name))) == warned


@pytest.mark.parametrize(
    ("facts", "warned"),
    [
        ({"ContrastBolusAgent": "Omnipaque 350"}, True),
        ({"SeriesDescription": "CT Angio Head"}, True),
        ({"ContrastBolusAgent": "Non-ionic 80 ml"}, True),
        ({"ContrastBolusAgent": "none", "SeriesDescription": "Head plain"}, False),
        ({"ContrastBolusAgent": "NO CONTRAST"}, False),
        ({"ContrastBolusAgent": "None given"}, False),
        ({"ContrastBolusAgent": "Non-contrast"}, False),
        ({"ContrastBolusAgent": "N/A"}, False),
        ({"ContrastBolusAgent": "0 ml"}, False),
        ({"ContrastBolusAgent": "C-"}, False),
        ({"ProtocolName": "CTA head and neck"}, True),
        # The protocol is of the whole examination, this scan the one before the contrast medium.
        ({"SeriesDescription": "HEAD WO", "ProtocolName": "HEAD W WO CONTRAST"}, False),
    ],
)
def test_contrast_medium_in_the_header_is_a_warning(head, facts, warned):
    warnings = check_head_ct(replace(head, provenance={"acquisition": facts}))
    assert any("contrast" in text for text in warnings) == warned
