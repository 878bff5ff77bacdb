"""A graph as a plain torch module: its forward is written out as source, one line a node, channels first."""

import torch
import torch.nn.functional as F  # noqa: N812  (the forward that is written uses this name)
from common import Missing, sides
from torch import nn

ACTIVATIONS = {
    "relu": "F.relu({x}, inplace={alone})",
    "relu6": "F.relu6({x}, inplace={alone})",
    "hardSwish": "F.hardswish({x}, inplace={alone})",
    "hardSigmoid": "F.hardsigmoid({x})",
    "sigmoid": "torch.sigmoid({x})",
    "swish": "F.silu({x}, inplace={alone})",
    "tanh": "torch.tanh({x})",
    "gelu": "F.gelu({x})",
    "softmax": "F.softmax({x}, 1)",
}


class Writer:
    """Folds a graph into layers and lines. Shapes are channels first, without the batch."""

    def __init__(self, graph, weights, wanted):
        self.graph, self.weights, self.wanted = graph, weights, wanted
        self.layers, self.lines, self.shapes, self.names, self.owners = {}, [], {}, {}, {}
        self.uses = {}
        for node in graph["nodes"]:
            for source in node["inputs"]:
                self.uses[source] = self.uses.get(source, 0) + 1

    def module(self):
        last = {}
        for node in self.graph["nodes"]:
            for source in node["inputs"]:
                last[source] = node["id"]
        for i, node in enumerate(self.graph["nodes"]):
            name = self.names[node["id"]] = f"v{i}"
            text = getattr(self, node["op"]["kind"], self.unknown)(node, node["op"])
            self.lines.append(f"{name} = {text}")
            done = [s for s in dict.fromkeys(node["inputs"]) if last[s] == node["id"] and s not in self.wanted]
            if done:
                self.lines.append(f"del {', '.join(self.names[s] for s in done)}")
        self.lines.append(f"return [{', '.join(self.names[w] for w in self.wanted)}]")
        scope = {"torch": torch, "F": F}
        exec("def forward(self, x):\n" + "\n".join(f"    {line}" for line in self.lines), scope)  # noqa: S102
        module = type("Net", (nn.Module,), {"forward": scope["forward"]})()
        for name, layer in self.layers.items():
            if isinstance(layer, nn.Module):
                module.add_module(name, layer)
            else:
                module.register_buffer(name, layer)
        return module

    def unknown(self, node, op):
        raise Missing(f"this peer does not know the kind {op['kind']} of {node['id']}")

    def ins(self, node):
        return [self.names[s] for s in node["inputs"]], [self.shapes[s] for s in node["inputs"]]

    def value(self, node, slot):
        array = self.weights.get(f"{node['id']}:{slot}")
        return None if array is None else torch.from_numpy(array)

    def put(self, node, make):
        """The layer of a node, or that of the node whose weights it uses."""
        owner = node.get("weightsOf", node["id"])
        if owner not in self.owners:
            name = self.owners[owner] = f"layer{len(self.owners)}"
            self.layers[name] = make()
        return f"self.{self.owners[owner]}"

    def same(self, node):
        (x, *_), (shape, *_) = self.ins(node)
        self.shapes[node["id"]] = shape
        return x

    def input(self, node, op):
        *image, c = op["shape"]
        self.shapes[node["id"]] = [c, *image]
        return "x"

    def conv(self, node, op):
        (x,), ((c, h, w),) = self.ins(node)
        k, s, d = op["kernel"], op["stride"], op["dilation"]
        top, bottom, left, right = sides(op["padding"], (h, w), k, s, d)
        even = top == bottom and left == right

        def make():
            padding = (top, left) if even else 0
            layer = nn.Conv2d(c, op["out"], k, s, padding, d, op["groups"], op["bias"])
            layer.weight.data = self.value(node, "kernel").permute(3, 2, 0, 1).contiguous()
            if op["bias"]:
                layer.bias.data = self.value(node, "bias")
            return layer

        size = [
            (n + p - dd * (kk - 1) - 1) // ss + 1
            for n, p, kk, ss, dd in zip((h, w), (top + bottom, left + right), k, s, d, strict=True)
        ]
        self.shapes[node["id"]] = [op["out"], *size]
        source = x if even else f"F.pad({x}, ({left}, {right}, {top}, {bottom}))"
        return f"{self.put(node, make)}({source})"

    def dense(self, node, op):
        (x,), ((c,),) = self.ins(node)

        def make():
            layer = nn.Linear(c, op["out"], op["bias"])
            layer.weight.data = self.value(node, "kernel").T.contiguous()
            if op["bias"]:
                layer.bias.data = self.value(node, "bias")
            return layer

        self.shapes[node["id"]] = [op["out"]]
        return f"{self.put(node, make)}({x})"

    def norm(self, node, op):
        (x,), (shape,) = self.ins(node)
        if not (op["scale"] and op["offset"]):
            raise Missing(f"{node['id']}: this peer writes norms with scale and offset only")

        def make():
            kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
            layer = kind(shape[0], eps=op["eps"], momentum=1 - op["momentum"])
            layer.weight.data, layer.bias.data = self.value(node, "gamma"), self.value(node, "beta")
            layer.running_mean, layer.running_var = self.value(node, "mean"), self.value(node, "variance")
            return layer

        self.shapes[node["id"]] = shape
        return f"{self.put(node, make)}({x})"

    def act(self, node, op):
        x = self.same(node)
        source = node["inputs"][0]
        alone = self.uses[source] == 1 and source not in self.wanted
        return ACTIVATIONS[op["fn"]].format(x=x, alone=alone)

    def pool(self, node, op):
        (x,), ((c, h, w),) = self.ins(node)
        k, s = op["size"], op["stride"]
        top, bottom, left, right = sides(op["padding"], (h, w), k, s, (1, 1))
        self.shapes[node["id"]] = [c, (h + top + bottom - k[0]) // s[0] + 1, (w + left + right - k[1]) // s[1] + 1]
        even = top == bottom and left == right and 2 * top <= k[0] and 2 * left <= k[1]
        if op["fn"] == "max":
            source = x if even else f"F.pad({x}, ({left}, {right}, {top}, {bottom}), value=-torch.inf)"
            return f"F.max_pool2d({source}, {tuple(k)}, {tuple(s)}, {(top, left) if even else 0})"
        if not even:
            raise Missing(f"{node['id']}: this peer pads average pools on both sides alike only")
        return f"F.avg_pool2d({x}, {tuple(k)}, {tuple(s)}, {(top, left)}, count_include_pad=False)"

    def globalPool(self, node, op):  # noqa: N802
        (x,), (shape,) = self.ins(node)
        self.shapes[node["id"]] = shape[:1]
        return f"{x}.mean((2, 3))" if op["fn"] == "avg" else f"{x}.amax((2, 3))"

    def add(self, node, op):
        self.same(node)
        return " + ".join(self.ins(node)[0])

    def mul(self, node, op):
        xs, shapes = self.ins(node)
        most = max(shapes, key=len)
        self.shapes[node["id"]] = most
        return " * ".join(x if len(s) == len(most) else f"{x}[:, :, None, None]" for x, s in zip(xs, shapes, strict=True))

    def concat(self, node, op):
        xs, shapes = self.ins(node)
        self.shapes[node["id"]] = [sum(s[0] for s in shapes), *shapes[0][1:]]
        return f"torch.cat([{', '.join(xs)}], 1)"

    def slice(self, node, op):
        x = self.same(node)
        self.shapes[node["id"]] = [op["to"] - op["from"], *self.shapes[node["id"]][1:]]
        return f"{x}[:, {op['from']}:{op['to']}]"

    def shuffle(self, node, op):
        return f"F.channel_shuffle({self.same(node)}, {op['groups']})"

    def permute(self, node, op):
        order = self.put(node, lambda: torch.tensor(op["order"]))
        return f"{self.same(node)}.index_select(1, {order})"

    def flatten(self, node, op):
        x = self.same(node)
        c, h, w = self.shapes[node["id"]]
        self.shapes[node["id"]] = [c * h * w]
        return f"{x}.permute(0, 2, 3, 1).flatten(1)"

    def maxout(self, node, op):
        x = self.same(node)
        c, *image = self.shapes[node["id"]]
        self.shapes[node["id"]] = [c // op["pieces"], *image]
        return f"{x}.unflatten(1, (-1, {op['pieces']})).amax(2)"

    def upsample(self, node, op):
        x = self.same(node)
        c, h, w = self.shapes[node["id"]]
        self.shapes[node["id"]] = [c, h * op["factor"], w * op["factor"]]
        return f"F.interpolate({x}, scale_factor={op['factor']}, mode='{op['fn']}')"

    def dropout(self, node, op):
        return f"F.dropout({self.same(node)}, {op['rate']}, self.training)"


def build(graph, weights, wanted):
    return Writer(graph, weights, wanted).module()
