"""What trained nets say of photographs, by their own implementations, as JSON.

    python scripts/reference/pretrained.py REQUEST.json OUT.json

REQUEST has `photos`, a list of paths, and `nets`: for each its `name`, what `implements` it, its `file`, the `packages` that are
needed, and the `preprocessing` of its card, which timm carries out here.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import timm
import torch
import torchvision
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval

request_file, out = sys.argv[1:]
with open(request_file) as f:
    request = json.load(f)


def of_torchvision(net):
    model = torchvision.models.mobilenet_v2()
    model.load_state_dict(torch.load(net["file"], weights_only=True))
    return model.eval()


def of_lite(net):
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name(net["name"])
    model.load_state_dict(torch.load(net["file"], weights_only=True))
    return model.eval()


def of_keras(net):
    import keras

    model = keras.models.load_model(net["file"], compile=False)
    assert model.layers[-1].activation is keras.activations.softmax
    model.layers[-1].activation = keras.activations.linear

    def logits(x):
        return torch.from_numpy(model.predict(x.permute(0, 2, 3, 1).numpy(), verbose=0))

    return logits


implementations = {"torchvision": of_torchvision, "efficientnet-lite-pytorch": of_lite, "keras": of_keras}
rows = []
for net in request["nets"]:
    sys.path[:0] = net["packages"]
    model = implementations[net["implements"]](net)
    how = net["preprocessing"]
    chain = transforms_imagenet_eval(
        how["size"],
        crop_pct=how["crop"],
        crop_mode=how.get("cropMode"),
        interpolation=how["interpolation"],
        mean=how["mean"],
        std=how["std"],
    )
    for photo in request["photos"]:
        with torch.no_grad():
            logits = model(chain(Image.open(photo).convert("RGB"))[None])[0]
        rows.append({"net": net["name"], "photo": photo, "logits": logits.tolist()})
by = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, timm {timm.__version__}"
with open(out, "w") as f:
    json.dump({"by": by, "rows": rows}, f)
