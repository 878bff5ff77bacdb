"""What TensorFlow Lite for Microcontrollers allocates for the int8 nets of MLPerf Tiny, with random weights.

    pip install tensorflow-cpu tflite-micro
    python scripts/reference/microcontrollers.py test/read/reference/microcontrollers.json

The arena of `tflite_micro` has a part for tensors ("head") that its memory planner lays out, with 16-byte alignment and the scratch
buffers of its kernels.
"""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from mlperf_tiny import NETS


def int8_file(shape, make):
    x = keras.Input(shape, batch_size=1)
    model = keras.Model(x, make(x))
    rng = np.random.default_rng(0)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.random((1, *shape), dtype=np.float32)] for _ in range(8))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


# allocations are printed by C code on stderr, so that another process is asked
ask = """
import sys
from tflite_micro.python.tflite_micro import runtime
runtime.Interpreter.from_bytes(sys.stdin.buffer.read(), arena_size=1 << 20).print_allocations()
"""


def allocations(data):
    done = subprocess.run([sys.executable, "-c", ask], input=data, capture_output=True)
    text = (done.stdout + done.stderr).decode()
    found = re.search(r"Arena allocation head (\d+) bytes", text)
    if not found:
        raise SystemExit(text)
    return int(found[1])


if __name__ == "__main__":
    rows = []
    for net, (shape, make) in NETS.items():
        data = int8_file(shape, make)
        rows.append({"net": net, "fileBytes": len(data), "arenaHead": allocations(data)})
        print(rows[-1], file=sys.stderr)
    by = {"tensorflow": tf.__version__, "keras": keras.__version__, "tflite-micro": version("tflite-micro")}
    with open(sys.argv[1], "w") as file:
        json.dump({"versions": by, "nets": rows}, file, indent=2)
        file.write("\n")
