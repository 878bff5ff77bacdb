"""A graph as a Keras functional model, channels last."""

import keras
from common import Missing, sides
from keras import layers, ops

ACTIVATIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "hardSwish": "hard_swish",
    "hardSigmoid": "hard_sigmoid",
    "sigmoid": "sigmoid",
    "swish": "silu",
    "tanh": "tanh",
    "gelu": "gelu",
    "softmax": "softmax",
}


class Builder:
    """Folds a graph into layers. `split` writes a grouped conv as one conv a group, where the library lacks its gradient."""

    def __init__(self, graph, weights, wanted, split):
        self.graph, self.weights, self.wanted, self.split = graph, weights, wanted, split
        self.owners, self.values, self.loads = {}, {}, []

    def model(self):
        for node in self.graph["nodes"]:
            visit = getattr(self, node["op"]["kind"], None)
            if visit is None:
                raise Missing(f"this peer does not know the kind {node['op']['kind']} of {node['id']}")
            self.values[node["id"]] = visit(node, node["op"], *(self.values[s] for s in node["inputs"]))
        source = next(self.values[n["id"]] for n in self.graph["nodes"] if n["op"]["kind"] == "input")
        outputs = [self.values[w] for w in self.wanted]
        model = keras.Model(source, outputs if len(outputs) > 1 else outputs[0])
        for layer, arrays in self.loads:
            layer.set_weights(arrays)
        return model

    def value(self, node, *slots):
        found = (self.weights.get(f"{node['id']}:{slot}") for slot in slots)
        return [array for array in found if array is not None]

    def put(self, node, make, *slots, shape=None):
        owner = node.get("weightsOf", node["id"])
        if owner not in self.owners:
            layer = self.owners[owner] = make()
            arrays = self.value(node, *slots)
            if shape is not None:
                arrays[0] = arrays[0].reshape(shape)
            self.loads.append((layer, arrays))
        return self.owners[owner]

    def input(self, node, op):
        return keras.Input(op["shape"])

    def conv(self, node, op, x):
        _, h, w, c = x.shape
        k, s, d, groups = op["kernel"], op["stride"], op["dilation"], op["groups"]
        top, bottom, left, right = sides(op["padding"], (h, w), k, s, d)
        padding = "valid"
        if (top, bottom, left, right) == sides("same", (h, w), k, s, d):
            padding = "same"
        elif top + bottom + left + right:
            x = layers.ZeroPadding2D(((top, bottom), (left, right)))(x)
        shared = {"strides": s, "padding": padding, "dilation_rate": d, "use_bias": op["bias"]}
        if groups == c and groups > 1 and s[0] == s[1]:
            times = op["out"] // c
            make = lambda: layers.DepthwiseConv2D(k, depth_multiplier=times, **shared)  # noqa: E731
            return self.put(node, make, "kernel", "bias", shape=[*k, c, times])(x)
        if groups > 1 and self.split:
            return self.grouped(node, op, x, shared)
        return self.put(node, lambda: layers.Conv2D(op["out"], k, groups=groups, **shared), "kernel", "bias")(x)

    def grouped(self, node, op, x, shared):
        groups, out = op["groups"], op["out"] // op["groups"]
        (kernel, *bias) = self.value(node, "kernel", "bias")
        parts = []
        for i, part in enumerate(ops.split(x, groups, 3)):
            layer = layers.Conv2D(out, op["kernel"], **shared)
            parts.append(layer(part))
            mine = slice(i * out, (i + 1) * out)
            self.loads.append((layer, [kernel[..., mine], *(b[mine] for b in bias)]))
        return layers.Concatenate()(parts)

    def dense(self, node, op, x):
        return self.put(node, lambda: layers.Dense(op["out"], use_bias=op["bias"]), "kernel", "bias")(x)

    def norm(self, node, op, x):
        make = lambda: layers.BatchNormalization(  # noqa: E731
            momentum=op["momentum"], epsilon=op["eps"], scale=op["scale"], center=op["offset"]
        )
        return self.put(node, make, "gamma", "beta", "mean", "variance")(x)

    def act(self, node, op, x):
        return layers.Activation(ACTIVATIONS[op["fn"]])(x)

    def pool(self, node, op, x):
        size = x.shape[1:3]
        k, s = op["size"], op["stride"]
        pads = sides(op["padding"], size, k, s, (1, 1))
        kind = layers.MaxPooling2D if op["fn"] == "max" else layers.AveragePooling2D
        if not any(pads):
            return kind(k, s, "valid")(x)
        if pads == sides("same", size, k, s, (1, 1)):
            return kind(k, s, "same")(x)
        if op["fn"] == "avg":
            raise Missing(f"{node['id']}: this peer pads average pools as 'same' only")
        top, bottom, left, right = pads
        around = [[0, 0], [top, bottom], [left, right], [0, 0]]
        return kind(k, s, "valid")(ops.pad(x, around, constant_values=float("-inf")))

    def globalPool(self, node, op, x):  # noqa: N802
        return (layers.GlobalAveragePooling2D if op["fn"] == "avg" else layers.GlobalMaxPooling2D)()(x)

    def add(self, node, op, *xs):
        return layers.Add()(list(xs))

    def mul(self, node, op, *xs):
        most = max(len(x.shape) for x in xs)
        wide = [x if len(x.shape) == most else layers.Reshape((1, 1, x.shape[-1]))(x) for x in xs]
        return layers.Multiply()(wide)

    def concat(self, node, op, *xs):
        return layers.Concatenate()(list(xs))

    def slice(self, node, op, x):
        return x[..., op["from"] : op["to"]]

    def shuffle(self, node, op, x):
        _, h, w, c = x.shape
        parts = ops.reshape(x, (-1, h, w, op["groups"], c // op["groups"]))
        return ops.reshape(ops.transpose(parts, (0, 1, 2, 4, 3)), (-1, h, w, c))

    def permute(self, node, op, x):
        return ops.take(x, op["order"], axis=-1)

    def flatten(self, node, op, x):
        return layers.Flatten()(x)

    def maxout(self, node, op, x):
        *image, c = x.shape[1:]
        return ops.max(ops.reshape(x, (-1, *image, c // op["pieces"], op["pieces"])), axis=-1)

    def upsample(self, node, op, x):
        return layers.UpSampling2D(op["factor"], interpolation=op["fn"])(x)

    def dropout(self, node, op, x):
        return layers.Dropout(op["rate"])(x)


def build(graph, weights, wanted, split=False):
    keras.backend.clear_session()
    return Builder(graph, weights, wanted, split).model()
