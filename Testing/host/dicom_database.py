"""Stand-in for slicer.dicomDatabase: closed until DICOM files are imported, then answers from these files."""

from pathlib import Path

import numpy

from .stand_in import Property, QtCore, stand_in


@stand_in
class ctkDICOMDatabase(QtCore.QObject):
    """Instances by their SOP instance UID. Tags are written "gggg,eeee"; what is not there is an empty text."""

    def __init__(self, *_arguments):
        super().__init__()
        self._files: dict[str, str] = {}
        self._series: dict[str, list[str]] = {}
        self._headers: dict[str, object] = {}
        self._open = False

    isOpen = Property(bool, lambda self: self._open)

    def closeDatabase(self):
        self._open = False

    def filesForSeries(self, series_uid, hits=-1):
        files = tuple(self._files[uid] for uid in self._series.get(series_uid, ()))
        return files if hits < 0 else files[:hits]

    def instancesForSeries(self, series_uid, hits=-1):
        instances = tuple(self._series.get(series_uid, ()))
        return instances if hits < 0 else instances[:hits]

    def fileForInstance(self, instance_uid):
        return self._files.get(instance_uid, "")

    def instanceForFile(self, file_name):
        return next((uid for uid, path in self._files.items() if path == str(file_name)), "")

    def seriesForFile(self, file_name):
        return self.fileValue(file_name, "0020,000e")

    def instanceValue(self, instance_uid, *tag):
        return self.fileValue(self.fileForInstance(instance_uid), *tag)

    def fileValue(self, file_name, *tag):
        header = self._headers.get(str(file_name)) if self._open else None
        key = tuple(int(part, 16) for part in tag[0].split(",")) if len(tag) == 1 else tuple(tag)
        element = header.get(key) if header is not None else None
        if element is None or element.VR == "SQ" or element.value is None:
            return ""
        value = element.value
        if isinstance(value, (bytes, bytearray)):
            return ""
        return "\\".join(str(part) for part in value) if element.VM > 1 else str(value)

    def _import(self, folder) -> list[str]:
        """Index the DICOM files below a folder; return the UIDs of their series."""
        import pydicom  # only where DICOM is asked for

        found = []
        for path in sorted(Path(folder).rglob("*")):
            if not path.is_file() or not pydicom.misc.is_dicom(path):
                continue
            header = pydicom.dcmread(path, stop_before_pixels=True)
            series = str(header.SeriesInstanceUID)
            self._files[str(header.SOPInstanceUID)] = str(path)
            self._headers[str(path)] = header
            self._series.setdefault(series, []).append(str(header.SOPInstanceUID))
            found.append(series)
        self._open = True
        return list(dict.fromkeys(found))

    def _in_slice_order(self, series_uid) -> list[str]:
        """Instance UIDs of a series along the normal of its slices."""
        headers = [self._headers[self._files[uid]] for uid in self._series[series_uid]]
        rows, columns = numpy.reshape(headers[0].ImageOrientationPatient, (2, 3)).astype(float)
        normal = numpy.cross(rows, columns)
        headers.sort(key=lambda header: float(normal @ numpy.asarray(header.ImagePositionPatient, float)))
        return [str(header.SOPInstanceUID) for header in headers]
