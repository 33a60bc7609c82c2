"""Running an exported network on the CPU with OpenVINO: compiled once a machine, cancelled between its layers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from radiologycnn.errors import InputError, ResourceError, is_out_of_memory
from radiologycnn.networks.backends import AUTO
from radiologycnn.networks.onnx_names import FEATURES
from radiologycnn.networks.openvino_cache import network_folder, note_checksums, prune, remove_damaged
from radiologycnn.networks.openvino_graph import do_less_work, make_normalization_exact, restore_weights, take_constants

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
        small: take as little memory as can be: one thread, and half precision where the CPU has it and ``precision``
            leaves the choice. A classifier is in bfloat16 there anyway.
        sha256: of the content, in hexadecimal; worked out here where left out.

    Attributes:
        compiled: the network, as OpenVINO runs it.
        precision: that it runs in.
        constants: outputs that do not depend on the image, by name.
        output_shapes: of the others, by name.
        version: OpenVINO's.

    Raises:
        InputError: the content is no network, or the CPU has no such precision.
        ResourceError: OpenVINO cannot be loaded, or not load the network ("out-of-memory", "openvino-failed").
    """

    def __init__(self, content: bytes, precision: str = AUTO, small: bool = False, sha256: str = "") -> None:
        openvino = import_openvino()
        self.version = str(openvino.__version__)
        core = openvino.Core()
        try:
            model = core.read_model(content)
        except RuntimeError as error:
            raise InputError(
                "bad-model", "The model's exported network cannot be read.", "Export or install the model again."
            ) from error
        self.constants = take_constants(model)
        names = [output.any_name for output in model.outputs]  # what is compiled may have lost them
        capabilities = set(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        self.precision = _chosen_precision(precision, capabilities, small, classifies=FEATURES in names)
        restore_weights(openvino, model)
        if self.precision == "float32" and not small:
            make_normalization_exact(openvino, model)
        if not small:
            do_less_work(openvino, model, self.precision)
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            **({"INFERENCE_NUM_THREADS": 1} if small else _thread_option()),
        }
        self.compiled = compiled = _compile(
            core, model, options, self.version, sha256 or hashlib.sha256(content).hexdigest()
        )
        self._request = compiled.create_infer_request()
        self._outputs = {name: number for number, name in enumerate(names)}
        self.output_shapes = {name: tuple(output.shape) for name, output in zip(names, compiled.outputs)}
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
            ResourceError: "out-of-memory", or "openvino-failed" with the library's reason.
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
            if isinstance(error, MemoryError | RuntimeError):
                raise _failure(error, "run") from error
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


def _chosen_precision(wish: str, capabilities: set[str], small: bool, classifies: bool) -> str:
    # All ways are to agree with torch in float32: a segmenter to a Dice of 0.999, a classifier to 0.01 in each
    # probability and 0.999 in each map's correlation.
    # Four simulated bleeds of 1,000 to 16,000 voxels: float32 with exact normalization 1.00000, without it 0.9982 to
    # 0.9996; bfloat16 0.9976 to 0.9996. There no part of it alone is to blame: with only the weights rounded 0.9988 to
    # 1, only what convolutions take in 0.9994 to 1, only what they give 0.9991 to 0.9995, all three with exact
    # normalization 0.9983 to 0.9996. With full resolution left in float32 0.9991 to 0.9998, too near the limit for a
    # gain of 1.6 at most. So bfloat16 segments for those who choose it, and where memory ends.
    # A classifier in bfloat16, on 60 simulated shoulders: probabilities within 0.004 (median 0.0005), maps correlated
    # by at least 0.99997, their peaks within 0.11 mm, the class always the same. That was an earlier demonstration
    # model (0.3.0); tests hold those of today to the limits above. float16 was no faster than float32.
    if wish == AUTO:
        worth = _CAPABILITIES if small else ("bfloat16",) if classifies else ()
        return next((name for name in worth if _CAPABILITIES[name] in capabilities), "float32")
    needed = _CAPABILITIES.get(wish)
    if needed and needed not in capabilities:
        raise InputError(
            "unknown-precision", f"This computer's CPU does not calculate in {wish}.", "Use auto or float32."
        )
    return wish


def _thread_option() -> dict[str, int]:
    """As many threads as the person allows; all cores where nothing is said."""
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return {"INFERENCE_NUM_THREADS": int(wish)} if wish.isdecimal() and int(wish) > 0 else {}


def _compile(core: Any, model: Any, options: Mapping[str, Any], version: str, sha256: str) -> Any:
    """Compiled, from the machine's cache where it is there; a cache that cannot be used is done without."""
    folder = network_folder(version, str(core.get_property("CPU", "FULL_DEVICE_NAME")), sha256)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_damaged(folder)
        compiled = core.compile_model(model, "CPU", {**options, "CACHE_DIR": str(folder)})
    except (OSError, RuntimeError):
        try:
            return core.compile_model(model, "CPU", dict(options))
        except (RuntimeError, MemoryError) as error:
            raise _failure(error, "load") from error
    with contextlib.suppress(OSError):
        note_checksums(folder)
        prune(folder.parent)
    return compiled


def _failure(error: RuntimeError | MemoryError, verb: str) -> ResourceError:
    if is_out_of_memory(error):
        return ResourceError(
            "out-of-memory",
            f"There is not enough memory to {verb} the network.",
            "Close other programs or scans, or use a machine with more memory.",
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return ResourceError(
        "openvino-failed",
        f"OpenVINO could not {verb} the network: {reason}",
        "Use the device torch-cpu, which needs PyTorch.",
    )
