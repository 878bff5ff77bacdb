"""Exports nets of torchvision, timm and Keras to ONNX, with random weights, and the logits that onnxruntime computes.

    python scripts/reference/onnx_nets.py < requests

Each request is one line of JSON: { "library", "name", "size", "ways": [{ "exporter", "opset", "folder" }] }. Exporters are
"torchscript" and "dynamo" of PyTorch, "converter" (the file of the way before, converted by onnx.version_converter), "keras"
(Keras' own, with the backend of this process) and "tf2onnx" (the same with TensorFlow). For each way its folder gets model.onnx,
x.f32 and y.f32 (the first output), and one line of JSON is printed: the shapes, or the error.
"""

import json
import logging
import os
import sys
import warnings
import zlib

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "torch")


def torch_net(library, name, calm=False):
    """A net whose norms and scales are no identities, so that a mistake in one of them shows. In a calm one values grow less."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(zlib.crc32(name.encode()))
    if library == "torchvision":
        import torchvision

        more = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        net = torchvision.models.get_model(name, weights=None, **more)
    else:
        import timm

        net = timm.create_model(name, pretrained=False)
    for module in net.modules():
        if getattr(module, "running_var", None) is not None:
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, std=0.1)
            if module.weight is not None:
                torch.nn.init.uniform_(module.weight, *((0.2, 0.6) if calm else (0.5, 1.5)))
                torch.nn.init.normal_(module.bias, std=0.1)
    for key, parameter in net.named_parameters():
        if key.endswith(("gamma", "layer_scale")) or ".ls" in key:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return net.eval()


def keras_net(name, size, calm=False):
    """A net of keras.applications; options follow its name, such as "MobileNet alpha=0.5". Its outputs are logits by default."""
    import keras

    keras.utils.set_random_seed(zlib.crc32(name.encode()))
    own, *options = name.split(" ")
    read = {key: json.loads(value) if value[0] in "0123456789tf" else value for key, value in (o.split("=") for o in options)}
    net = getattr(keras.applications, own)(**{"weights": None, "input_shape": (size, size, 3), "classifier_activation": None, **read})
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            draw = np.random.default_rng(len(layer.name))
            lowest, highest = (0.2, 0.6) if calm else (0.5, 1.5)
            values = dict(gamma=(lowest, highest), beta=(-0.2, 0.2), moving_mean=(-0.2, 0.2), moving_variance=(0.5, 1.5))
            layer.set_weights([draw.uniform(*values[w.name], w.shape).astype("float32") for w in layer.weights])
    net(np.zeros((1, size, size, 3), np.float32))
    return net


def export(net, path, size, exporter, opset, before):
    if exporter == "converter":
        import onnx

        onnx.save(onnx.version_converter.convert_version(onnx.load(before), opset), path)
        return
    if exporter in ("keras", "tf2onnx"):
        net.export(path, format="onnx", verbose=False, opset_version=opset)
        return
    import torch

    x = torch.zeros(1, 3, size, size)
    with torch.no_grad():
        if exporter == "dynamo":
            torch.onnx.export(net, (x,), path, dynamo=True, opset_version=opset, external_data=False, verbose=False)
        else:
            axes = {"x": {0: "batch"}, "y": {0: "batch"}}
            torch.onnx.export(
                net, (x,), path, dynamo=False, opset_version=opset, input_names=["x"], output_names=["y"], dynamic_axes=axes
            )


def run(path, size):
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    last = entry.shape[-1] == 3 and entry.shape[1] != 3
    shape = (1, size, size, 3) if last else (1, 3, size, size)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    y = session.run(None, {entry.name: x})[0]
    own = np.abs(y - plain.run(None, {entry.name: x})[0]).max() / np.abs(y).max()
    opset = next(o.version for o in onnx.load(path, load_external_data=False).opset_import if o.domain in ("", "ai.onnx"))
    return x, np.asarray(y, np.float32), opset, float(own)


class Nets:
    """The net of a request, ordinary and calm, each made once."""

    def __init__(self, library, name, size):
        self.make = (lambda calm: keras_net(name, size, calm)) if library == "keras" else (lambda calm: torch_net(library, name, calm))
        self.made = {}

    def __getitem__(self, calm):
        if calm not in self.made:
            self.made[calm] = self.make(calm)
        return self.made[calm]


def answer(nets, request, way, before):
    path = os.path.join(way["folder"], "model.onnx")
    size, exporter, opset = request["size"], way["exporter"], way["opset"]
    # where onnxruntime differs from itself without optimizations, rounding grows with depth: nothing could be compared
    most = 2e-5 if request["library"] == "keras" else 2e-6
    calm = nets.made.get(True) is not None
    export(None if exporter == "converter" else nets[calm], path, size, exporter, opset, before)
    x, y, written, own = run(path, size)
    if own > most and not calm and exporter != "converter":
        export(nets[True], path, size, exporter, opset, before)
        x, y, written, own = run(path, size)
    x.tofile(os.path.join(way["folder"], "x.f32"))
    y.tofile(os.path.join(way["folder"], "y.f32"))
    return {"x": x.shape, "y": y.shape, "opset": written, "own": own}


def main():
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # exporters print whole graphs
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            continue
        request = json.loads(line)
        nets = Nets(request["library"], request["name"], request["size"])
        before = None
        for way in request["ways"]:
            try:
                if way["exporter"] == "converter" and before is None:  # TorchScript's file is of an earlier run
                    answer(nets, request, {**way, "exporter": "torchscript", "opset": 17}, None)
                    before = os.path.join(way["folder"], "before.onnx")
                    os.replace(os.path.join(way["folder"], "model.onnx"), before)
                said = answer(nets, request, way, before)
                if way["exporter"] != "converter":
                    before = os.path.join(way["folder"], "model.onnx")
            except Exception as error:  # the exporter's fault, told with the net
                text = str(error).strip()
                said = {"error": f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"[:200]}
            os.write(out, (json.dumps({**way, **said}) + "\n").encode())


if __name__ == "__main__":
    main()
