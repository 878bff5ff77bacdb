"""Values and gradients of distillation losses, in float64: test/learn/distill/later.json.

    python scripts/reference/distillation.py FILE

RKD, DIST, CRD, logit standardization and ReviewKD's two parts are those of torchdistill 1.1.5 (pip install --no-deps torchdistill==1.1.5),
features and tokens those of timm 1.0.31. The others are written here from the papers' equations. Arrays lie channels last, kernels
[h, w, in, out]. test/learn/distill/later-reference.test.ts computes the same.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from fill import uniform
from timm.task.distillation import FeatureDistillationTask
from timm.task.token_distillation import TokenDistillationTask
from torch import nn
from torchdistill.losses.mid_level import CRDLoss, DISTLoss, HierarchicalContextLoss, LogitStdKDLoss, RKDLoss
from torchdistill.models.wrapper import AttentionBasedFusion, Normalizer4CRD

torch.set_default_dtype(torch.float64)
LABELS = [2, 0, 4, 1, 2, 3]
cases = {}
count = 0


def drawn(*shape, reach=2.0):
    """Numbers that float32 holds exactly."""
    global count
    count += 1
    values = (reach * (2 * uniform(count, int(np.prod(shape))) - 1)).round(3).astype(np.float32)
    return torch.tensor(values.astype(np.float64).reshape(shape))


def flat(t):
    return [float(f"{v:.9g}") for v in t.detach().reshape(-1).tolist()]


def array(t):
    return {"shape": list(t.shape), "values": flat(t)}


def case(name, value, student, teacher, more=None, gradients=None):
    """`gradients` are the inputs, by name, whose gradients are written; the student's by default."""
    wanted = gradients or {"student": student}
    found = torch.autograd.grad(value, list(wanted.values()))
    cases[name] = {
        "value": float(f"{value.item():.9g}"),
        "student": array(student),
        "teacher": array(teacher),
        **{key: array(t) for key, t in (more or {}).items()},
        "gradients": {key: array(g) for key, g in zip(wanted, found)},
    }


def pair(width_s, width_t, batch=6, reach=2.0):
    return drawn(batch, width_s, reach=reach).requires_grad_(True), drawn(batch, width_t, reach=reach)


def io(t):
    return {"x": {"output": t}}


paths = dict(student_module_path="x", student_module_io="output", teacher_module_path="x", teacher_module_io="output")

# DKD, from section 3 with probabilities as they are written there
for name, alpha, beta, temperature in (("dkd", 1.0, 8.0, 4.0), ("dkd-sharp", 0.5, 2.0, 0.25)):
    s, t = pair(5, 5, reach=4.0)
    total = 0
    for i, label in enumerate(LABELS):
        q, p = (F.softmax(x[i] / temperature, 0) for x in (s, t))
        others = [k for k in range(5) if k != label]
        tckd = p[label] * torch.log(p[label] / q[label]) + (1 - p[label]) * torch.log((1 - p[label]) / (1 - q[label]))
        p_rest, q_rest = (F.softmax(x[i, others] / temperature, 0) for x in (t, s))
        nckd = (p_rest * torch.log(p_rest / q_rest)).sum()
        total = total + alpha * tckd + beta * nckd
    case(name, temperature**2 * total / len(LABELS), s, t)

# DIST
for name, tau in (("dist", 1.0), ("dist-warm", 4.0)):
    s, t = pair(5, 5)
    case(name, DISTLoss(**paths, beta=2.0, gamma=1.5, tau=tau)(io(s), io(t)), s, t)

# logit standardization
s, t = pair(5, 5)
soft = LogitStdKDLoss(**paths, temperature=2.0, alpha=0, beta=1)(io(s), io(t))
case("logit-standardization", 4 * soft, s, t)

# RKD: distances, angles; two embeddings of the teacher are far apart, so that both branches of Huber's loss are used
for name, distance, angle in (("rkd-distance", 1.0, 0.0), ("rkd-angle", 0.0, 1.0)):
    s, t = pair(4, 7)
    t[0] *= 20
    loss = RKDLoss("x", "x", distance, angle, "mean")(io(s), io(t))
    case(name, loss, s, t)

# CRD: the negatives of all rows are the same
N, LENGTH, K = 9, 4, 7
s, t = pair(5, 3)
examples, negatives = [7, 2, 0, 5, 8, 3], [1, 6, 2, 7, 4, 4, 0]
project_s, project_t = nn.Linear(5, LENGTH), nn.Linear(3, LENGTH)
for layer in (project_s, project_t):
    layer.weight.data, layer.bias.data = drawn(*layer.weight.shape), drawn(*layer.bias.shape)
normal_s, normal_t = Normalizer4CRD(project_s), Normalizer4CRD(project_t)

crd = CRDLoss("s", "empty", "t", LENGTH, N, K, N, temperature=0.5, momentum=0.5)
bank_s, bank_t = drawn(N, LENGTH, reach=0.8), drawn(N, LENGTH, reach=0.8)
crd.memory_v1, crd.memory_v2 = bank_s.clone(), bank_t.clone()
contrast = torch.tensor([[e, *negatives] for e in examples])
given = {"pos_idx": torch.tensor(examples), "contrast_idx": contrast}
values = []
for step in range(2):  # the second step has other banks, and the constants of the first
    value = crd({"s": {"output": normal_s(s)}, "empty": {"input": given}}, {"t": {"output": normal_t(t)}})[0]
    more = {
        "examples": torch.tensor(examples, dtype=torch.float64),
        "negatives": torch.tensor(negatives, dtype=torch.float64),
        "studentKernel": project_s.weight.T,
        "studentBias": project_s.bias,
        "kernel": project_t.weight.T,
        "bias": project_t.bias,
        "bankStudent": bank_s,
        "bankTeacher": bank_t,
        "nextStudent": crd.memory_v1.clone(),
        "nextTeacher": crd.memory_v2.clone(),
        "z": crd.params[2:4].clone(),
    }
    wanted = {"student": s, "studentKernel": project_s.weight, "kernel": project_t.weight, "bias": project_t.bias}
    case(f"crd-{step + 1}", value, s, t, more, wanted)
    for key in ("studentKernel", "kernel"):
        gradient = cases[f"crd-{step + 1}"]["gradients"][key]
        matrix = np.array(gradient["values"]).reshape(gradient["shape"]).T
        cases[f"crd-{step + 1}"]["gradients"][key] = {"shape": list(matrix.shape), "values": matrix.reshape(-1).tolist()}
    bank_s, bank_t = crd.memory_v1.clone(), crd.memory_v2.clone()


# ReviewKD: the context loss on maps whose sizes 4, 2, 1 do not all divide; fusion of two levels with norms in training
def last(x):
    return x.permute(0, 2, 3, 1)


def first(x):
    return x.permute(0, 3, 1, 2)


for name, size in (("context-7", 7), ("context-4", 4), ("context-1", 1)):
    s = drawn(2, size, size, 3).requires_grad_(True)
    t = drawn(2, size, size, 3)
    context = HierarchicalContextLoss("x", "output", "x", "output")
    value = context({"x": {"output": (first(s), None)}}, io(first(t)))
    case(name, value, s, t)

shallow, deep = drawn(2, 4, 4, 3).requires_grad_(True), drawn(2, 2, 2, 5).requires_grad_(True)
teacher_shallow, teacher_deep = drawn(2, 4, 4, 6), drawn(2, 2, 2, 7)
levels = [AttentionBasedFusion(3, 5, 6, True), AttentionBasedFusion(5, 5, 7, False)]
weights = {}
for i, level in enumerate(levels):
    parts = {"reduce/conv": level.conv1[0], "reduce/norm": level.conv1[1], "output/conv": level.conv2[0], "output/norm": level.conv2[1]}
    if i == 0:
        parts["gate/conv"] = level.attention_conv[0]
    for name, part in parts.items():
        part.weight.data = drawn(*part.weight.shape, reach=1.0)
        at = f"level{i + 1}/{name}"
        if isinstance(part, nn.BatchNorm2d):
            part.bias.data = drawn(*part.bias.shape, reach=1.0)
            weights[f"{at}:gamma"], weights[f"{at}:beta"] = part.weight, part.bias
        else:
            weights[f"{at}:kernel"] = part.weight.permute(2, 3, 1, 0)
            if part.bias is not None:
                part.bias.data = drawn(*part.bias.shape, reach=1.0)
                weights[f"{at}:bias"] = part.bias
out_deep, below = levels[1](first(deep))
out_shallow, _ = levels[0](first(shallow), below, 4)
context = HierarchicalContextLoss("x", "output", "x", "output")
value = sum(
    context({"x": {"output": (s, None)}}, io(first(t))) for s, t in ((out_shallow, teacher_shallow), (out_deep, teacher_deep))
)
more = {"deep": deep, "teacherDeep": teacher_deep, **{f"weight {key}": t for key, t in weights.items()}}
more["outShallow"], more["outDeep"] = last(out_shallow), last(out_deep)
case("review-kd", value, shallow, teacher_shallow, more, {"student": shallow, "deep": deep})

# SRD from section 3: conv 1x1 of a vector, norm in training, ReLU, and the teacher's classifier
s, t = pair(4, 3)
connector, norm = drawn(3, 4), nn.BatchNorm1d(3)
norm.weight.data, norm.bias.data = drawn(3), drawn(3)
kernel, bias = drawn(5, 3), drawn(5)
f = F.relu(norm(s @ connector.T))
value = 0.7 * ((f - t) ** 2).mean() + 1.3 * ((f @ kernel.T - t @ kernel.T) ** 2).mean()
case("srd", value, s, t, {"connector": connector.T, "gamma": norm.weight, "beta": norm.bias, "kernel": kernel.T, "bias": bias})

# several teachers: probabilities, logits, and by confidence
s, t = pair(5, 5)
other = drawn(6, 5)
labels = torch.tensor(LABELS)
T = 3.0
log_q = F.log_softmax(s / T, 1)
kl = lambda p: T**2 * (p * (p.log() - log_q)).sum(1).mean()
soft = [F.softmax(x / T, 1) for x in (t, other)]
case("multi-teacher", kl(0.75 * soft[0] + 0.25 * soft[1]), s, t, {"other": other})
log_q = F.log_softmax(s / T, 1)
case("multi-teacher-logits", kl(F.softmax((0.75 * t + 0.25 * other) / T, 1)), s, t, {"other": other})
log_q = F.log_softmax(s / T, 1)
losses = torch.stack([F.cross_entropy(x, labels, reduction="none") for x in (t, other)], 1)
trust = 1 - losses.exp() / losses.exp().sum(1, keepdim=True)
trust = trust / trust.sum(1, keepdim=True)
case("multi-teacher-confidence", kl(trust[:, :1] * soft[0] + trust[:, 1:] * soft[1]), s, t, {"other": other})


# timm's two tasks, on modules that give the tensors of the case
class Given(nn.Module):
    """A model of timm's kind whose features and logits are given."""

    num_classes, in_chans = 5, 3
    pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}

    def __init__(self, features, logits=None):
        super().__init__()
        self.features, self.logits = features, logits
        self.num_features = features.shape[1]
        self.unused = nn.Parameter(torch.zeros(1))

    def set_distilled_training(self, on):
        self.distilled = on

    def forward_features(self, x):
        return self.features

    def forward_head(self, x, pre_logits=False):
        return x if pre_logits else (self.features[:, :1] * torch.ones(1, 5))

    def forward(self, x):
        return self.logits


images = torch.zeros(6, 3, 2, 2)
s, t = pair(4, 3)
task = FeatureDistillationTask(Given(s), Given(t), criterion=nn.CrossEntropyLoss(), dtype=torch.float64, verbose=False)
projection = task.trainable_module.projection
projection.weight.data, projection.bias.data = drawn(*projection.weight.shape), drawn(*projection.bias.shape)
value = task(images, labels)["kd_loss"]
case("features", value, s, t, {"kernel": projection.weight.T, "bias": projection.bias})
for form in ("soft", "hard"):
    s, t = pair(5, 5)
    student = Given(s, (s.detach(), s))
    task = TokenDistillationTask(
        student, Given(t, t), criterion=nn.CrossEntropyLoss(), distill_type=form, temperature=3.0, dtype=torch.float64, verbose=False
    )
    case(f"token-distillation-{form}", task(images, labels)["distill_loss"], s, t)

with open(sys.argv[1], "w") as file:
    json.dump({"labels": LABELS, "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
