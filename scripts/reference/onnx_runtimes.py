"""Computes ONNX files by another runtime, for `npm run references -- onnx-runtimes`.

    python scripts/reference/onnx_runtimes.py FOLDER TOOL   reads FOLDER/cases.json, writes FOLDER/TOOL.json; ends with 3 where TOOL is missing
"""

import json
import os
import subprocess
import sys
from importlib import metadata

FOLDER, TOOL = sys.argv[1:3]
try:
    VERSION = metadata.version(TOOL)
except metadata.PackageNotFoundError:
    sys.exit(3)

import numpy as np


def by_onnxruntime(model, case, x):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run([o["name"] for o in case["outputs"]], {case["input"]: x})


def openvino(path, case, x):
    import openvino

    core = openvino.Core()
    net = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = net([x])
    return [found[net.output(o["name"])] for o in case["outputs"]]


def mnn(path, case, x):
    import MNN.expr as F
    import MNN.nn as nn

    target = path + ".mnn"
    converter = os.path.join(os.path.dirname(sys.executable), "mnnconvert")
    words = [converter, "-f", "ONNX", "--modelFile", path, "--MNNModel", target, "--bizCode", "net"]
    # the converter calls pip to install what sends its logs; here it finds one that does nothing
    stub = os.path.join(FOLDER, "pip")
    with open(stub, "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod(stub, 0o755)
    env = {**os.environ, "PATH": f"{FOLDER}{os.pathsep}{os.environ['PATH']}"}
    told = subprocess.run(words, capture_output=True, text=True, env=env)
    if not os.path.exists(target):
        raise RuntimeError(told.stdout + told.stderr)
    net = nn.load_module_from_file(target, [case["input"]], [o["name"] for o in case["outputs"]])
    found = net.forward([F.const(x, list(x.shape), F.NCHW, F.float)])
    os.remove(target)
    return [np.array(F.convert(y, F.NCHW).read()).reshape(y.shape) for y in found]


def onnxslim(path, case, x):
    import onnx
    import onnxslim

    return by_onnxruntime(onnxslim.slim(onnx.load(path)), case, x)


def onnxsim(path, case, x):
    import onnx
    import onnxsim

    return by_onnxruntime(onnxsim.simplify(onnx.load(path))[0], case, x)


def onnx2torch(path, case, x):
    import onnx
    import onnx2torch
    import torch

    net = onnx2torch.convert(onnx.load(path)).eval()
    with torch.no_grad():
        found = net(torch.from_numpy(x))
    return [y.numpy() for y in (found if isinstance(found, (list, tuple)) else [found])]


def floats(name, dims):
    return np.fromfile(os.path.join(FOLDER, name), np.float32).reshape(dims)


def difference(run, case):
    """The largest one over all outputs, in units of an output's largest value."""
    found = run(os.path.join(FOLDER, f"{case['name']}.onnx"), case, floats(f"{case['name']}.x", case["dims"]))
    worst = 0.0
    for i, (y, output) in enumerate(zip(found, case["outputs"], strict=True)):
        want = floats(f"{case['name']}.{i}", output["dims"])
        if list(np.shape(y)) != list(want.shape):
            return 1e9
        largest = max(float(np.abs(want).max()), 1e-3)
        worst = max(worst, float(np.abs(np.asarray(y) - want).max()) / largest)
    return worst if worst == worst else 1e9


with open(os.path.join(FOLDER, "cases.json")) as file:
    CASES = json.load(file)
run = {"MNN": mnn}.get(TOOL) or globals()[TOOL]
answers = []
for case in CASES:
    try:
        answers.append({"net": case["name"], "difference": difference(run, case)})
    except Exception as problem:
        line = str(problem).strip().splitlines()[-1].strip() if str(problem).strip() else ""
        answers.append({"net": case["name"], "error": f"{type(problem).__name__}: {line}"[:120]})
with open(os.path.join(FOLDER, f"{TOOL}.json"), "w") as file:
    json.dump({"version": VERSION, "answers": answers}, file)
