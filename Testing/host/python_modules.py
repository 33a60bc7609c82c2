"""The small Python modules of Slicer's that the core package lacks: slicer.i18n, slicer.packaging."""

import importlib.metadata
import re
import types
from pathlib import Path

from packaging.requirements import Requirement


def make_i18n() -> types.ModuleType:
    module = types.ModuleType("slicer.i18n")

    def tr(text, *_context):
        return text

    def translate(context, text, *_rest):
        return text

    def getContext(source_file):
        return Path(source_file).stem

    module.tr, module.translate, module.getContext = tr, translate, getContext
    return module


def make_packaging() -> types.ModuleType:
    """Checks requirements against what is installed; installs nothing, as Slicer in testing mode."""
    module = types.ModuleType("slicer.packaging")

    def as_list(requirements):
        if isinstance(requirements, (str, Requirement)):
            requirements = [requirements]
        return [item if isinstance(item, Requirement) else Requirement(item) for item in requirements]

    def is_met(requirement):
        if requirement.marker is not None and not requirement.marker.evaluate():
            return True
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            return False
        return requirement.specifier.contains(version, prereleases=True)

    def pip_check(requirements):
        return all(is_met(requirement) for requirement in as_list(requirements))

    def pip_ensure(
        requirements,
        constraints=None,
        skip_packages=None,
        prompt_install=True,
        prompt_restart=True,
        requester=None,
        skip_in_testing=True,
        show_progress=True,
    ):
        missing = [str(requirement) for requirement in as_list(requirements) if not is_met(requirement)]
        if missing and not skip_in_testing:
            raise RuntimeError("The stand-in host installs nothing. Missing: " + ", ".join(missing))

    def load_requirements(path):
        lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in Path(path).read_text().splitlines()]
        return [Requirement(line) for line in lines if line and not line.startswith("-")]

    module.Requirement = Requirement
    module.pip_check, module.pip_ensure, module.load_requirements = pip_check, pip_ensure, load_requirements
    module.isPipInstallInProgress = lambda: False
    return module
