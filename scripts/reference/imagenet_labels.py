"""The names of ImageNet's 1000 classes in the order of its classifiers, as TypeScript, from torchvision (BSD-3-Clause), whose
trained weights carry them.

    python scripts/reference/imagenet_labels.py src/import/imagenet-labels.ts
"""

import sys
import textwrap

import torchvision
from torchvision.models import ResNet18_Weights

labels = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
assert len(labels) == 1000 and not any(c in "|`\\\n" for label in labels for c in label)
version = torchvision.__version__.partition("+")[0]
lines = textwrap.wrap("| ".join(labels), 116, break_long_words=False, break_on_hyphens=False)
rows = "\n".join(lines)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write(f"""/** @file Made by scripts/reference/imagenet_labels.py from torchvision {version} (BSD-3-Clause); not edited by hand. */
const names = `
{rows}
`;

/** The name of each class of ImageNet-1k, in the order of its classifiers. */
export const imagenetLabels: readonly string[] = names.trim().replaceAll('\\n', ' ').split('| ');
""")
