"""timm's default configuration of every model whose names we import, as TypeScript, and for the tests how its norms and
strided convs compute.

    python scripts/reference/timm_defaults.py src/import/timm-defaults.ts test/import/timm-numerics.json
"""

import json
import sys

import timm
import torch
from timm.models import get_pretrained_cfg, list_pretrained

from names import TIMM

# settings that timm adds for its trained weights alone
TRAINED = {"fbnetc_100": {"bn_eps": 1e-3}}
BATCH_NORMS = torch.nn.BatchNorm2d
MEANS = {
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)): "imagenet",
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)): "half",
    ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)): "unit",
    ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)): "clip",
}


def configuration(full):
    c = get_pretrained_cfg(full)
    mean, size = MEANS[(tuple(c.mean), tuple(c.std))], c.input_size[1]
    assert c.input_size[0] == 3, full
    mode = "" if c.crop_mode == "center" else f", '{c.crop_mode}'"
    return f"[{c.crop_pct:g}, '{c.interpolation}', {mean}, {size}{mode}]"


def numerics(name):
    """Eps, the share of the statistics that is kept, and whether strided convs pad as TensorFlow does."""
    with torch.device("meta"):  # without values
        model = timm.create_model(name, **TRAINED.get(name, {}))
    norms = {(m.eps, round(1 - m.momentum, 6)) for m in model.modules() if isinstance(m, BATCH_NORMS)}
    same = any(type(m).__name__ == "Conv2dSame" for m in model.modules())
    if not norms:  # layer norms alone, which have no momentum
        (eps,) = {m.eps for m in model.modules() if isinstance(m, torch.nn.LayerNorm)}
        return {"eps": eps, "same": same}
    assert len(norms) == 1, (name, norms)
    ((eps, momentum),) = norms
    return {"eps": eps, "momentum": momentum, "same": same}


if __name__ == "__main__":
    all_names = list(TIMM)
    tagged = sorted(
        full
        for full in list_pretrained()
        if full.split(".")[0] in all_names and configuration(full) != configuration(full.split(".")[0])
    )
    rows = "\n".join(f"  '{name}': {configuration(name)}," for name in [*all_names, *tagged])
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(f"""/** @file Made by scripts/reference/timm_defaults.py from timm {timm.__version__}; not edited by hand. */
type Channels = readonly (readonly [mean: number, std: number])[];
const imagenet: Channels = [[0.485, 0.229], [0.456, 0.224], [0.406, 0.225]];
const half: Channels = [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]];
const unit: Channels = [[0, 1], [0, 1], [0, 1]];
const clip: Channels = [[0.48145466, 0.26862954], [0.4578275, 0.26130258], [0.40821073, 0.27577711]];

export type TimmDefault = readonly [
  crop: number,
  interpolation: 'bicubic' | 'bilinear',
  channels: Channels,
  size: number,
  mode?: "squash" | "border",
];
/** By model, and by single weights ('model.tag') where theirs differ. */
export const timmDefaults: Readonly<Record<string, TimmDefault>> = {{
{rows}
}};
""")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        rows = ",\n".join(f'  "{name}": {json.dumps(numerics(name))}' for name in all_names)
        file.write(f"{{\n{rows}\n}}\n")
