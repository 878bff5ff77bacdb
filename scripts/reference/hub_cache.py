"""The Python side of `npm run references -- hub-cache`: what huggingface_hub and timm do with the hub and its cache, which
HF_ENDPOINT and HF_HOME name.

    python scripts/reference/hub_cache.py make FOLDER           repositories by timm's own writer, each with its logits
    python scripts/reference/hub_cache.py find REPOSITORY ...   paths and sha256 of what is in the cache, and timm's logits
    python scripts/reference/hub_cache.py pull REPOSITORY ...   the same files, asked from the hub
"""

import hashlib
import json
import os
import sys

import timm
import torch
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache
from safetensors.torch import save_file
from timm.models._hub import save_config_for_hf

from fill import images

FILES = ["config.json", "model.safetensors"]
# the repository, timm's model, and what create_model gets
MADE = [
    ("timm/mobilenetv3_small_050.lamb_in1k", "mobilenetv3_small_050.lamb_in1k", {"num_classes": 5}),
    ("timm/tf_efficientnet_lite0.in1k", "tf_efficientnet_lite0.in1k", {"num_classes": 4}),
    ("someone/lcnet-of-gray", "lcnet_035", {"num_classes": 3, "in_chans": 1}),
    ("someone/regnet", "regnety_002.pycls_in1k", {"num_classes": 2}),
]
SIZE = 224


def logits(model):
    with torch.no_grad():
        channels = model.pretrained_cfg["input_size"][0]
        return model.eval()(images(1, SIZE, channels))[0].tolist()


def make(folder):
    for k, (repo, name, options) in enumerate(MADE):
        torch.manual_seed(k)
        model = timm.create_model(name, **options)
        for m in model.modules():
            if isinstance(m, torch.nn.BatchNorm2d):  # fresh ones hide mistakes
                m.running_mean.uniform_(-0.1, 0.1)
                m.running_var.uniform_(0.5, 1.5)
                torch.nn.init.uniform_(m.weight, 0.5, 1.5)
        path = os.path.join(folder, repo)
        os.makedirs(path)
        labels = [f"class {i}" for i in range(options["num_classes"])]
        save_config_for_hf(model, os.path.join(path, "config.json"), {"label_names": labels})
        save_file(model.state_dict(), os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
        with open(os.path.join(path, "README.md"), "w", encoding="utf-8") as file:
            file.write("---\ntags:\n- timm\nlicense: mit\n---\n# Made for a test\n")
    return {}


def digest(path):
    with open(path, "rb") as file:
        return {"path": path, "sha256": hashlib.sha256(file.read()).hexdigest()}


def find(repos):
    found = {}
    for repo in repos:
        files = {}
        for name in FILES:
            path = try_to_load_from_cache(repo, name)
            assert path == hf_hub_download(repo, name, local_files_only=True), (repo, name)
            files[name] = digest(path)
        found[repo] = {"files": files, "logits": logits(timm.create_model(f"hf-hub:{repo}", pretrained=True))}
    scan = scan_cache_dir()
    assert not scan.warnings, scan.warnings
    assert {r.repo_id for r in scan.repos} >= set(repos)
    return found


def pull(repos):
    return {repo: {"files": {name: digest(hf_hub_download(repo, name)) for name in FILES}} for repo in repos}


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    print(json.dumps(make(words[0]) if what == "make" else {"find": find, "pull": pull}[what](words)))
