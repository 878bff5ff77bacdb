"""How long a library takes to build its own MobileNetV2 and to count its parameters: `count.py torch|keras TIMES`."""

import os
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from common import timed  # noqa: E402

library, times = sys.argv[1], int(sys.argv[2])

if library == "torch":
    from torchvision.models import mobilenet_v2

    def count():
        return sum(p.numel() for p in mobilenet_v2().parameters())
else:
    from keras.applications import MobileNetV2

    def count():
        return MobileNetV2(weights=None).count_params()


timed(count, 2)
print(f"@{statistics.median(timed(count, times))}")
