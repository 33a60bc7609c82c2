"""What the panels import is light: Slicer starts without waiting for torch."""

import subprocess
import sys


def test_panel_side_imports_neither_torch_nor_anything_as_heavy(repository):
    program = (
        "import sys, types, slicer, slicer.util\n"
        "sys.modules['slicer.i18n'] = types.SimpleNamespace(tr=str, translate=lambda context, text: text)\n"
        "import RadiologyCNNLib.WorkerClient, RadiologyCNNLib.VolumeExchange\n"
        "import RadiologyCNNLib.Installer, RadiologyCNNLib.ModelSelector\n"
        "no = lambda system: False\n"
        "system = type('S', (), {'usesOtherPython': no, 'hasNvidiaGpu': no})()\n"
        "assert RadiologyCNNLib.Installer.Installer(system=system)"
        ".missing() is not None\n"
        "RadiologyCNNLib.ModelSelector.modelChoices('hemorrhage-segmentation')\n"
        "print([name for name in ('torch', 'scipy', 'SimpleITK', 'pydicom', 'safetensors') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=repository)
    assert done.stdout.strip() == "[]", done.stderr
