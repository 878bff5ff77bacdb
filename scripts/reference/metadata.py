"""The metadata of an ONNX file as onnxruntime reads it, and what onnx says of the file, as JSON.

    python scripts/reference/metadata.py model.onnx
"""

import json
import sys

import onnx
import onnxruntime

model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
meta = onnxruntime.InferenceSession(sys.argv[1]).get_modelmeta()
assert meta.producer_name == model.producer_name == "moonlet", meta.producer_name
assert meta.custom_metadata_map["producer"] == f"moonlet {model.producer_version}"
print(json.dumps(meta.custom_metadata_map))
