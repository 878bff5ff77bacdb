"""Weight files that PyTorch, safetensors and Keras write themselves, of nets as narrow as they can be made, and the
logits that the nets give. Values are multiples of 1/16, so that the files are small when packed.

    python scripts/reference/files.py test/import/files
"""

import gzip
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and PyTorch do not live in one process

import h5py
import keras
import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.models.efficientnet import _gen_mobilenet_v1

from fill import images, uniform

CLASSES, SIZE = 3, 32
folder = sys.argv[1]
logits = {}


def coarse(name, k, shape):
    """A number of 16 steps, by what the tensor is."""
    u = np.floor(16 * uniform(k, int(np.prod(shape)))) / 16
    last = name.replace("/", ".").split(".")[-1]
    centred = len(shape) > 1 or last in ("running_mean", "moving_mean", "bias", "beta")
    return (u - 0.5 if centred else 0.5 + u).astype(np.float32).reshape(shape)


def keep(name, write):
    """The file as the library writes it, packed; the time of gzip's header is left out."""
    path = os.path.join(folder, name)
    write(path)
    with open(path, "rb") as file, open(f"{path}.gz", "wb") as packed:
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=9) as out:
            out.write(file.read())
    os.remove(path)


def filled(model):
    model = model.eval()
    with torch.no_grad():
        for k, (name, tensor) in enumerate(model.state_dict().items()):
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(coarse(name, k, tuple(tensor.shape))))
    return model


def answer(net, model):
    with torch.no_grad():
        logits[f"{net} size={SIZE} classes={CLASSES}"] = model.double()(images(1, SIZE).double())[0].tolist()
    return model.float()


v1 = filled(_gen_mobilenet_v1("mobilenetv1_100", 0.05, num_classes=CLASSES))
state = v1.state_dict()
keep("mobilenet-v1.pth", lambda path: torch.save(state, path))
# what people's training scripts write: a checkpoint, under names of DataParallel, in half precision, with views
half = {f"module.{k}": v.half() if v.is_floating_point() else v for k, v in state.items()}
head = torch.cat([torch.zeros(1), state["classifier.bias"]]).half()
half["module.classifier.bias"] = head[1:]  # begins inside of its storage
half["module.classifier.weight"] = half["module.classifier.weight"].T.contiguous().T  # column-major
keep("mobilenet-v1-checkpoint.pth", lambda path: torch.save({"epoch": 3, "state_dict": half}, path))
keep("mobilenet-v1.safetensors", lambda path: save_file({k: v.contiguous() for k, v in state.items()}, path))
brain = {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}
keep("mobilenet-v1-bf16.safetensors", lambda path: save_file(brain, path))
answer("timm mobilenet-v1 width=0.05", v1)

v2 = filled(torchvision.models.mobilenet_v2(width_mult=0.05, num_classes=CLASSES))
keep("mobilenet-v2.pth", lambda path: torch.save(v2.state_dict(), path))
answer("torchvision mobilenet-v2 width=0.05", v2)

keras.utils.set_random_seed(0)
k2 = keras.applications.MobileNetV2(
    alpha=0.05, weights=None, classes=CLASSES, input_shape=(SIZE, SIZE, 3), classifier_activation=None
)
for k, v in enumerate(v for layer in k2.layers for v in layer.variables if "seed_generator" not in v.path):
    v.assign(coarse(v.path, k, tuple(v.shape)))
keep("keras-mobilenet-v2.h5", k2.save)
keep("keras-mobilenet-v2.keras", k2.save)
keep("keras-mobilenet-v2.weights.h5", k2.save_weights)
x = images(1, SIZE).numpy().transpose(0, 2, 3, 1)
logits[f"keras mobilenet-v2 width=0.05 size={SIZE} classes={CLASSES}"] = k2.predict(x, verbose=0)[0].tolist()



# HDF5 as Keras does not write it, which is refused: values in another file, in packed chunks, behind a link; a later
# superblock. And weights alone, as Keras 2 wrote them, which are read.
def h5(path, write, **options):
    with h5py.File(path, "w", **options) as file:
        write(file)


def external(file):
    file.create_dataset("dense/dense/kernel", (4,), dtype="f4", external=[("/etc/hostname", 0, 16)])


def chunked(file):
    file.create_dataset("dense/dense/kernel", data=np.zeros((64, 64), "f4"), chunks=(8, 8), compression="gzip")


def linked(file):
    file["dense/dense/kernel"] = h5py.ExternalLink("/etc/hostname", "kernel")


def alone(file):
    file["dense/dense/kernel:0"] = np.arange(6, dtype="f4").reshape(2, 3)
    file["dense/dense/bias:0"] = np.arange(3, dtype="f2")
    file["depthwise/depthwise/depthwise_kernel:0"] = np.arange(4, dtype="f8").reshape(2, 2, 1, 1)


keep("external.h5", lambda path: h5(path, external))
keep("chunked.h5", lambda path: h5(path, chunked))
keep("linked.h5", lambda path: h5(path, linked))
keep("latest.h5", lambda path: h5(path, alone, libver="latest"))
keep("alone.h5", lambda path: h5(path, alone))
keep("old.pth", lambda path: torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False))
keep("module.pth", lambda path: torch.save(torch.nn.Linear(2, 2), path))
keep("script.pt", lambda path: torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path))

with open(os.path.join(folder, "logits.json"), "w", encoding="utf-8") as file:
    json.dump(logits, file, indent=2)
    file.write("\n")
print({name: os.path.getsize(os.path.join(folder, name)) for name in sorted(os.listdir(folder))})
print("timm", timm.__version__, "torchvision", torchvision.__version__, "keras", keras.__version__)
