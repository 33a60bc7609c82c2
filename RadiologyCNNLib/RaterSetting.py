"""RaterSetting: who sits at this computer, kept in the application's settings for all panels."""

import qt
import slicer

_SETTING = "RadiologyCNN/Rater"


def savedRater() -> str:
    """The rater id that was used last, "" where nobody has given one."""
    return str(slicer.util.settingsValue(_SETTING, "") or "")


def saveRater(rater: str) -> None:
    """Keep the rater id for the next time, in Slicer's settings."""
    qt.QSettings().setValue(_SETTING, rater)
