"""Exports nets of torchvision, timm and Keras to ONNX, with random weights, and the logits that onnxruntime computes.

    python scripts/reference/onnx_nets.py FOLDER < requests

Each request is one line of JSON: { "library", "name", "exporter": "torchscript" | "dynamo", "opset", "size" }. For each, FOLDER
gets model.onnx, x.f32 and y.f32 (the first output), and one line of JSON is printed: the shapes, or the error. The
next request is read after an empty line, when the files have been read.
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


def export_torch(net, path, size, exporter, opset):
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


def export_keras(name, path, size):
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.utils.set_random_seed(zlib.crc32(name.encode()))
    net = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            draw = np.random.default_rng(len(layer.name))
            layer.set_weights([draw.uniform(0.5, 1.5, w.shape).astype("float32") for w in layer.get_weights()])
    net(np.zeros((1, size, size, 3), np.float32))
    net.export(path, format="onnx", verbose=False)


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
    graph = onnx.load(path, load_external_data=False)
    return x, np.asarray(y, np.float32), graph.opset_import[0].version, float(own)


def answer(request, folder):
    path = os.path.join(folder, "model.onnx")
    library, name, size = request["library"], request["name"], request["size"]
    if library == "keras":
        export_keras(name, path, size)
    else:
        export_torch(torch_net(library, name), path, size, request["exporter"], request["opset"])
    x, y, opset, own = run(path, size)
    calm = False
    # where onnxruntime differs from itself without optimizations, rounding grows with depth: nothing could be compared
    if own > 2e-6 and library != "keras":
        calm = True
        export_torch(torch_net(library, name, calm=True), path, size, request["exporter"], request["opset"])
        x, y, opset, own = run(path, size)
    x.tofile(os.path.join(folder, "x.f32"))
    y.tofile(os.path.join(folder, "y.f32"))
    return {"x": x.shape, "y": y.shape, "opset": opset, "own": own, "calm": calm}


def main(folder):
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # exporters print whole graphs
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            continue
        request = json.loads(line)
        try:
            said = answer(request, folder)
        except Exception as error:  # the exporter's fault, told with the net
            said = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:200]}
        os.write(out, (json.dumps({**request, **said}) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1])
