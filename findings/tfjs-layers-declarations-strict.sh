#!/usr/bin/env bash
# @tensorflow/tfjs-layers 4.22.0 ships declarations that do not compile under TypeScript's own strict mode.
#
# Expected: a published package's .d.ts files type-check in a project with "strict": true and "skipLibCheck": false, as those of
# @tensorflow/tfjs-core 4.22.0 do.
# Seen: with TypeScript 5.9.3, importing it gives TS2420 (class LayersModel does not implement its own interface InferenceModel: its
# shapes hold null) and TS2411 (optional properties under an index signature). Without strictNullChecks the same files compile. So
# every library that names one of its types in a public signature forces skipLibCheck on its users.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts typescript@5.9.3 @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0
echo "import { tensor } from '@tensorflow/tfjs-core'; tensor([1]).dispose();" > core.ts
echo "import { sequential } from '@tensorflow/tfjs-layers'; sequential();" > layers.ts
errors() { npx tsc --noEmit --module nodenext --target es2022 --skipLibCheck false "$@" | grep -o 'error TS[0-9]*' | sort | uniq -c | tr -s ' ' || true; }
core=$(errors --strict true core.ts)
layers=$(errors --strict true layers.ts)
loose=$(errors --strict true --strictNullChecks false layers.ts)
echo "tfjs-core, strict:                       ${core:-no error}"
echo "tfjs-layers, strict:                     ${layers:-no error}" | tr '\n' ' '; echo
echo "tfjs-layers, strict without null checks: ${loose:-no error}"
[ -z "$core" ] && [ -z "$loose" ] && grep -q TS2420 <<< "$layers" && grep -q TS2411 <<< "$layers"
