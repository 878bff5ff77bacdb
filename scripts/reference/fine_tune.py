"""PyTorch's side of `npm run experiment -- fine-tune`, on timm's tf_efficientnet_lite0.

    python scripts/reference/fine_tune.py run JOB.json        one run; the last line is its outcome
    python scripts/reference/fine_tune.py probe JOB.json      seconds of an epoch, for memory formats and numbers of workers
    python scripts/reference/fine_tune.py check FOLDER        the steps that Moonlet did, in float32 and in float64

JOB.json is what fine-tune-job.ts says.
"""

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
    ready, evaluating, times, accuracies, number, ends = None, 0.0, [], [], 0, []
    for epoch in range(epochs or job.epochs):
        last, total = time.perf_counter(), 0.0
        for x, labels in train:
            total += step(net, optimizer, x.to(memory_format=memory), labels, job.rates[number])
            number += 1
            now = time.perf_counter()
            if ready is None:
                ready = now - begin
            else:
                times.append(now - last)
            last = now
        start = time.perf_counter()
        accuracies.append(accuracy(net, val, memory))
        ends.append(time.perf_counter())
        evaluating += ends[-1] - start
        if say:
            said = f"loss {total / job.stepsPerEpoch:.3f}, accuracy {accuracies[-1]:.3f}"
            print(f"  epoch {epoch + 1} of {job.epochs}: {said}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - begin
    del train, val  # ends the workers, so that their memory is known
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "accuracies": accuracies,
        "seconds": seconds,
        "readySeconds": ready,
        "evaluateSeconds": evaluating,
        "lastEpochSeconds": ends[-1] - ends[-2] if len(ends) > 1 else None,
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
            seconds = run(job, 2, False)["lastEpochSeconds"]
            ways.append({"channelsLast": channels_last, "workers": workers, "epochSeconds": seconds})
            print(f"  {ways[-1]}", file=sys.stderr, flush=True)
    return ways


def stepped(job, dtype, batch, rate, state, velocity):
    """The loss and the weights after one step from a state; running variances are of populations, as Moonlet's are."""
    net = net_of(job)
    net.load_state_dict(state)
    net = net.to(dtype).train()
    optimizer = optimizer_of(net, job)
    if velocity is not None:
        for name, p in net.named_parameters():
            optimizer.state[p]["momentum_buffer"] = velocity[name].to(dtype)
    norms = {name: m for name, m in net.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    counts = {}
    for name, m in norms.items():
        m.register_forward_hook(lambda m, i, out, name=name: counts.update({name: out.numel() // out.shape[1]}))
    x, labels = batch
    loss = step(net, optimizer, x.to(dtype), labels, rate)
    after = {key: v.double() for key, v in net.state_dict().items()}
    for name, m in norms.items():
        key, n = f"{name}.running_var", counts[name]
        kept = (1 - m.momentum) * state[key].double()
        after[key] = kept + (after[key] - kept) * (n - 1) / n
    return loss, after


def check(folder):
    """Each step from Moonlet's state before it: rounding, which grows from step to step, does not add up so."""
    job = Job(os.path.join(folder, "job.json"))
    with open(os.path.join(folder, "losses.json")) as file:
        our_losses = json.load(file)
    kinds = {"weights": lambda k: not k.endswith(("running_mean", "running_var", "tracked"))}
    kinds |= {"means": lambda k: k.endswith("running_mean"), "variances": lambda k: k.endswith("running_var")}
    rows = []
    before, velocity = load_file(os.path.join(job.start, "model.safetensors")), None
    for i, rate in enumerate(job.rates):
        x = np.fromfile(os.path.join(folder, f"x{i}.bin"), np.float32).reshape(job.batch, job.size, job.size, 3)
        labels = np.fromfile(os.path.join(folder, f"labels{i}.bin"), np.int32)
        batch = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels).long()
        ours = load_file(os.path.join(folder, f"after{i}.safetensors"))
        exact_loss, exact = stepped(job, torch.float64, batch, rate, before, velocity)
        single_loss, single = stepped(job, torch.float32, batch, rate, before, velocity)

        def apart(state, chosen):
            """|change - exact change| / |exact change|, over all tensors of a kind."""
            keys = [k for k in before if chosen(k)]
            size = sum((exact[k] - before[k].double()).square().sum() for k in keys)
            return (sum((state[k].double() - exact[k]).square().sum() for k in keys) / size).sqrt().item()

        row = {"step": i + 1, "loss": exact_loss}
        row |= {"ours": {"loss": abs(our_losses[i] - exact_loss) / exact_loss}}
        row |= {"torch": {"loss": abs(single_loss - exact_loss) / exact_loss}}
        for kind, chosen in kinds.items():
            row["ours"][kind] = apart(ours, chosen)
            row["torch"][kind] = apart(single, chosen)
        rows.append(row)
        print(f"  step {i + 1} of {len(job.rates)}", file=sys.stderr, flush=True)
        before, velocity = ours, load_file(os.path.join(folder, f"velocity{i}.safetensors"))
    return rows


def main():
    what, path = sys.argv[1:]
    if what == "check":
        torch.set_num_threads(1)  # threads that wait for each other take long on a busy machine
        answer = check(path)
    else:
        job = Job(path)
        torch.set_num_threads(job.threads)
        answer = run(job) if what == "run" else probe(job)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
