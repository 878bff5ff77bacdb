"""Top-1 accuracies on ImageNet-1k as torchvision (BSD-3-Clause) states them for its default weights, of the models that the zoo makes.

    python scripts/reference/accuracies.py zoo/accuracies.json
"""

import json
import re
import sys

import torchvision
from torchvision.models import get_model_weights, list_models

with open("zoo/architectures/library-names.ts", encoding="utf-8") as file:
    table = file.read().partition("torchvisionNames")[2].partition("};")[0]
known = set(re.findall(r"^\s*'?([a-z]\w+)'?:", table, re.M))
nets = []
for model in list_models(module=torchvision.models):
    weights = get_model_weights(model)
    if model not in known:
        continue
    best = weights.DEFAULT
    nets.append(
        {
            "model": f"torchvision/{model}",
            "weights": best.name,
            "size": best.transforms().crop_size[0],
            "accuracy": round(best.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100, 5),
        }
    )
version = torchvision.__version__.partition("+")[0]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"from": f"torchvision {version}, by scripts/reference/accuracies.py", "nets": nets}, file, indent=2)
    file.write("\n")
