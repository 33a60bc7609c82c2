"""Running an exported network on the CPU with OpenVINO: compiled once a machine, cancelled between its layers."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from radiologycnn.errors import MEMORY_WORDS, InputError, ResourceError
from radiologycnn.networks.backends import AUTO

CACHE_VARIABLE = "RADIOLOGYCNN_CACHE"

_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
#: What a CPU must say of itself for a precision to be faster than float32 there.
_CAPABILITIES = {"bfloat16": "BF16", "float16": "FP16"}

#: Between two looks at whether the person has cancelled.
_POLL_MS = 20
#: What a first run is taken to last for its progress, in seconds.
_FIRST_RUN_S = 2.0


def import_openvino() -> ModuleType:
    """The package openvino, without what it sends home.

    At its import the package reports to its maker's statistics over the network, unless the package for that is not
    there; no program that handles scans may. So it is kept from being imported in this process.

    Raises:
        ResourceError: it is not there, or cannot be loaded.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino

        openvino.Core  # noqa: B018  (a half-finished installation has none)
    except ModuleNotFoundError as error:
        if error.name != "openvino":
            raise _damaged(error) from error
        raise ResourceError(
            "missing-package", "The Python package openvino is missing.", "Install it from the panel, or with pip."
        ) from error
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise _damaged(error) from error
    return openvino


def _damaged(error: Exception) -> ResourceError:
    return ResourceError(
        "openvino-damaged",
        f"OpenVINO is installed but cannot be loaded: {error}.",
        "Install the Python package openvino again, or install PyTorch instead.",
    )


class OpenVinoRunner:
    """A network, compiled for this machine's CPU.

    Args:
        content: of the ONNX file.
        precision: "auto" or one of ``backends.PRECISIONS``.

    Attributes:
        precision: that it runs in.
        constants: outputs that do not depend on the image, by name.
        output_shapes: of the others, by name.
        version: OpenVINO's.

    Raises:
        InputError: the content is no network, or the CPU has no such precision.
        ResourceError: OpenVINO cannot be loaded.
    """

    def __init__(self, content: bytes, precision: str = AUTO) -> None:
        openvino = import_openvino()
        self.version = str(openvino.__version__)
        core = openvino.Core()
        capabilities = set(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        self.precision = _chosen_precision(precision, capabilities)
        try:
            model = core.read_model(content)
        except RuntimeError as error:
            raise InputError(
                "bad-model", "The model's exported network cannot be read.", "Export or install the model again."
            ) from error
        self.constants = _take_constants(model)
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            **_thread_option(),
        }
        compiled = _compile(core, model, options, self.version)
        self._request = compiled.create_infer_request()
        self._outputs = {output.any_name: number for number, output in enumerate(compiled.outputs)}
        self.output_shapes = {output.any_name: tuple(output.shape) for output in compiled.outputs}
        self.input_shape = tuple(compiled.inputs[0].shape)
        self.threads = int(compiled.get_property("INFERENCE_NUM_THREADS"))
        self._last_run_s: float | None = None

    def run(self, image: np.ndarray, report: Callable[[float], None]) -> Mapping[str, np.ndarray]:
        """Outputs by name, float32.

        Args:
            image: shape (1, channels, K, J, I).
            report: called often with the share that is done, estimated from the last run; it may raise, which ends the
                run between two layers.

        Raises:
            ResourceError: not enough memory.
        """
        batch = np.ascontiguousarray(image, np.float32)
        start = time.perf_counter()
        try:
            self._request.start_async({0: batch}, share_inputs=True)
            while not self._request.wait_for(_POLL_MS):
                report(self._estimated_share(time.perf_counter() - start))
            self._request.wait()
        except BaseException as error:
            self._stop()
            if isinstance(error, MemoryError | RuntimeError) and _is_out_of_memory(error):
                raise ResourceError(
                    "out-of-memory",
                    "There is not enough memory to run the network.",
                    "Close other programs or scans, or use a machine with more memory.",
                ) from error
            raise
        self._last_run_s = time.perf_counter() - start
        report(1.0)
        # Copies: the request's own memory is written again by the next run.
        return {name: np.array(self._request.get_output_tensor(n).data) for name, n in self._outputs.items()}

    def _estimated_share(self, elapsed_s: float) -> float:
        if self._last_run_s is None:
            return elapsed_s / (elapsed_s + _FIRST_RUN_S)
        return min(elapsed_s / self._last_run_s, 0.98)

    def _stop(self) -> None:
        """Cancel, and wait until the layer that runs has ended, so that the next run finds the request free."""
        try:
            self._request.cancel()
            self._request.wait()
        except RuntimeError:
            pass  # it says that it was cancelled, or again what ended it


def _chosen_precision(wish: str, capabilities: set[str]) -> str:
    # In bfloat16, masks of simulated bleeds overlapped with those of torch in float32 with a Dice of 0.9985 to 0.9997
    # and volumes differed by up to 0.3 %; in float32 by 0.9996 to 1 and 0.04 %. Results of all ways are to agree in
    # Dice to 0.999, so the faster one is for those who choose it. float16 was no faster than float32.
    if wish == AUTO:
        return "float32"
    needed = _CAPABILITIES.get(wish)
    if needed and needed not in capabilities:
        raise InputError(
            "unknown-precision", f"This computer's CPU does not calculate in {wish}.", "Use auto or float32."
        )
    return wish


def _take_constants(model: Any) -> dict[str, np.ndarray]:
    """Outputs that are constants, by name; they are removed from the model, whose precision could change them."""
    constants = {}
    for result in list(model.get_results()):
        source = result.input_value(0)
        node = source.get_node()
        while node.get_type_name() in ("Identity", "Convert") and len(node.inputs()) == 1:
            node = node.input_value(0).get_node()
        if node.get_type_name() == "Constant":
            constants[source.any_name] = np.array(node.data, np.float32)
            model.remove_result(result)
    return constants


def _thread_option() -> dict[str, int]:
    """As many threads as the person allows; all cores where nothing is said."""
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return {"INFERENCE_NUM_THREADS": int(wish)} if wish.isdecimal() and int(wish) > 0 else {}


def _compile(core: Any, model: Any, options: Mapping[str, Any], version: str) -> Any:
    """Compiled, from the machine's cache where it is there; a cache that cannot be used is done without."""
    folder = cache_folder(version, str(core.get_property("CPU", "FULL_DEVICE_NAME")))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return core.compile_model(model, "CPU", {**options, "CACHE_DIR": str(folder)})
    except (OSError, RuntimeError):
        try:
            return core.compile_model(model, "CPU", dict(options))
        except RuntimeError as error:
            if _is_out_of_memory(error):
                raise ResourceError(
                    "out-of-memory",
                    "There is not enough memory to load the network.",
                    "Close other programs or scans, or use a machine with more memory.",
                ) from error
            raise


def cache_folder(version: str, cpu_name: str) -> Path:
    """Where compiled networks are kept: one folder a user, machine and version. RADIOLOGYCNN_CACHE overrides its root.

    A home folder may be shared by machines with different CPUs, so the machine is part of the name.
    """
    machine = hashlib.sha256(f"{platform.node()} {cpu_name} {version}".encode()).hexdigest()[:12]
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        base = Path(chosen).expanduser()
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "RadiologyCNN" / "cache"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches" / "RadiologyCNN"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "RadiologyCNN"
    return base / f"openvino-{machine}"


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in MEMORY_WORDS)
