"""Cut the part of the Slicer widget table that the stand-in host needs.

Usage: cut_table.py FULL_TABLE.json        writes slicer_widgets.json beside this file

The full table lists, for every Qt, ctk and qMRML class that Python can reach in a running Slicer 5.12.3, its
properties, signals, slots and other callables. It was read off that Slicer through PythonQt. The cut keeps the Qt
classes that panels use, and the classes that the host stands in for, each with all that it inherits.
"""

import json
import sys
from pathlib import Path

QT = """QAbstractButton QAbstractItemView QAbstractScrollArea QAbstractSlider QAbstractSpinBox QAction QBoxLayout
QButtonGroup QCheckBox QComboBox QDialog QDialogButtonBox QDoubleSpinBox QFileDialog QFormLayout QFrame QGridLayout
QGroupBox QHBoxLayout QInputDialog QLabel QLayout QLineEdit QListWidget QMainWindow QMenu QMessageBox QObject
QPlainTextEdit QProcess QProgressBar QProgressDialog QPushButton QRadioButton QScrollArea QSettings QShortcut QSlider
QSpinBox QSplitter QStackedWidget QStatusBar QTabWidget QTableView QTableWidget QTextBrowser QTextEdit QTimer
QToolButton QTreeView QTreeWidget QVBoxLayout QWidget"""
STAND_INS = """ctkCheckBox ctkCheckablePushButton ctkCollapsibleButton ctkCollapsibleGroupBox ctkComboBox
ctkDirectoryButton ctkDoubleSlider ctkDoubleSpinBox ctkMenuButton ctkPathLineEdit ctkPushButton
ctkSliderWidget ctkDICOMDatabase ctkVTKAbstractView ctkVTKRenderView ctkVTKSliceView
qMRMLLayoutManager ctkLayoutManager ctkLayoutFactory qMRMLColorTableComboBox qMRMLMarkupsROIWidget qMRMLNodeComboBox
qMRMLSegmentEditorWidget
qMRMLSegmentSelectorWidget qMRMLSegmentationShow3DButton qMRMLSegmentsTableView qMRMLSliceControllerWidget
qMRMLSliceView qMRMLSliceWidget qMRMLSliderWidget qMRMLSpinBox qMRMLTableView qMRMLThreeDView
qMRMLThreeDViewControllerWidget qMRMLThreeDWidget qMRMLViewControllerBar qMRMLWidget qSlicerAbstractCoreModule
qSlicerAbstractModule qSlicerCoreApplication qSlicerCoreIOManager qSlicerLoadableModule qSlicerMainWindow qSlicerWidget
QApplication QGuiApplication QCoreApplication mainWindow sliceWidget threeDWidget slicer.app
slicer.app.coreIOManager() slicer.app.layoutManager() slicer.modules.volumes"""

# the same Slicer lacked this class; these members of it stand in the header ctkDICOMDatabase.h
DICOM_DATABASE = {
    "inherits": ["QObject"],
    "properties": {"isOpen": ["bool", "r"]},
    "signals": ["databaseChanged()"],
    "slots": [],
    "other_callables": """closeDatabase fileForInstance fileValue filesForSeries instanceForFile instanceValue
        instancesForSeries seriesForFile""".split(),
}


def main(source: Path) -> None:
    table = json.loads(source.read_text())
    names = table.pop("_names")
    # the Slicer that was read had been built without DICOM and without the Extension Manager; these do exist
    table["slicer.app"]["other_callables"] += ["dicomDatabase", "extensionsManagerModel"]
    table["ctkDICOMDatabase"] = DICOM_DATABASE
    wanted = [*QT.split(), *STAND_INS.split()]
    wanted += [base for name in wanted for base in table[name].get("inherits", []) if base in table]
    cut = {}
    for name in sorted(set(wanted)):
        entry = table[name]
        inherited = [table[base] for base in entry.get("inherits", []) if base in table and base != name]
        known = {callable_ for base in inherited for callable_ in base.get("other_callables", ())}
        cut[name] = {
            "inherits": [base for base in entry.get("inherits", []) if base != name],
            "properties": entry["properties"],
            "signals": entry["signals"],
            "slots": entry["slots"],
            "other_callables": sorted(set(entry.get("other_callables", ())) - known),
            "listed_callables": "other_callables" in entry,
        }
    document = {
        "source": "read off a running Slicer 5.12.3 through PythonQt; cut by cut_table.py",
        "classes": cut,
        "slicer": names["slicer"],
        "slicer.util": names["slicer.util"],
        "slicer.modules": names["slicer.modules"],
    }
    target = Path(__file__).with_name("slicer_widgets.json")
    lines = json.dumps(document, indent=0, sort_keys=True).replace("\n", " ").replace('}, "', '},\n"')
    target.write_text(lines + "\n")
    print(f"{len(cut)} classes, {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
