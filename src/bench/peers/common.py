"""What both peers share: the job's files, the line protocol, timing. Only numpy is needed."""

import gc
import json
import os
import statistics
import sys
import time

import numpy as np

THREADS = 2


class Missing(Exception):
    """This peer cannot run this job, and why."""


def read_safetensors(path):
    """Float32 arrays by name: 8 bytes of header length, a JSON header, then the numbers."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        body = file.read()
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise Missing(f"{name} is {entry['dtype']}, and the peers read F32")
        start, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(body[start:end], np.float32).reshape(entry["shape"]).copy()
    return arrays


class Job:
    """A folder that the benchmark wrote: job.json, graphs, weights, a batch."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "job.json")) as file:
            self.__dict__.update(json.load(file))
        self.graph, self.weights = self._net("net")
        self.teacher = self._net("teacher") if self.kind == "distill" else None
        shape = next(n["op"]["shape"] for n in self.graph["nodes"] if n["op"]["kind"] == "input")
        self.x = np.fromfile(os.path.join(folder, "x.bin"), np.float32).reshape([self.batch, *shape])
        self.labels = np.fromfile(os.path.join(folder, "labels.bin"), np.int32)

    def _net(self, name):
        with open(os.path.join(self.folder, f"{name}.json")) as file:
            graph = json.load(file)
        return graph, read_safetensors(os.path.join(self.folder, f"{name}.safetensors"))


def sides(padding, size, kernel, stride, dilation):
    """Top, bottom, left, right of a padding; 'same' as TensorFlow pads."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding != "same":
        top, right, bottom, left = padding
        return top, bottom, left, right
    found = []
    for axis in (0, 1):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        total = max(0, (-(-size[axis] // stride[axis]) - 1) * stride[axis] + reach - size[axis])
        found += [total // 2, total - total // 2]
    return tuple(found)


def say(**message):
    print("@" + json.dumps(message), flush=True)


def peak_mib():
    """The most memory that this process held at once."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 1024)


def forget_peak():
    """Begin to count the peak anew, where the system can."""
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # then the peak is that of the whole run


def timed(step, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    return times


def warm(step, job):
    """Warm up, then the median of some steps; slow ones are not run often."""
    first = timed(step, 1)[0]
    if first > 20_000:
        return first
    steps = 3 if job.quick else 10
    timed(step, max(1, min(steps, int(3000 / first))))
    return statistics.median(timed(step, max(1, min(steps, int(3000 / first)))))


def serve(job, variants, versions, params):
    """Make each variant, keep the fastest, and answer lines until the end. A variant is (name, make); make gives a step."""
    best, tried, losses, ready = None, [], None, None
    for name, make in variants:
        try:
            start = time.perf_counter()
            step, seen = make()
            if seen is not None and losses is None:
                losses = seen
            made = 1000 * (time.perf_counter() - start)
            median = warm(step, job)
            tried.append(f"{name} {median:.1f} ms")
            if best is None or median < best[0]:
                best, ready = (median, name, step), made
        except Exception as problem:  # a variant that a library cannot do is said, and the others run
            tried.append(f"{name} failed: {' '.join(str(problem).split())[:120]}")
    if best is None:
        raise Missing("; ".join(tried))
    median, name, step = best
    forget_peak()
    say(
        ready=True,
        stepMs=median,
        readyMs=ready,
        variant=name,
        note="; ".join(tried) if len(tried) > 1 else "",
        losses=losses,
        versions=versions,
        params=params,
    )
    for line in sys.stdin:
        message = json.loads(line)
        if message["do"] == "run":
            say(ms=timed(step, message["steps"]))
        else:
            say(peakMiB=peak_mib())
            return


def main(run):
    """Run a peer on the job folder of the command line; a problem is one message, not a trace."""
    try:
        run(Job(sys.argv[1]))
    except Missing as problem:
        say(missing=str(problem))
    except ImportError as problem:
        say(missing=f"no module {problem.name} in this Python")
