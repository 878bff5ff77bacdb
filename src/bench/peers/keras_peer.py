"""Keras 3 on TensorFlow on a job: by train_on_batch and by a tf.function of its own, each with XLA and without; the fastest answers."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from common import THREADS, main, serve  # noqa: E402


def run(job):
    import keras
    import tensorflow as tf
    from keras_net import build

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    logits = job.graph["outputs"][0]
    pairs = job.pairs if job.kind == "distill" else []
    wanted = [logits, *(s for s, _ in pairs)]
    x, labels = tf.constant(job.x), tf.constant(job.labels)
    convs = [n for n in job.graph["nodes"] if n["op"]["kind"] == "conv" and n["op"]["groups"] > 1]
    grouped = any(job.weights[f"{n['id']}:kernel"].shape[2] > 1 for n in convs)  # depthwise convs have their own op
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    count = build(job.graph, job.weights, wanted)
    params = sum(int(tf.size(v)) for v in count.trainable_variables)

    def sgd():
        return keras.optimizers.SGD(job.rate, momentum=0.9, nesterov=True)

    def attention(x):
        f = tf.reshape(tf.reduce_mean(x * x, -1), [x.shape[0], -1])
        return f * tf.math.rsqrt(tf.maximum(tf.reduce_sum(f * f, 1, keepdims=True), 1e-24))

    def on_batch(jit, split):
        def make():
            model = build(job.graph, job.weights, wanted, split)
            model.compile(sgd(), entropy, jit_compile=jit)
            return (lambda: model.train_on_batch(job.x, job.labels)), None

        return make

    def by_function(jit, split):
        def make():
            model = build(job.graph, job.weights, wanted, split)
            teacher = build(*job.teacher, [t for _, t in pairs]) if pairs else None
            optimizer = sgd()
            optimizer.build(model.trainable_variables)

            @tf.function(jit_compile=jit)
            def update(x, labels):
                theirs = teacher(x, training=False) if teacher else []
                with tf.GradientTape() as tape:
                    out = model(x, training=True)
                    out, *mids = out if isinstance(out, (list, tuple)) else [out]
                    loss = entropy(labels, out)
                    if pairs:
                        gaps = [
                            tf.reduce_mean(tf.square(attention(s) - attention(t)))
                            for s, t in zip(mids, theirs, strict=True)
                        ]
                        loss += 1000 * 3 / len(gaps) * tf.add_n(gaps)
                grads = tape.gradient(loss, model.trainable_variables)
                optimizer.apply(grads, model.trainable_variables)
                return loss

            step = lambda: float(update(x, labels))  # noqa: E731
            return step, [step(), step()]

        return make

    def reading(jit):
        def make():
            model = build(job.graph, job.weights, wanted)
            forward = tf.function(lambda x: model(x, training=False), jit_compile=jit)

            def step():
                out = forward(x)
                return (out[0] if isinstance(out, (list, tuple)) else out).numpy()

            return step, None

        return make

    jits = [(False, ""), *([] if job.quick else [(True, " with XLA")])]
    if job.kind == "infer":
        variants = [(f"tf.function{name}", reading(jit)) for jit, name in jits]
    else:
        # TensorFlow has no gradient of grouped convs on a CPU but by XLA
        forms = [(jit, name, split) for jit, name in jits for split in ((False, True) if grouped else (False,))]
        forms = [f for f in forms if f[0] or f[2] or not grouped]
        told = {True: ", groups split", False: ""}
        variants = [(f"tf.function{name}{told[split]}", by_function(jit, split)) for jit, name, split in forms]
        if not pairs:
            variants += [(f"train_on_batch{name}{told[split]}", on_batch(jit, split)) for jit, name, split in forms]
    serve(job, variants, {"keras": keras.__version__, "tensorflow": tf.__version__}, params)


main(run)
