#!/usr/bin/env bash
# The Ray job of a sweep on this machine: two workers and the course model, cut off in the middle and taken up again. About two minutes.
#   RAY_PYTHON=path/to/python bash test/sweep/ray.sh      (a Python with lib/recipes/ray/requirements.txt)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${RAY_PYTHON:?names a Python with lib/recipes/ray/requirements.txt}"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
head -16 data/security-qa/zh/train.jsonl > "$out/train.jsonl"
head -8 data/security-qa/zh/validation.jsonl > "$out/validation.jsonl"
npx tunelab sweep plan --model data/course-model --data "$out/train.jsonl" --validation "$out/validation.jsonl" --steps 8 --batch-size 4 \
  --grid "rank=2,8 learning-rate=1e-3,5e-3" --seeds 2 --out "$out/sweep"

# Cut off: the driver is ended, and Ray with it, as soon as one run is done. Runs that have begun come to their end by themselves.
"$RAY_PYTHON" "$out/sweep/ray_sweep.py" --workers 2 > "$out/first.log" 2>&1 & driver=$!
until grep -q ': done (' "$out/first.log"; do kill -0 $driver 2>/dev/null || { cat "$out/first.log"; fail "the job ended early"; }; sleep 0.2; done
kill -TERM $driver
wait $driver || true
while compgen -G "$out/sweep/runs/*/claim" > /dev/null; do sleep 0.2; done
done_before=$(grep -l '"status": "done"' "$out"/sweep/runs/*/result.json | wc -l)
echo "cut off with $done_before of 8 runs done"
[ "$done_before" -ge 1 ] && [ "$done_before" -lt 8 ] || fail "nothing was left to resume"
( cd "$out/sweep/runs" && stat -c '%Y %n' $(grep -l '"status": "done"' */result.json) ) > "$out/before"
sleep 1

"$RAY_PYTHON" "$out/sweep/ray_sweep.py" --workers 2 2>&1 | tee "$out/second.log"
grep -Eq "^8 runs, [1-7] done already" "$out/second.log" || fail "done runs were not recognised"
[ "$(grep -o 'process [0-9]*)' "$out/second.log" | sort -u | wc -l)" -ge 2 ] || fail "not two workers"
[ "$(grep -l '"status": "done"' "$out"/sweep/runs/*/result.json | wc -l)" -eq 8 ] || fail "runs are missing"
( cd "$out/sweep/runs" && stat -c '%Y %n' $(cut -d' ' -f2- "$out/before") ) | cmp -s - "$out/before" || fail "a run that was done was done again"
[ "$(grep -c '2 of 2' "$out/sweep/table.md")" -eq 4 ] || fail "the table is not complete"
"$RAY_PYTHON" "$out/sweep/ray_sweep.py" | grep -q "^8 runs, 8 done already" || fail "a third call found work"
echo "ok: 8 runs on two workers of Ray, resumed after a cut"
