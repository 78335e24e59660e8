#!/usr/bin/env bash
# A student's own copy of the course, and then a command in it:  deploy/student.sh jupyter-lab …
# Only the notebooks are copied; the rest are links into the course, which may be read-only. What the student writes (notebooks,
# runs, progress, compiled programs) stays in TUNELAB_WORK, by default ~/tunelab, and is never overwritten.
set -euo pipefail
course=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
work=${TUNELAB_WORK:-$HOME/tunelab}
mkdir -p "$work/runs" "$work/progress" "$work/.cache/xla"

for entry in "$course"/* "$course"/.venv; do
  name=$(basename "$entry")
  case $name in notebooks|runs|progress|'*') continue ;; esac
  ln -sfn "$entry" "$work/$name"
done
# New notebooks of the course come in; those that are there are the student's.
( cd "$course/notebooks" && find . -type d -exec mkdir -p "$work/notebooks/{}" \; \
    && find . -type f ! -path '*/.ipynb_checkpoints/*' ! -name 'tmp-*' -print0 | while IFS= read -r -d '' file; do
      [ -e "$work/notebooks/$file" ] || cp "$file" "$work/notebooks/$file"
    done )

export PATH="$course/.venv/bin:$PATH" JUPYTER_PREFER_ENV_PATH=1
export TUNELAB_COMPILE_CACHE=${TUNELAB_COMPILE_CACHE:-$work/.cache/xla}
cd "$work"
[ $# -gt 0 ] || set -- jupyter-lab
command=$1; shift
case $command in
  jupyter-lab|jupyterhub-singleuser|*/jupyterhub-singleuser)
    exec "$command" --ServerApp.root_dir="$work" --LabApp.default_url=/lab/tree/notebooks/README.md \
      --MappingKernelManager.default_kernel_name=tslab --LabApp.extension_manager=readonly \
      --ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e8 "$@" ;;
  *) exec "$command" "$@" ;;
esac
