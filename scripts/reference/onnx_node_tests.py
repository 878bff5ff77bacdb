"""ONNX's own backend tests of single nodes, as lines of JSON: onnx-node-tests.ts reads them. The first line is the version.

The tests give weights as inputs of the graph. Here all inputs but the first are initializers of the same values, as in a file
of a net. An input of one or three axes gets a batch of 1 before it, since nets have a batch.

    python scripts/reference/onnx_node_tests.py >cases.jsonl
"""

import base64
import json
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

warnings.filterwarnings("ignore")
REAL = ("float16", "float32", "float64")


def tensor(value):
    """Shape, type and values; nothing for sequences, maps and strings."""
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.name not in (*REAL, "int64", "int32", "int8", "uint8", "bool"):
        return None
    array = np.asarray(value)
    values = base64.b64encode(array.astype("<f8").tobytes()).decode()
    return {"shape": list(array.shape), "type": array.dtype.name, "values": values}


def frozen(model, inputs):
    """The model with its inputs from the second on as initializers."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for info, value in list(zip(model.graph.input, inputs, strict=False))[1:]:
        if isinstance(value, onnx.TensorProto):
            proto = onnx.TensorProto.FromString(value.SerializeToString())
            proto.name = info.name
        else:
            proto = numpy_helper.from_array(np.asarray(value), info.name)
        model.graph.initializer.append(proto)
    del model.graph.input[1:]
    return model


def batched(model, shape):
    """The model with an input of two or four axes, of the same values in the same order, which it first reshapes to its own."""
    wider = [1, *shape] if len(shape) in (1, 3) else [1, 1]
    info = model.graph.input[0]
    own = numpy_helper.from_array(np.array(shape, dtype=np.int64), "own shape")
    model.graph.initializer.append(own)
    reshape = onnx.helper.make_node("Reshape", ["batched input", own.name], [info.name], name="batched input")
    model.graph.node.insert(0, reshape)
    element = info.type.tensor_type.elem_type
    model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("batched input", element, wider))
    return wider


print(json.dumps({"onnx": onnx.__version__}))
for case in collect_testcases():
    inputs, outputs = case.data_sets[0]
    row = {"name": case.name, "ops": sorted({node.op_type for node in case.model.graph.node}), "rtol": case.rtol, "atol": case.atol}
    first = tensor(inputs[0]) if inputs else None
    wanted = [tensor(value) for value in outputs]
    if first is None or None in wanted or not case.model.graph.input[0].type.HasField("tensor_type"):
        row["skipped"] = "its input or output is no tensor of numbers"
    else:
        try:
            model = frozen(case.model, inputs)
            if len(first["shape"]) in (0, 1, 3):
                first["shape"] = batched(model, first["shape"])
            model = model.SerializeToString()
            row |= {"model": base64.b64encode(model).decode(), "input": first, "outputs": wanted}
        except (TypeError, ValueError, AttributeError) as error:
            row["skipped"] = f"its other inputs are no tensors: {error}"[:100]
    print(json.dumps(row))
