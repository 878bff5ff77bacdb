#!/usr/bin/env bash
# timm 1.0.31: create_model('fbnetc_100', pretrained=True) builds its norms with eps 1e-3, and pretrained=False with 1e-5. eps is no
# tensor, so a state dict that was saved from the first loads into the second with "All keys matched", and gives other logits; no other
# model of timm changes with this flag beside its weights. Weights are given here by a file; they are random.
# Seen: eps 0.001 and 1e-05, all keys matched, logits that differ by more than 1 % of the largest.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy==2.4.6
cat >run.py <<'PY'
import timm
import torch

torch.manual_seed(0)
torch.save(timm.create_model("fbnetc_100").state_dict(), "weights.pth")
given = timm.create_model("fbnetc_100", pretrained=True, pretrained_cfg_overlay={"file": "weights.pth"}).eval()
loaded = timm.create_model("fbnetc_100").eval()
keys = loaded.load_state_dict(given.state_dict())
with torch.no_grad():
    x = torch.rand(1, 3, 64, 64)
    a, b = given(x), loaded(x)
print(given.bn1.eps, loaded.bn1.eps, keys, bool((a - b).abs().max() > 0.01 * a.abs().max()))
PY
got=$(v/bin/python -W ignore run.py)
echo "$got"
[ "$got" = '0.001 1e-05 <All keys matched successfully> True' ] || { echo 'CHANGED: the behaviour is another one now'; exit 1; }
