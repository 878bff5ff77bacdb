"""PyTorch on a job: eager, in channels-last memory, and compiled; the fastest answers. Also writes its ONNX export."""

import copy
import os
import sys
import warnings

from common import THREADS, Missing, main, serve


def run(job):
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch_net import build

    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    logits = job.graph["outputs"][0]
    pairs = job.pairs if job.kind == "distill" else []
    net = build(job.graph, job.weights, [logits, *(s for s, _ in pairs)])
    teacher = build(*job.teacher, [t for _, t in pairs]).eval() if pairs else None
    params = sum(p.numel() for p in net.parameters())
    x = torch.from_numpy(job.x)
    x = x.permute(0, 3, 1, 2).contiguous() if x.dim() == 4 else x
    labels = torch.from_numpy(job.labels).long()

    if len(sys.argv) > 2:  # only export
        export(net.eval(), x, sys.argv[2])
        return

    def attention(x):
        f = (x * x).mean(1).flatten(1)
        return f * torch.rsqrt((f * f).sum(1, keepdim=True).clamp_min(1e-24))

    def trainer(channels_last, compiled):
        def make():
            mine = copy.deepcopy(net).train()
            guide, images = teacher, x
            if channels_last:
                mine, images = (v.to(memory_format=torch.channels_last) for v in (mine, x))
                guide = copy.deepcopy(teacher).to(memory_format=torch.channels_last) if teacher else None
            run_net, run_guide = (torch.compile(mine), guide and torch.compile(guide)) if compiled else (mine, guide)
            optimizer = torch.optim.SGD(mine.parameters(), lr=job.rate, momentum=0.9, nesterov=True)

            def step():
                out, *mids = run_net(images)
                loss = F.cross_entropy(out, labels)
                if run_guide is not None:
                    with torch.no_grad():
                        theirs = run_guide(images)
                    gaps = [(attention(s) - attention(t)).square().mean() for s, t in zip(mids, theirs, strict=True)]
                    loss = loss + 1000 * 3 / len(gaps) * sum(gaps)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                return loss.item()

            return step, [step(), step()]

        return make

    def reader(channels_last, compiled):
        def make():
            mine, images = copy.deepcopy(net).eval(), x
            if channels_last:
                mine, images = (v.to(memory_format=torch.channels_last) for v in (mine, x))
            run_net = torch.compile(mine) if compiled else mine

            def step():
                with torch.inference_mode():
                    return run_net(images)[0].numpy()

            return step, None

        return make

    maker = reader if job.kind == "infer" else trainer
    variants = [("eager", maker(False, False)), ("eager, channels last", maker(True, False))]
    if not job.quick:
        variants += [("compiled", maker(False, True)), ("compiled, channels last", maker(True, True))]
    serve(job, variants, {"torch": torch.__version__.split("+")[0]}, params)


def export(net, x, path):
    import torch
    from common import say

    class One(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x)[0]

    problems = []
    for dynamo in (True, False):
        try:
            with open(os.devnull, "w") as nowhere:
                was, sys.stdout = sys.stdout, nowhere
                try:
                    torch.onnx.export(One().eval(), (x,), path, dynamo=dynamo, input_names=["x"], **({"external_data": False} if dynamo else {}))
                finally:
                    sys.stdout = was
            say(exported=True, version=torch.__version__.split("+")[0])
            return
        except Exception as problem:
            problems.append(" ".join(str(problem).split())[:120])
    raise Missing(f"torch could not export it ({'; '.join(problems)})")


main(run)
