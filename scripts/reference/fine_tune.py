"""PyTorch's side of `npm run experiment -- fine-tune`, on timm's tf_efficientnet_lite0.

    python scripts/reference/fine_tune.py run JOB.json        one run; the last line is its outcome
    python scripts/reference/fine_tune.py probe JOB.json      seconds of an epoch, for memory formats and numbers of workers
    python scripts/reference/fine_tune.py check FOLDER        the steps that Moonlet did, in float32 and in float64

JOB.json is what fine-tune-job.ts says.
"""

import copy
import json
import os
import resource
import statistics
import sys
import time

import numpy as np
import timm
import torch
import torch.nn.functional as F  # noqa: N812
import torchvision
from safetensors.torch import load_file
from torchvision import transforms


class Job:
    def __init__(self, path):
        with open(path) as file:
            self.__dict__.update(json.load(file))


def net_of(job):
    """timm's net with the weights that Moonlet begins with."""
    net = timm.create_model(
        "tf_efficientnet_lite0",
        num_classes=job.classes,
        drop_rate=job.dropout,
        drop_path_rate=0.0,
        bn_momentum=1 - job.normMomentum,
    )
    net.load_state_dict(load_file(os.path.join(job.start, "model.safetensors")))
    return net


def optimizer_of(net, job):
    kernels = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": kernels, "weight_decay": job.weightDecay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.0, momentum=job.momentum, nesterov=True)


def loaders(job, workers):
    tail = [transforms.ToTensor(), transforms.Normalize(job.mean, job.std)]
    moves = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(job.size, padding=job.shift)]
    folder = torchvision.datasets.ImageFolder
    train = folder(os.path.join(job.pictures, "train"), transforms.Compose(moves + tail))
    val = folder(os.path.join(job.pictures, "val"), transforms.Compose(tail))
    keep = {"num_workers": workers, "persistent_workers": workers > 0}
    return (
        torch.utils.data.DataLoader(train, batch_size=job.batch, shuffle=True, drop_last=True, **keep),
        torch.utils.data.DataLoader(val, batch_size=job.batch, **keep),
    )


def step(net, optimizer, x, labels, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = F.cross_entropy(net(x), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def accuracy(net, loader, memory):
    net.eval()
    right = total = 0
    with torch.inference_mode():
        for x, labels in loader:
            right += (net(x.to(memory_format=memory)).argmax(1) == labels).sum().item()
            total += len(labels)
    net.train()
    return right / total


def peak_mib():
    """The most memory that this process held at once."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def run(job, epochs=None, say=True):
    memory = torch.channels_last if job.channelsLast else torch.contiguous_format
    begin = time.perf_counter()
    torch.manual_seed(job.seed)
    net = net_of(job).to(memory_format=memory).train()
    optimizer = optimizer_of(net, job)
    train, val = loaders(job, job.workers)
    ready, evaluating, times, accuracies, number = None, 0.0, [], [], 0
    for epoch in range(epochs or job.epochs):
        last = time.perf_counter()
        for x, labels in train:
            step(net, optimizer, x.to(memory_format=memory), labels, job.rates[number])
            number += 1
            now = time.perf_counter()
            if ready is None:
                ready = now - begin
            else:
                times.append(now - last)
            last = now
        start = time.perf_counter()
        accuracies.append(accuracy(net, val, memory))
        evaluating += time.perf_counter() - start
        if say:
            print(f"  epoch {epoch + 1} of {job.epochs}: accuracy {accuracies[-1]:.3f}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - begin
    del train, val  # ends the workers, so that their memory is known
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "accuracies": accuracies,
        "seconds": seconds,
        "readySeconds": ready,
        "evaluateSeconds": evaluating,
        "stepMs": 1000 * statistics.median(times),
        "peakMiB": peak_mib(),
        **({"workerMiB": workers} if job.workers else {}),
        "versions": versions(),
    }


def versions():
    return ", ".join(f"{m.__name__} {m.__version__.split('+')[0]}" for m in (torch, torchvision, timm))


def probe(job):
    """The second epoch of two for each way: the first has the start of workers and of memory."""
    ways = []
    for channels_last in (False, True):
        for workers in (0, 2):
            job.channelsLast, job.workers = channels_last, workers
            first, second = run(job, 1, False)["seconds"], run(job, 2, False)["seconds"]
            ways.append({"channelsLast": channels_last, "workers": workers, "epochSeconds": second - first})
            print(f"  {ways[-1]}", file=sys.stderr, flush=True)
    return ways


def trained(job, dtype, batches):
    """The weights after each step, and the losses; running variances are those of populations, as Moonlet's are."""
    net = net_of(job).to(dtype).train()
    optimizer = optimizer_of(net, job)
    norms = {name: m for name, m in net.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    counts, before = {}, {}
    population = {name: m.running_var.clone() for name, m in norms.items()}
    for name, m in norms.items():
        m.register_forward_hook(lambda m, i, out, name=name: counts.update({name: out.numel() // out.shape[1]}))
    states, losses = [], []
    for (x, labels), rate in zip(batches, job.rates):
        before = {name: m.running_var.clone() for name, m in norms.items()}
        losses.append(step(net, optimizer, x.to(dtype), labels, rate))
        state = copy.deepcopy(net.state_dict())
        for name, m in norms.items():
            keep, n = 1 - m.momentum, counts[name]
            sample = (m.running_var - keep * before[name]) / m.momentum
            population[name] = keep * population[name] + m.momentum * sample * (n - 1) / n
            state[f"{name}.running_var"] = population[name].clone()
        states.append(state)
    return states, losses


def check(folder):
    job = Job(os.path.join(folder, "job.json"))
    steps = len(job.rates)
    batches = []
    for i in range(steps):
        x = np.fromfile(os.path.join(folder, f"x{i}.bin"), np.float32).reshape(job.batch, job.size, job.size, 3)
        labels = np.fromfile(os.path.join(folder, f"labels{i}.bin"), np.int32)
        batches.append((torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels).long()))
    first = load_file(os.path.join(job.start, "model.safetensors"))
    exact, exact_losses = trained(job, torch.float64, batches)
    single, single_losses = trained(job, torch.float32, batches)
    with open(os.path.join(folder, "losses.json")) as file:
        our_losses = json.load(file)
    kinds = {"weights": lambda k: not k.endswith(("running_mean", "running_var", "tracked"))}
    kinds |= {"means": lambda k: k.endswith("running_mean"), "variances": lambda k: k.endswith("running_var")}
    rows = []
    for i in range(steps):
        ours = load_file(os.path.join(folder, f"after{i}.safetensors"))

        def apart(state, chosen):
            """|change - exact change| / |exact change|, over all tensors of a kind."""
            keys = [k for k in first if chosen(k)]
            change = {k: exact[i][k].double() - first[k].double() for k in keys}
            error = {k: state[k].double() - exact[i][k].double() for k in keys}
            size = sum(v.square().sum() for v in change.values())
            return (sum(v.square().sum() for v in error.values()) / size).sqrt().item()

        row = {"step": i + 1, "loss": exact_losses[i]}
        row |= {"ours": {"loss": abs(our_losses[i] - exact_losses[i]) / exact_losses[i]}}
        row |= {"torch": {"loss": abs(single_losses[i] - exact_losses[i]) / exact_losses[i]}}
        for kind, chosen in kinds.items():
            row["ours"][kind] = apart(ours, chosen)
            row["torch"][kind] = apart(single[i], chosen)
        rows.append(row)
    return rows


def main():
    what, path = sys.argv[1:]
    if what == "check":
        torch.set_num_threads(2)
        answer = check(path)
    else:
        job = Job(path)
        torch.set_num_threads(job.threads)
        answer = run(job) if what == "run" else probe(job)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
