"""Does the runs of a sweep on the workers of a Ray cluster, and collects them in one table.

    python runs/sweep/ray_sweep.py --workers 2                         # Ray on this machine, two runs at a time
    python runs/sweep/ray_sweep.py --address auto --cpus 4 --gpus 1    # a cluster that is there: as many as fit

Start it where the sweep was planned: paths are those of the plan. Every machine needs the course in the same place, and this folder
on a disk that all of them share. Runs that are done are not done again; one that was cut off goes on from its checkpoint.
Written by `tunelab sweep plan`.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import ray

HERE = Path(__file__).resolve().parent
TUNELAB = shlex.split(os.environ.get("TUNELAB", "npx tunelab"))


def is_done(run):
    try:
        return json.loads((HERE / "runs" / run["id"] / "result.json").read_text(encoding="utf-8"))["status"] == "done"
    except (OSError, ValueError, KeyError):
        return False


@ray.remote(max_retries=0)
def one(run, root, folder):
    """One run on whatever worker Ray chooses; its result lies in the folder, here only how it went."""
    command = [*TUNELAB, "sweep", "run", "--out", folder, "--only", run["id"], "--json"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, encoding="utf-8")
    said = ended.stdout.strip().splitlines()[-1:] or ["{}"]
    trouble = [*json.loads(said[0]).get("failures", []), *json.loads(said[0]).get("elsewhere", [])] if said[0].startswith("{") else []
    return {"run": run, "code": ended.returncode, "worker": f"{os.uname().nodename}, process {os.getpid()}", "trouble": trouble or ([ended.stderr[-500:]] if ended.returncode else [])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="of a cluster (auto: the one that this machine belongs to); without it Ray starts here")
    parser.add_argument("--workers", type=int, default=2, help="without --address: runs at the same time (%(default)s)")
    parser.add_argument("--cpus", type=float, default=1, help="processors that a run claims (%(default)s)")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs that a run claims (%(default)s)")
    args = parser.parse_args()

    runs = json.loads((HERE / "sweep.json").read_text(encoding="utf-8"))["runs"]
    waiting = [run for run in runs if not is_done(run)]
    print(f"{len(runs)} runs, {len(runs) - len(waiting)} done already", flush=True)
    bad = 0
    if waiting:
        ray.init(**({"address": args.address} if args.address else {"num_cpus": max(1, round(args.workers * args.cpus)), "include_dashboard": False}))
        task = one.options(num_cpus=args.cpus, num_gpus=args.gpus)
        left = [task.remote(run, os.getcwd(), os.path.relpath(HERE)) for run in waiting]
        while left:
            [ready], left = ray.wait(left, num_returns=1)
            try:
                result = ray.get(ready)
            except ray.exceptions.RayError as error:  # a worker or its machine died; the other runs go on
                print(f"lost a run: {error}", file=sys.stderr, flush=True)
                bad += 1
                continue
            bad += result["code"] != 0 or bool(result["trouble"])
            settings = " ".join(f"{name}={value}" for name, value in result["run"]["settings"].items())
            print(f"{settings}: {'; '.join(result['trouble']) or 'done'} ({result['worker']}); {len(left)} left", flush=True)
    table = subprocess.run([*TUNELAB, "sweep", "table", "--out", os.path.relpath(HERE)])
    sys.exit(1 if bad or table.returncode else 0)


if __name__ == "__main__":
    main()
