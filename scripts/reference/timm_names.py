"""The other side of timm-names.ts: a line of JSON in, one out. Loads a folder's model.safetensors strictly into the model of timm or
torchvision, and compares logits, in double precision.

    python scripts/reference/timm_names.py CLASSES
"""

import json
import sys

import timm
import torch
import torchvision
from safetensors.torch import load_file

from fill import images
from timm_defaults import TRAINED

CLASSES = int(sys.argv[1])
# forms that have no name of their own
DEPLOYED = {"repvgg-a0 form=deploy": "repvgg_a0", "mobileone-s0 form=deploy": "mobileone_s0", "fastvit form=deploy": "fastvit_t8"}


def logits_of(model, size):
    with torch.no_grad():
        return first(model.eval().double()(images(1, size).double()))


def first(values):
    """Of the only image; torchvision's nets that segment return a dictionary."""
    return (values["out"] if isinstance(values, dict) else values)[0].flatten()


def torchvision_model(name):
    options = {"weights_backbone": None} if name.startswith("lraspp") else {}
    return torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **options)


def difference(case):
    size = case["size"]
    folder, wanted = case["folder"], torch.tensor(case["logits"], dtype=torch.float64)
    state = load_file(f"{folder}/model.safetensors")
    library = torchvision if case["source"] == "torchvision" else timm
    if library is torchvision:
        model, loaded = torchvision_model(case["model"]), []
    elif case["named"]:
        with open(f"{folder}/config.json", encoding="utf-8") as file:
            name = json.load(file)["architecture"]
        # biases of attention make a net one of its size
        sized = {"img_size": size} if timm.models.get_pretrained_cfg(name).fixed_input_size else {}
        model = timm.create_model(name, num_classes=CLASSES, **sized, **TRAINED.get(name, {}))
        loaded = [timm.create_model(f"local-dir:{folder}", pretrained=True, **sized)]
    else:
        model = timm.utils.reparameterize_model(timm.create_model(DEPLOYED[case["words"]], num_classes=CLASSES))
        loaded = []
    for name, tensor in model.state_dict().items():
        assert state[name].dtype == tensor.dtype, name
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        single = first(model.eval()(images(1, size))).double()
    far = lambda logits: float((logits - wanted).abs().max() / wanted.abs().max())
    exact = [logits_of(m, size) for m in [model, *loaded]]
    # where made-up weights saturate gates, rounding grows: PyTorch's own float32 says how much
    rounding = float((single - exact[0]).abs().max() / exact[0].abs().max())
    return {
        "difference": max(map(far, exact)),
        "rounding": rounding,
        "by": f"{library.__name__} {library.__version__.partition('+')[0]}",
        "logits": [float(f"{v:.9g}") for v in exact[0].flatten().tolist()],
    }


for line in sys.stdin:
    try:
        answer = difference(json.loads(line))
    except Exception as error:
        answer = {"error": " ".join(str(error).split())[:300]}
    print(json.dumps(answer), flush=True)
